"""Two clients that mean harm, for the soak: one clogs connections, one grabs the workers.

Both ask 127.0.0.1 alone, hold few sockets and wait between rounds, so that what is measured is the
service's fairness and not how much noise one machine can make.
"""

import contextlib
import itertools
import socket
import time

import httpx
from serve_client import ASYNC, encoded

PAUSE_S = 0.2
SIDE = 1000  # of the greedy one's pictures, pixels
HEAD = (
    "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    "Content-Type: multipart/form-data; boundary=xx\r\n"
)
PART = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def clog(port, token, stop):
    """Half heads, bodies that stall, crumbs, junk and unread answers, over and over."""
    head = HEAD.format(token=token).encode()
    crumbs = b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000
    rounds = [
        b"GET /health HT",
        head + b"Content-Length: 60000000\r\n\r\n" + PART,
        head + crumbs,
        b"\x16\x03\x01" + bytes(500) + b"\r\n\r\n",
        b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200,
        b"",
    ]
    held = []
    while not stop.is_set():
        for sent in rounds:
            with contextlib.suppress(OSError):
                wire = socket.create_connection(("127.0.0.1", port), timeout=5)
                held.append(wire)
                wire.sendall(sent)
        while len(held) > 2 * len(rounds):
            held.pop(0).close()
        time.sleep(PAUSE_S)
    for wire in held:
        wire.close()


def grab(port, token, stop, pixels):
    """Large pictures as fast as they are taken; every other is killed once a worker has it."""
    large = encoded(pixels.repeat(8, 0).repeat(8, 1)[:SIDE, :SIDE], "JPEG")
    headers = {"Authorization": f"Bearer {token}"}
    address = f"http://127.0.0.1:{port}"
    turns = itertools.cycle([True, False])
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        while not stop.wait(PAUSE_S):
            with contextlib.suppress(httpx.HTTPError, KeyError):
                taken = client.post("/v1/verify", files={"file": ("a", large)}, headers=ASYNC)
                job = taken.headers["location"]
                kill = next(turns)
                while kill and not stop.wait(PAUSE_S):
                    if client.get(job).json().get("state") != "queued":
                        client.delete(job)  # takes the worker along
                        break
