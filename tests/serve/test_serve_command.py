"""`imuge serve` as a process: from the start over a round trip to the end that SIGTERM asks for."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from serve_client import ASYNC, WAIT_S, encoded, error_of, send, wait_until
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.keys import store_key

IMUGE = Path(sys.executable).with_name("imuge")
VERIFY = "/v1/verify"


@pytest.fixture
def held(key):
    return store_key(type(key).from_secret("default", key.secret))


@contextlib.contextmanager
def running(*options):
    """`imuge serve` on a free port; gives a client, the process and the lines of its log."""
    command = [IMUGE, "serve", "--port", "0", "--threads", "1", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    lines = []

    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    reader.start()
    try:
        said = wait_until(
            lambda: re.search(r"http://\S+:(\d+)", "".join(lines)) or process.poll() is not None,
            "the address",
        )
        assert said is not True, "".join(lines)
        with httpx.Client(base_url=f"http://127.0.0.1:{said[1]}", timeout=WAIT_S) as client:
            yield client, process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(WAIT_S)
        process.stderr.close()


def logged(lines, event):
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in records if record["event"] == event]


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_a_round_trip_and_an_end_that_loses_no_answer(plain, photograph):
    with running("--grace", "80") as (client, process, lines):
        made = send(client, "/v1/immunize", plain)
        assert made.status_code == 200
        assert send(client, VERIFY, made.content).json()["verdict"] == "intact"
        busy = encoded(photograph.repeat(4, 0).repeat(4, 1), "JPEG")
        accepted = [send(client, VERIFY, busy, headers=ASYNC) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: logged(lines, "stopping"), "the signal's effect")
        refused = send(client, VERIFY, made.content)
        assert (refused.status_code, error_of(refused)) == (503, "unavailable")
        assert client.get("/health").status_code == 503

        def record(answer):
            return client.get(answer.headers["location"]).json()

        for answer in accepted:
            wait_until(lambda a=answer: record(a)["state"] == "done", "a job that was accepted")
            assert record(answer)["result"]["verdict"] == "unprotected"
        client.close()
        assert process.wait(WAIT_S) == 0
        assert [job["state"] for job in logged(lines, "job")] == ["done"] * 4


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_the_grace_ends_and_so_does_a_second_signal(photograph):
    large = encoded(photograph.repeat(16, 0).repeat(16, 1), "JPEG")
    with running("--grace", "0") as (client, process, lines):
        send(client, VERIFY, large, headers=ASYNC)
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        assert [job["state"] for job in logged(lines, "job")] == ["cancelled"]


@pytest.fixture
def serve():
    """The command in this process, for what it refuses before it serves."""

    def run(*arguments):
        words = ["serve", *map(str, arguments)]
        return CliRunner().invoke(app, words, catch_exceptions=False)

    return run


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "verify.example.org"])
def test_it_does_not_open_to_a_network_without_tokens(serve, host):
    result = serve("--host", host)
    assert result.exit_code == 2
    assert "--tokens" in result.stderr
    assert "--insecure" in result.stderr


@pytest.mark.usefixtures("held")
def test_an_address_in_use_is_told(serve):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = serve("--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "already in use" in result.stderr


@pytest.mark.usefixtures("held")
def test_tokens_that_cannot_be_read_are_told(serve, tmp_path):
    result = serve("--tokens", tmp_path / "missing.json")
    assert result.exit_code == 2
    assert "imuge tokens new" in result.stderr


def test_without_the_extra_it_is_one_sentence(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "imuge.serve.app", None)
    result = serve()
    assert result.exit_code == 1
    assert "[serve]'" in result.stderr
