"""Pipes, terminals and interruptions: results go where they belong, and nothing is a traceback."""

import json
import os
import pty
import signal
import subprocess

import pytest

from imuge.cli.terminal import FAILED, INTERRUPTED

pytestmark = pytest.mark.usefixtures("held")


@pytest.mark.slow
def test_a_reader_that_went_away_is_no_traceback(command):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = command("verify", "--json", "tampered.png", stdout=writing)
    finally:
        os.close(writing)
    assert result.returncode == FAILED
    assert result.stderr == b""


@pytest.mark.slow
def test_an_interruption_is_no_traceback(folder, start):
    os.mkfifo(folder / "pipe.png")
    # A shell starts what runs in the background deaf to interruptions, and so its children.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start("verify", "pipe.png", **pipes, **heard)
    with (folder / "pipe.png").open("wb"):  # returns when the command has begun to read
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert (out, err) == (b"", b"")


@pytest.mark.slow
def test_beside_a_progress_bar_the_result_still_goes_to_standard_output(start):
    ours, theirs = pty.openpty()
    process = start("verify", "--json", "tampered.png", stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    out, _ = process.communicate(timeout=60)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert json.loads(out)["verdict"] == "tampered"
    assert b"tampered.png" in shown, "no progress was shown"
    assert b"verdict" not in shown


@pytest.mark.slow
def test_a_name_that_is_not_utf8(folder, command):
    strange = os.fsdecode(b"caf\xe9.png")
    (folder / "plain.png").rename(folder / strange)
    result = command("verify", "--json", strange, "missing.png")
    assert result.returncode == FAILED
    first, second = json.loads(result.stdout)
    assert first["file"] == strange
    assert second["file"] == "missing.png"
    assert b"Traceback" not in result.stderr


@pytest.mark.slow
def test_without_standard_input(command):
    result = command("verify", "-", preexec_fn=lambda: os.close(0))
    assert result.returncode == FAILED
    assert b"standard input is closed" in result.stderr


@pytest.mark.slow
def test_a_picture_is_not_written_to_a_terminal(start):
    ours, theirs = pty.openpty()
    process = start("immunize", "plain.png", "-o", "-", stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    _, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == FAILED
    assert b"a picture is not written to a terminal" in err
