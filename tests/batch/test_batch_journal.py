"""The manifest: every line that was promised is there, whatever a kill left of the last."""

import json
import os
import signal
import subprocess
import sys

import pytest

from imuge.batch.journal import Journal, locked, set_aside
from imuge.batch.record import Record
from imuge.errors import ConfigError, ImageError

HEADER = {
    "schema": "imuge.batch/1",
    "command": "immunize",
    "source": "/in",
    "options": {"strength": 1.0, "format": None},
    "key_ids": ["01234567"],
    "model_sha256": "0" * 64,
    "overwrite": False,
}
RECORDS = [
    Record(name="a.png", input="a.png", verdict="intact", warnings=["mind this"]),
    Record(name="sub/ü.png", input="sub/ü.png", error="it is broken", options={"strength": 2.0}),
    Record(name=os.fsdecode(b"\xff.png"), input="odd", files={"x": "0" * 64}),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "manifest.jsonl"


def written(path, records=RECORDS):
    with Journal(path, HEADER) as journal:
        for record in records:
            journal.append(record)
    return path.read_bytes()


def test_records_come_back_as_they_were(path):
    assert json.loads(written(path).splitlines()[0]) == HEADER
    with Journal(path, HEADER) as journal:
        assert list(journal.records.values()) == RECORDS


def test_a_file_cut_anywhere_gives_every_whole_record_and_goes_on(path):
    data = written(path)
    ends = [place for place in range(len(data)) if data[place : place + 1] == b"\n"]
    near_ends = {place + off for place in ends for off in (0, 1, 2)}
    for length in sorted({*range(0, len(data), 31), *near_ends} - {len(data), len(data) + 1}):
        path.write_bytes(data[:length])
        whole = max(data[:length].count(b"\n") - 1, 0)
        with Journal(path, HEADER) as journal:
            assert list(journal.records.values()) == RECORDS[:whole]
            for record in RECORDS[whole:]:
                journal.append(record)
        assert path.read_bytes() == data


def test_the_last_record_of_a_picture_counts_and_the_others_go(path):
    again = Record(name="a.png", input="a.png", error="changed since")
    written(path, [*RECORDS, again])
    lines = path.read_text().splitlines()
    assert len(lines) == 1 + len(RECORDS)
    assert json.loads(lines[1])["error"] == "changed since"


def test_after_an_error_the_file_is_left_as_it_is(path):
    def broken_off():
        with Journal(path, HEADER) as journal:
            journal.append(RECORDS[0])
            journal.append(RECORDS[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert path.read_bytes().count(b"\n") == 3
    with Journal(path, HEADER):
        assert path.read_bytes().count(b"\n") == 2


def test_a_damaged_line_in_the_middle_is_no_torn_one(path):
    lines = written(path).splitlines(keepends=True)
    for number, bad in [(2, b"{}\n"), (2, b"[]\n"), (3, b"{...\n"), (1, b"7\n")]:
        path.write_bytes(b"".join([*lines[: number - 1], bad, *lines[number:]]))
        with pytest.raises(ConfigError, match=f"line {number}, is damaged"):
            Journal(path, HEADER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"options": {"strength": 1.5, "format": None}}, '"strength": 1.0}, and .*"strength": 1.5'),
        ({"key_ids": ["76543210"]}, "key_ids"),
        ({"source": "/other"}, 'source "/in", and this one has "/other"'),
        ({"command": "verify"}, "command"),
        ({"model_sha256": "1" * 64}, "model_sha256"),
    ],
)
def test_another_batch_is_refused_with_what_differs_and_nothing_is_lost(path, change, said):
    data = written(path)
    with pytest.raises(ConfigError, match=said):
        Journal(path, HEADER | change)
    assert path.read_bytes() == data


def test_a_newer_imuge_may_add_fields(path):
    lines = written(path).splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | {"new": 1}).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    with Journal(path, HEADER | {"tool_version": "9"}) as journal:
        assert journal.records["a.png"] == RECORDS[0]


def test_a_manifest_put_aside_keeps_earlier_ones(path):
    assert set_aside(path) is None
    for number in (1, 2):
        path.write_text(str(number))
        assert set_aside(path) == path.with_name(f"manifest.old-{number}.jsonl")
    assert path.with_name("manifest.old-1.jsonl").read_text() == "1"


def test_a_full_disk_is_one_sentence(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with Journal(path, HEADER) as journal:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(ImageError, match="the disk is full; run the same command again"):
            journal.append(RECORDS[0])
        monkeypatch.undo()


@pytest.mark.slow
def test_one_run_at_a_time_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / "out" / ".imuge-batch"
    script = (
        "import sys, pathlib; from imuge.batch.journal import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(ConfigError, match=f"another run .process {other.pid} on"),
            locked(folder),
        ):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait(30)
    with locked(folder):
        assert (folder / "lock").exists()
