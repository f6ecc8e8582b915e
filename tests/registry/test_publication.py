"""Neither file nor record is ever alone: killed processes, full disks, several writers."""

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from registry_samples import NAME, picture

from imuge import files
from imuge.errors import ImageError, RegistryError, TakenError
from imuge.registry import Receipt, Registry, publication, verify_receipt
from imuge.registry.publication import NEVER_OUT, publish_file
from imuge.registry.receipts import receipt_path

PUBLISHER = Path(__file__).with_name("publisher.py")
STAGES = ["staged", "recorded", "committed", "placed"]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "published"
    made.mkdir()
    return made


def publisher(url, key, folder, first, count, stage="never"):
    command = [sys.executable, PUBLISHER, url, key, folder, first, count, stage]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def publish_many(registry, folder):
    """Publish until something stops it."""
    for number in range(1, 200):
        data = b"%d" % number
        publish_file(registry, picture(number, data=data), data, folder / f"{number}.jpg")


def all_is_whole(registry, folder):
    """Every file under its final name is recorded, and the log is sound. Gives both counts."""
    found = [path for path in folder.iterdir() if path.suffix == ".jpg" and path.name[0] != "."]
    for path in found:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert [match.by for match in registry.find_file(sha256)] == ["file"], path
    audit = registry.audit()
    assert audit.problems == ()
    return len(found), audit.size


def test_a_file_its_record_and_its_receipt(registry, folder):
    receipt = publish_file(registry, picture(0, data=b"data"), b"data", folder / "a.jpg")
    assert (folder / "a.jpg").read_bytes() == b"data"
    written = Receipt.parse(receipt_path(folder / "a.jpg").read_bytes())
    assert written == receipt
    verify_receipt(written, registry.verifier, file=b"data")
    assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "a.jpg.receipt.json"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_process_killed_at_any_stage_leaves_nothing_half(stage, registry, url, folder, tmp_path):
    registry.publish(picture(100))
    process = publisher(url, tmp_path / "registry.key", folder, 0, 2, stage)
    said, errors = process.communicate(timeout=60)
    assert (said.split(), process.returncode, errors) == (["0"], -signal.SIGKILL, "")
    found, size = all_is_whole(registry, folder)
    assert (found, size) == {
        "staged": (1, 2),
        "recorded": (1, 2),
        "committed": (1, 3),
        "placed": (2, 3),
    }[stage]
    # Whoever comes next goes on: no lock was left, and no index is missing.
    publish_file(registry, picture(1, data=b"x", image_id="f" * 12), b"x", folder / "next.jpg")
    assert all_is_whole(registry, folder) == (found + 1, size + 1)


@pytest.mark.slow
def test_processes_killed_at_any_moment_lose_nothing(registry, url, folder, tmp_path):
    draw = random.Random(17)
    said = 0
    for turn in range(12):
        process = publisher(url, tmp_path / "registry.key", folder, turn * 10_000, 10_000)
        process.stdout.readline()
        time.sleep(draw.uniform(0, 0.1))
        process.kill()
        rest, _ = process.communicate(timeout=60)
        said += 1 + len(rest.split())
        found, size = all_is_whole(registry, folder)
        assert said <= found <= said + turn + 1
        assert found <= size <= found + turn + 1
    assert said > 12


@pytest.mark.slow
def test_two_processes_publish_at_once(registry, url, folder, tmp_path):
    each = 25
    both = [
        publisher(url, tmp_path / "registry.key", folder, turn * 1000, each) for turn in range(2)
    ]
    for process in both:
        said, errors = process.communicate(timeout=120)
        assert (len(said.split()), process.returncode, errors) == (each, 0, "")
    assert all_is_whole(registry, folder) == (2 * each, 2 * each)
    for path in folder.glob("*.receipt.json"):
        receipt = Receipt.parse(path.read_bytes())
        file = path.with_name(path.name.removesuffix(".receipt.json"))
        verify_receipt(receipt, registry.verifier, file=file.read_bytes())


def test_where_recording_fails_no_file_is_left(registry, folder):
    registry.publish(picture(0))
    same = picture(1, data=b"x", image_id=picture(0).image_id)
    with pytest.raises(TakenError):
        publish_file(registry, same, b"x", folder / "a.jpg")
    assert list(folder.iterdir()) == []
    (folder / "a.jpg").write_bytes(b"old")
    with pytest.raises(TakenError):
        publish_file(registry, same, b"x", folder / "a.jpg", overwrite=True)
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("a.jpg", b"old")]
    with pytest.raises(ImageError, match="exists and is not replaced"):
        publish_file(registry, picture(2, data=b"x"), b"x", folder / "a.jpg")
    assert registry.show().size == 1


def test_a_file_that_cannot_get_its_name_is_withdrawn(registry, folder, monkeypatch):
    def refuse(*_, **__):
        raise FileExistsError

    monkeypatch.setattr(files, "put_in_place", refuse)
    with pytest.raises(ImageError, match="exists and is not replaced"):
        publish_file(registry, picture(0, data=b"x"), b"x", folder / "a.jpg")
    assert list(folder.iterdir()) == []
    withdrawn = registry.record(0).withdrawn
    assert (withdrawn.log_index, withdrawn.note) == (1, NEVER_OUT)
    assert registry.evidence(0) is None


def test_a_receipt_that_cannot_be_written_is_said(registry, folder, monkeypatch):
    def refuse(*_, **__):
        raise ImageError("the disk is full")

    monkeypatch.setattr(publication, "write_atomically", refuse)
    with pytest.raises(RegistryError, match="recorded as 0, but its receipt is not: the disk"):
        publish_file(registry, picture(0, data=b"x"), b"x", folder / "a.jpg")
    assert all_is_whole(registry, folder) == (1, 1)


def test_a_database_that_is_away_leaves_no_file(folder, tmp_path):
    key = tmp_path / "registry.key"
    with Registry.create(str(tmp_path / "gone.sqlite"), name=NAME, key_file=key) as gone:
        (tmp_path / "gone.sqlite").unlink()
        with pytest.raises(RegistryError, match=r"registry .* failed"):
            publish_file(gone, picture(0, data=b"x"), b"x", folder / "a.jpg")
    assert list(folder.iterdir()) == []


def test_a_full_disk_under_the_database_leaves_no_file(tmp_path, folder):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with Registry.create(str(small / "r"), name=NAME, key_file=tmp_path / "k") as registry:
            with pytest.raises(RegistryError, match="the disk is full") as caught:
                publish_many(registry, folder)
            assert "\n" not in str(caught.value)
            found, size = all_is_whole(registry, folder)
            assert found == size > 3
            assert not [path for path in folder.iterdir() if path.name[0] == "."]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_limit_on_file_sizes_leaves_no_file(folder, sqlite_registry):
    sqlite_registry.publish(picture(0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = Path(sqlite_registry.address.file).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(RegistryError, match="the disk"):
            publish_many(sqlite_registry, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    found, size = all_is_whole(sqlite_registry, folder)
    assert size == found + 1
