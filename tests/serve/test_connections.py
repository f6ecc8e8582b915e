"""Connections that never become requests: slow, too many, no HTTP, in crumbs, unread."""

import json
import socket

import pytest
from serve_client import WAIT_S, serving, wait_until

from imuge.errors import ConfigError
from imuge.serve.app import create_app
from imuge.serve.connections import MOST_SMALL_PIECES, SMALL_PIECE, UNREAD, Connections
from imuge.serve.limits import Limits
from imuge.serve.metrics import Metrics
from imuge.serve.server import build_server

FREE = {"jobs_per_minute": 0, "requests_per_minute": 0}
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=xx\r\n"
)
PART = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def hasty(guard):
    """A service that waits for nobody."""
    limits = Limits(header_timeout_s=0.3, idle_timeout_s=1.0, **FREE)
    with serving(guard, limits) as made:
        yield made


def opened(client):
    return socket.create_connection(("127.0.0.1", client.port), timeout=WAIT_S)


def answer_of(wire):
    """Status and error code of what a connection says before it is closed."""
    data = b""
    while part := wire.recv(65536):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert error["status"] == int(head.split(b" ")[1])
    return error["status"], error["code"]


def last(client, event):
    def found():
        return next((r for r in reversed(client.records) if r["event"] == event), None)

    return wait_until(found, f"a log line of a {event}")


def count(client, code):
    return client.service.metrics.refusals.labels(code)._value.get()


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_has_its_time(hasty, begun):
    before = count(hasty, "timeout")
    with opened(hasty) as wire:
        wire.sendall(begun)
        assert answer_of(wire) == (408, "timeout")
    assert last(hasty, "connection")["status"] == 408
    assert count(hasty, "timeout") == before + 1


def test_a_second_head_has_its_time_too(hasty):
    with opened(hasty) as wire:
        wire.sendall(GET)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        wire.sendall(b"GET /hea")
        assert answer_of(wire) == (408, "timeout")


@pytest.mark.parametrize("before", [b"", GET])
def test_a_connection_that_says_nothing_is_closed(hasty, before):
    with opened(hasty) as wire:
        wire.sendall(before)
        while wire.recv(65536):
            pass


def test_a_body_that_pauses_is_given_up_before_its_whole_time(hasty):
    with opened(hasty) as wire:
        wire.sendall(POST + b"Content-Length: 100000\r\n\r\n" + PART)
        assert answer_of(wire) == (408, "timeout")
    assert last(hasty, "request")["status"] == 408


def read_status(wire):
    data = b""
    while b"\r\n\r\n" not in data:
        data += wire.recv(4096)
    return int(data.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",  # TLS
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 50_000,  # no end of it
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_gets_the_one_shape(hasty, sent):
    before = count(hasty, "bad_request")
    with opened(hasty) as wire:
        wire.sendall(sent)
        assert answer_of(wire) == (400, "bad_request")
    assert last(hasty, "connection")["code"] == "bad_request"
    assert count(hasty, "bad_request") > before


def test_a_body_in_crumbs_is_refused_and_read_no_further(hasty):
    crumbs = b"1\r\nx\r\n" * (2 * MOST_SMALL_PIECES)
    with opened(hasty) as wire:
        wire.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + crumbs)
        assert answer_of(wire) == (400, "bad_request")
    assert last(hasty, "request")["bytes_in"] <= MOST_SMALL_PIECES + 1


def test_what_is_left_of_a_refused_body_does_not_begin_a_head(hasty):
    body = PART + bytes(1000)
    with opened(hasty) as wire:
        kind = POST.replace(b"multipart/form-data", b"text/plain")
        wire.sendall(kind + b"Content-Length: %d\r\n\r\n" % len(body))
        assert read_status(wire) == 415  # before the body
        wire.sendall(body)
        before = len(hasty.records)
        while wire.recv(65536):  # closed when it was idle for long enough
            pass
    assert "connection" not in {record["event"] for record in hasty.records[before:]}


@pytest.mark.slow
def test_many_chunks_of_a_fair_size_are_taken(hasty, protected):
    body = PART + protected + b"\r\n--xx--\r\n"
    size = 2 * SMALL_PIECE
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    with opened(hasty) as wire:
        wire.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        wire.sendall(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts))
        wire.sendall(b"0\r\n\r\n")
        assert read_status(wire) == 200


def test_an_answer_that_nobody_reads_is_dropped(hasty):
    page = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def dropped():
        return any(r.get("detail") == UNREAD for r in hasty.records)

    with opened(hasty) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        wire.sendall(page * 500)  # some megabytes of answers
        wait_until(dropped, "the log line")


def test_an_address_has_its_share_of_connections(guard):
    limits = Limits(connections_per_address=2, **FREE)
    with serving(guard, limits) as client:
        held = [opened(client) for _ in range(2)]
        try:
            with opened(client) as third:
                third.sendall(GET)
                assert read_status(third) == 429
            record = last(client, "request")
            assert (record["status"], record["code"]) == (429, "busy")
        finally:
            for wire in held:
                wire.close()
        wait_until(lambda: client.get("/health").status_code == 200, "the others' end")


def statuses(client):
    return [r["status"] for r in client.records if r["event"] == "connection"]


def test_far_beyond_its_share_it_is_hung_up_on(guard):
    with serving(guard, Limits(connections_per_address=2, **FREE)) as client:
        held = [opened(client) for _ in range(6)]
        try:
            wait_until(lambda: statuses(client) == [429] * 2, "the log lines")
        finally:
            for wire in held:
                wire.close()


def judged(limits, addresses, proxies=()):
    connections = Connections(limits, Metrics(), lambda _: None, proxies)
    for address in addresses:
        connections.enter(address)
    refusal, at_once = connections.judge(addresses[-1])
    return refusal and refusal.code, at_once


def test_who_may_hold_how_many():
    limits = Limits(connections=4, connections_per_address=2)
    assert judged(limits, ["192.0.2.1"] * 2) == (None, False)
    assert judged(limits, ["192.0.2.1"] * 3) == ("busy", False)
    assert judged(limits, ["2001:db8::1", "2001:db8::2", "2001:db8::3"]) == ("busy", False)
    assert judged(limits, ["10.0.0.7"] * 3, ["10.0.0.0/8"]) == (None, False)
    assert judged(limits, ["10.0.0.7"] * 3, ["*"]) == (None, False)
    assert judged(limits, [f"192.0.2.{n}" for n in range(5)]) == ("unavailable", False)
    assert judged(limits, [f"192.0.2.{n}" for n in range(9)]) == ("unavailable", True)


def test_connections_that_closed_do_not_count():
    connections = Connections(Limits(), Metrics(), lambda _: None)
    connections.enter("192.0.2.1")
    connections.leave("192.0.2.1")
    assert (connections.count, len(connections._open)) == (0, 0)


def test_a_proxy_that_is_no_address_is_refused(guard):
    with pytest.raises(ConfigError, match=r"proxy.internal"):
        build_server(create_app(guard), trusted_proxies=["proxy.internal"])
