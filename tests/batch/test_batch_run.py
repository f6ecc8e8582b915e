"""Batches end to end, as real processes on real photographs: resumed, killed, interrupted."""

import hashlib
import json
import random
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image

from imuge.batch.journal import MANIFEST
from imuge.batch.output_folder import OutputFolder

pytestmark = pytest.mark.usefixtures("held")
FAST = ("--processes", 2)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def run_process(start):
    """The command as a process, ended; gives what it says after checking its exit status."""

    def go(*arguments, status=0):
        process = start("batch", *arguments)
        assert process.wait(300) == status, process.log.read_text()
        return process.log.read_text()

    return go


def manifest(out):
    """Header and records, one parsed object a line."""
    lines = (out / MANIFEST).read_text("utf-8").splitlines()
    header, *records = map(json.loads, lines)
    return header, records


def files(folder):
    """Every file but the manifest and the batch's own: its hash and when it was written."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("manifest") and path.name != "lock"
    }


def until(process, condition):
    """Wait until something is so, while the process runs."""
    deadline = time.monotonic() + 300  # machines are shared
    while not condition():
        assert process.poll() is None, process.log.read_text()
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.002)


def lines(out):
    path = out / "manifest.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def assert_whole(photos, out, guard):
    """Every picture is recorded exactly once, and its output is in place, intact and its own."""
    _, records = manifest(out)
    inputs = sorted(str(path.relative_to(photos)) for path in photos.rglob("*") if path.is_file())
    assert sorted(record["name"] for record in records) == inputs
    assert files(out).keys() == set(inputs)
    for record in records:
        path = out / record["output"]
        assert record["error"] is None
        assert hashlib.sha256(path.read_bytes()).hexdigest() == record["output_sha256"]
        verdict = guard.verify(path, recover=False)
        assert (verdict.verdict, verdict.image_id) == ("intact", record["image_id"])


@pytest.mark.slow
def test_a_batch_is_made_verified_and_resumed(photos, out, run, run_process, guard):
    folder = photos(6)
    (folder / "notes.txt").touch()
    said = run_process("immunize", folder, "--out", out, *FAST)
    assert "6 pictures: 6 immunized" in said
    assert "Left out 1: notes.txt" in said
    (folder / "notes.txt").unlink()
    assert_whole(folder, out, guard)

    before = files(out)
    assert "6 were finished by earlier runs" in run("immunize", folder, "--out", out)
    assert files(out) == before

    # A changed input, a lost output, an altered one, a picture more and one fewer.
    shutil.copy(folder / "a00.png", folder / "a03.png")
    (out / "a00.png").unlink()
    (out / "sub/b01.jpg").write_bytes(b"altered")
    shutil.copy(folder / "a00.png", folder / "z.png")
    (folder / "sub/deep/ü05.webp").unlink()
    assert "6 pictures: 6 immunized" in run("immunize", folder, "--out", out, *FAST)
    after = files(out)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"a00.png", "a03.png", "sub/b01.jpg", "z.png"}
    assert len(manifest(out)[1]) == 7  # the deleted picture's record and output stay


def test_one_bad_file_fails_alone_and_can_be_tried_again(photos, out, run, guard):
    folder = photos(2)
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    said = run("immunize", folder, "--out", out, *FAST, status=1)
    assert "3 pictures: 2 immunized, 1 failed" in said
    assert "imuge: bad.jpg: the JPEG header is damaged" in said
    assert [r["output"] for r in manifest(out)[1] if r["error"]] == [None]

    run("immunize", folder, "--out", out, status=1)  # a failure is kept
    (folder / "bad.jpg").write_bytes((folder / "a00.png").read_bytes())
    assert "3 pictures: 3 immunized" in run("immunize", folder, "--out", out)
    assert_whole(folder, out, guard)
    (record,) = [r for r in manifest(out)[1] if r["name"] == "bad.jpg"]
    assert record["warnings"] == ["the file is PNG although its name ends in .jpg"]


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [1, 4])
def test_killed_in_the_middle_nothing_is_lost_and_nothing_done_twice(
    photos, out, run, start, guard, recorded
):
    folder = photos(8)
    process = start("batch", "immunize", folder, "--out", out, *FAST)
    until(process, lambda: lines(out) > recorded)
    process.send_signal(signal.SIGKILL)
    process.wait(300)
    finished = {r["name"]: r for r in manifest(out)[1]}
    assert recorded <= len(finished) < 8
    before = files(out)
    run("immunize", folder, "--out", out, *FAST)
    assert_whole(folder, out, guard)
    after = {r["name"]: r for r in manifest(out)[1]}
    assert {name: after[name] for name in finished} == finished
    assert {name: files(out)[name] for name in before if name in finished} == {
        name: kept for name, kept in before.items() if name in finished
    }


@pytest.mark.slow
def test_killed_at_ten_random_moments(photos, out, run, start, guard):
    folder, moments = photos(12, width=256, height=256), random.Random(6)
    seen = {}
    for _ in range(10):
        process = start("batch", "immunize", folder, "--out", out, *FAST)
        known = lines(out)
        until(process, lambda known=known: lines(out) > max(known, 1) or lines(out) == 13)
        time.sleep(moments.random())  # the moment is what is random, nothing waits for it
        process.send_signal(signal.SIGKILL)
        process.wait(300)
        for line in (out / "manifest.jsonl").read_bytes().split(b"\n")[1:-1]:
            record = json.loads(line)
            assert seen.setdefault(record["name"], record) == record, "done twice"
        if len(seen) == 12:
            break
    assert len(seen) > 3
    run("immunize", folder, "--out", out, *FAST)
    assert_whole(folder, out, guard)
    assert {name: r for r in manifest(out)[1] if (name := r["name"]) in seen} == seen


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_what_runs_and_says_how_to_go_on(
    photos, out, run, start, guard, number
):
    folder = photos(8)
    process = start("batch", "immunize", folder, "--out", out, *FAST)
    until(process, lambda: lines(out) > 1)
    process.send_signal(number)
    assert process.wait(300) == 128 + number
    said = process.log.read_text()
    assert "left to do" in said
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    _, records = manifest(out)
    assert files(out).keys() == {record["name"] for record in records}  # none is half done
    assert 1 <= len(records) < 8
    run("immunize", folder, "--out", out, *FAST)
    assert_whole(folder, out, guard)


@pytest.mark.slow
def test_a_file_killed_on_its_way_into_place_is_put_there(photos, out, run, guard):
    """The moment between the manifest's line and the output's own name, made by hand."""
    folder = photos(3)
    run("immunize", folder, "--out", out, *FAST)
    before = manifest(out)
    OutputFolder(out).stage({"a00.png": (out / "a00.png").read_bytes()})
    (out / "a00.png").unlink()
    run("immunize", folder, "--out", out)
    assert_whole(folder, out, guard)
    assert manifest(out) == before
    assert not list((out / ".imuge-batch").glob("staged/*"))


@pytest.mark.slow
def test_files_of_others_are_kept_and_restart_replaces_only_its_own(photos, out, run, guard):
    folder = photos(2)
    out.mkdir()
    (out / "a00.png").write_bytes(b"precious")
    said = run("immunize", folder, "--out", out, status=2)
    assert "holds 1 of the files to be written already" in said
    assert (out / "a00.png").read_bytes() == b"precious"
    (out / "a00.png").unlink()

    run("immunize", folder, "--out", out, *FAST)
    said = run("immunize", folder, "--out", out, "--strength", 1.2, status=2)
    assert '"strength": 1.0' in said
    assert "--restart to begin again" in said
    before = files(out)
    run("immunize", folder, "--out", out, "--strength", 1.2, "--restart", *FAST)
    assert_whole(folder, out, guard)
    assert files(out).keys() == before.keys()
    assert not files(out).items() & before.items()
    assert (out / "manifest.old-1.jsonl").exists()

    shutil.copy(folder / "a00.png", folder / "new.png")
    (out / "new.png").write_bytes(b"precious")
    run("immunize", folder, "--out", out, "--strength", 1.2, "--restart", status=2)
    assert (out / "new.png").read_bytes() == b"precious"


@pytest.mark.slow
def test_a_second_run_beside_the_first_is_refused(photos, out, run, start):
    folder = photos(4)
    first = start("batch", "immunize", folder, "--out", out, *FAST)
    until(first, lambda: (out / ".imuge-batch/lock").exists() and lines(out) > 0)
    assert "another run (process" in run("immunize", folder, "--out", out, status=2)
    assert first.wait(300) == 0


@pytest.mark.slow
def test_verdicts_reports_and_the_exit_status(photos, out, run, tmp_path, other_photograph):
    folder = photos(3, width=256, height=256)
    run("immunize", folder, "--out", out, *FAST)
    with Image.open(out / "a00.png") as image:
        pixels = np.array(image)
    pixels[64:160, 96:192] = other_photograph[64:160, 96:192]
    Image.fromarray(pixels).save(out / "a00.png")
    checked = tmp_path / "checked"
    said = run("verify", out, "--out", checked, *FAST, status=10)
    assert "3 pictures: 2 intact, 1 tampered" in said
    verdicts = {record["name"]: record for record in manifest(checked)[1]}
    assert verdicts["a00.png"]["verdict"] == "tampered"
    assert 0.05 < verdicts["a00.png"]["tampered_area"] < 0.3
    assert verdicts["sub/b01.jpg"]["files"] == {}
    endings = ["hidden-copy.png", "mask.png", "overlay.png", "recovered.png", "report.html"]
    made = {f"a00.png.{ending}" for ending in [*endings, "verdict.json"]}
    assert files(checked).keys() == made == verdicts["a00.png"]["files"].keys()
    assert run("verify", out, "--out", checked, status=10).count("3 were finished") == 1

    shutil.copy(out / "sub/b01.jpg", out / "a00.png")  # intact now: its report would mislead
    assert "3 pictures: 3 intact" in run("verify", out, "--out", checked)
    assert files(checked) == {}


@pytest.mark.slow
def test_a_list_with_wishes_of_its_own(photos, out, run, tmp_path, guard):
    folder = photos(2)
    rows = [
        {"input": "photos/a00.png", "output": "x/one.jpg", "strength": 1.5},
        {"input": str(folder / "sub/b01.jpg")},
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run("immunize", tmp_path / "list.jsonl", "--out", out, *FAST)
    assert files(out).keys() == {"x/one.jpg", "b01.jpg"}
    one = next(r for r in manifest(out)[1] if r["name"] == "x/one.jpg")
    assert one["options"] == {"strength": 1.5}
    assert (out / "x/one.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert guard.verify(out / "x/one.jpg").verdict == "intact"
