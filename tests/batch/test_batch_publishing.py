"""A batch that publishes: one record a picture whatever kills it, receipts, verdicts that ask."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from imuge.batch.journal import Journal
from imuge.batch.output_folder import OutputFolder
from imuge.batch.publishing import Registrar, receipts_of
from imuge.batch.record import Record
from imuge.batch.work import sha256
from imuge.registry import Evidence, PublishedPicture, Receipt, Registry, verify_receipt
from imuge.registry.receipts import SUFFIX

STAGES = ("staged", "recorded", "committed", "journaled", "placed", "shown")
PUBLISHER = Path(__file__).with_name("batch_publisher.py")
HEADER = dict.fromkeys(("schema", "command", "source", "options", "key_ids", "model_sha256"))


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """One that commands find, also in processes of their own."""
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(tmp_path / "registry.sqlite"))
    with Registry.create(name="registry.example.org/batch") as made:
        yield made


def records(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()[1:]]


def assert_published_once(out, registry, count):
    """Every output has one record, of its own bytes, and a receipt that holds; nothing else has."""
    lines = records(out)
    assert len(lines) == count == registry.show().size
    assert Counter(line["log_index"] for line in lines) == Counter(range(count))
    for line in lines:
        data = (out / line["output"]).read_bytes()
        match = registry.record(line["log_index"])
        assert match.record.sha256_published == sha256(data) == line["output_sha256"]
        assert (match.record.image_id, match.withdrawn) == (line["image_id"], None)
        receipt = Receipt.parse((out / (line["output"] + SUFFIX)).read_bytes())
        checked = verify_receipt(receipt, registry.verifier, file=data)
        assert checked.record.log_index == line["log_index"]
    assert not list((out / ".imuge-batch").glob("staged/*"))


def staged(folder, registry, number, data=b"a picture"):
    """A picture that was staged and recorded; gives its line of the manifest."""
    record = Record(name="a.png", input="a.png", output="a.png", output_sha256=sha256(data))
    folder.stage({"a.png": data})
    folder.stage_note(record)
    picture = PublishedPicture(
        key_id="0123abcd",
        image_id=f"{number:012x}",
        sha256_original=sha256(b"original"),
        sha256_published=sha256(data),
        width=64,
        height=64,
        format="PNG",
        frame_side=64,
        model="test",
        strength=1.0,
        evidence=Evidence(pdq=bytes(32), pdq_quality=0, grid=bytes(4096)),
    )
    return record, registry.publish(picture).record.log_index


def test_what_is_recorded_and_in_no_manifest_is_taken_over(tmp_path, registry):
    folder = OutputFolder(tmp_path / "out")
    record, number = staged(folder, registry, 1)
    unknown = Record(name="b.png", input="b.png", output="b.png", output_sha256=sha256(b"b"))
    folder.stage_note(unknown)  # killed before its commit
    registrar = Registrar(registry, folder)
    with Journal(tmp_path / "out/manifest.jsonl", HEADER | {"overwrite": False}) as journal:
        registrar.adopt(journal)
        registrar.adopt(journal)  # again, as after another kill
        assert [r.log_index for r in journal.records.values()] == [number] == [0]
    assert records(tmp_path / "out")[0]["name"] == record.name
    assert len(records(tmp_path / "out")) == 1


def test_a_receipt_that_is_missing_or_of_another_file_is_made(tmp_path, registry):
    folder = OutputFolder(tmp_path)
    record, number = staged(folder, registry, 1)
    record = Record(**vars_of(record) | {"log_index": number})
    registrar, path = Registrar(registry, folder), tmp_path / ("a.png" + SUFFIX)
    registrar.complete(record)
    assert not path.exists()  # nor is its file
    folder.place("a.png", record.output_sha256, overwrite=False)
    for found in (None, b"{}", registry.receipt(number).to_json().replace(b"a", b"b")):
        if found is not None:
            path.write_bytes(found)
        registrar.complete(record)
        verify_receipt(Receipt.parse(path.read_bytes()), registry.verifier, file=b"a picture")
    before = path.stat().st_mtime_ns
    registrar.complete(record)
    assert path.stat().st_mtime_ns == before


def vars_of(record):
    return {name: getattr(record, name) for name in Record.__dataclass_fields__}


def test_the_receipt_of_an_earlier_success_stays_the_batchs_own():
    failed = Record(name="a.png", input="a.png", error="damaged", log_index=3)
    never = Record(name="b.png", input="b.png", error="damaged")
    assert receipts_of({"a.png": failed, "b.png": never}) == {"a.png" + SUFFIX}


def test_a_file_that_cannot_be_placed_has_its_record_withdrawn(tmp_path, registry):
    record, number = staged(OutputFolder(tmp_path), registry, 1)
    Registrar(registry, OutputFolder(tmp_path)).take_back(
        Record(**vars_of(record) | {"log_index": number})
    )
    assert registry.record(number).withdrawn.note.startswith("never published")


@pytest.mark.usefixtures("held")
def test_without_a_registry_the_batch_does_not_begin(photos, tmp_path, run, monkeypatch):
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(tmp_path / "none.sqlite"))
    said = run("immunize", photos(1), "--out", tmp_path / "out", "--registry", status=1)
    assert "imuge registry init" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("held")
def test_a_cluster_does_not_publish(photos, tmp_path, run, registry):
    options = ("--registry", "--engine", "ray")
    said = run("immunize", photos(1), "--out", tmp_path / "out", *options, status=2)
    assert "--engine local" in said
    assert registry.show().size == 0


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_published_verified_and_done_again(photos, tmp_path, run, registry):
    folder, out, checked = photos(3), tmp_path / "out", tmp_path / "checked"
    arguments = ("immunize", folder, "--out", out, "--registry", "--publisher", "The Times")
    run(*arguments)
    assert_published_once(out, registry, 3)
    assert "3 were finished by earlier runs" in run(*arguments)
    assert registry.show().size == 3

    said = run("verify", out, "--out", checked, "--registry")
    assert "3 pictures: 3 intact" in said
    for line in records(checked):
        assert (line["registry"], line["reference"]) == ("found", "agrees")
        assert line["publisher"] == "The Times"
        assert line["published_at"] is not None

    # A lost receipt is issued again, a lost file is another publication, which says so.
    (out / ("a00.png" + SUFFIX)).unlink()
    (out / "sub/b01.jpg").unlink()
    run(*arguments)
    line = next(line for line in records(out) if line["name"] == "sub/b01.jpg")
    assert line["log_index"] == 3
    first = next(m.record.log_index for m in registry.find_file(line["input_sha256"]))
    assert registry.record(3).record.replaces == first
    for name in ("a00.png", "sub/b01.jpg"):
        receipt = Receipt.parse((out / (name + SUFFIX)).read_bytes())
        verify_receipt(receipt, registry.verifier, file=(out / name).read_bytes())


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_a_note_beside_each_file_without_a_registry(photos, tmp_path, run):
    folder, out = photos(1), tmp_path / "out"
    run("immunize", folder, "--out", out, "--receipt", "--publisher", "The Times")
    facts = json.loads((out / ("a00.png" + SUFFIX)).read_text())["record"]
    assert facts["sha256_published"] == sha256((out / "a00.png").read_bytes())
    assert facts["publisher"] == "The Times"
    assert "1 were finished" in run(
        "immunize", folder, "--out", out, "--receipt", "--publisher", "The Times"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_every_step_each_picture_is_recorded_once(photos, tmp_path, run, registry, stage):
    folder, out = photos(3), tmp_path / "out"
    arguments = ("immunize", folder, "--out", out, "--registry")
    command = [sys.executable, PUBLISHER, stage, "2", "batch", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    run(*arguments)
    assert_published_once(out, registry, 3)


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_killed_at_random_each_picture_is_recorded_once(photos, tmp_path, start, registry):
    folder, out = photos(6), tmp_path / "out"
    arguments = ("batch", "immunize", folder, "--out", out, "--registry", "--processes", 2)
    rng = random.Random(1)
    for goal in (1, 3, 5):
        process = start(*arguments)
        while process.poll() is None and registry.show().size < goal:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
    process = start(*arguments)
    assert process.wait(300) == 0, process.log.read_text()
    assert_published_once(out, registry, 6)
