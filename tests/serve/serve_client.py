"""A real server on a free port for the service's tests, and ways to talk to it."""

import contextlib
import io
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from imuge.guard import Guard
from imuge.serve.app import create_app
from imuge.serve.limits import Limits
from imuge.serve.server import bind, build_server

ASYNC = {"Prefer": "respond-async"}
WAIT_S = 240.0  # for a condition, on a machine that does other things too


def encoded(pixels, form="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def decoded(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def wait_until(condition, what="a condition"):
    """Wait for something to become true; gives what was true."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"waited {WAIT_S:g} s for {what}")


@contextlib.contextmanager
def serving(guard, limits=None, *, log=None, **options):
    """Serve on a free port from another thread; gives a client that knows the address."""
    records = [] if log is None else log
    limits = limits or Limits(jobs_per_minute=0, requests_per_minute=0)
    app = create_app(guard, limits, log=records.append, **options)
    listener = bind("127.0.0.1", 0)
    server = build_server(app)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), "the server's start")
        port = listener.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            client.service, client.records, client.port = app.state.service, records, port
            client.stop = lambda: server.handle_exit(15, None)
            yield client
    finally:
        server.should_exit = True
        if isinstance(guard, GatedGuard):
            guard.gate.set()  # a thread that waits would hold up the end
        thread.join(WAIT_S)
        assert not thread.is_alive()


def send(client, route, data, *, name="a.png", headers=None, **fields):
    """Upload one picture."""
    return client.post(route, files={"file": (name, data)}, data=fields, headers=headers)


def finished(client, answer):
    """The record of a job that was accepted, once it has ended."""
    assert answer.status_code == 202, answer.text

    def ended():
        record = client.get(answer.headers["location"]).json()
        return record if record["state"] not in {"queued", "running"} else None

    return wait_until(ended, "a job's end")


def error_of(answer):
    """The code of an error answer, whose shape is checked."""
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "status"}
    assert body["error"]["status"] == answer.status_code
    assert body["error"]["message"]
    return body["error"]["code"]


class GatedGuard(Guard):
    """A guard whose verifications wait for `gate`, so that a test decides how long a job takes."""

    def __init__(self, guard):
        super().__init__(guard.keys, engine=guard.engine)
        self.gate = threading.Event()
        self.begun = threading.Event()

    def verify(self, image, **fields):
        self.begun.set()
        assert self.gate.wait(WAIT_S)
        return super().verify(image, **fields)
