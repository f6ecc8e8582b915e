"""What is too large, too slow, too often or from elsewhere is refused before it costs anything."""

import socket
import struct
import threading
import zlib

import httpx
import pytest
from serve_client import (
    ASYNC,
    WAIT_S,
    encoded,
    error_of,
    finished,
    send,
    serving,
    wait_until,
)

from imuge.errors import ConfigError
from imuge.serve.limits import MULTIPART_ROOM, Limits
from imuge.serve.rates import MOST_CALLERS, Rate, network_of

VERIFY = "/v1/verify"
SMALL = 64 * 2**10
FREE = {"jobs_per_minute": 0, "requests_per_minute": 0}
BOUNDARY = "xx"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
).encode()
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


LITTLE = {"max_bytes": SMALL, "max_pixels": 160 * 128, "uploads": 1} | FREE


@pytest.fixture(scope="module")
def small(guard):
    """A service that takes little, and waits briefly."""
    with serving(guard, Limits(upload_timeout_s=1.0, **LITTLE)) as made:
        yield made


@pytest.fixture(scope="module")
def patient(guard):
    """A service that takes as little, and waits longer than any machine needs to send it."""
    with serving(guard, Limits(**LITTLE)) as made:
        yield made


def png_header(width, height):
    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def test_a_long_body_is_refused_by_its_length(small):
    answer = send(small, VERIFY, bytes(SMALL + MULTIPART_ROOM + 1))
    assert (answer.status_code, error_of(answer)) == (413, "too_large")
    assert f"{SMALL:,} bytes" in answer.json()["error"]["message"]


def test_a_body_without_a_length_is_counted(patient):
    sent = 0

    def endless():
        nonlocal sent
        yield HEAD
        while True:
            sent += 4096
            yield bytes(4096)

    try:
        answer = patient.post(VERIFY, content=endless(), headers=MULTIPART)
    except httpx.WriteError:  # it hung up on us while we went on
        pass
    else:
        assert (answer.status_code, error_of(answer)) == (413, "too_large")
        assert answer.headers["connection"] == "close"
    wait_until(lambda: patient.records and patient.records[-1]["status"] == 413, "the refusal")
    # A busy loop reads ahead by what the socket holds; without a limit it would never end.
    assert patient.records[-1]["bytes_in"] <= SMALL + MULTIPART_ROOM + 2**20


def test_a_body_longer_than_it_says_never_reaches_the_route(small):
    with raw(small) as wire:
        wire.sendall(
            b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
            b"Content-Type: multipart/form-data; boundary=xx\r\n\r\n" + HEAD + bytes(1000)
        )
        assert read_status(wire) == 400


def test_a_slow_body_is_given_up(small):
    with raw(small) as wire:
        wire.sendall(
            b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=xx\r\n\r\n" + HEAD
        )
        wait_until(lambda: small.service.jobs.arriving == 1, "the upload's begin")
        busy = send(small, VERIFY, b"x")  # the one place is taken
        assert (busy.status_code, error_of(busy)) == (429, "busy")
        assert int(busy.headers["retry-after"]) >= 1
        assert read_status(wire) == 408
    wait_until(lambda: small.service.jobs.arriving == 0, "the upload's end")


@pytest.mark.parametrize("size", [(161, 128), (5000, 5000), (60_000, 60_000), (2**31 - 1, 1000)])
def test_many_pixels_are_refused_from_the_header(small, size):
    answer = send(small, VERIFY, png_header(*size))
    assert (answer.status_code, error_of(answer)) == (413, "too_large")


def test_as_many_pixels_as_the_limit_are_taken(small, photograph):
    smooth = encoded(photograph[:128, :160], "JPEG")
    assert send(small, VERIFY, smooth).json()["verdict"] == "unprotected"
    answer = send(small, "/v1/immunize", encoded(photograph[:144, :160], "JPEG"))
    assert (answer.status_code, error_of(answer)) == (413, "too_large")


@pytest.mark.slow
def test_a_full_queue_says_when_to_come_back(gated, protected):
    limits = Limits(queue=2, **FREE)
    with serving(gated, limits) as client:
        taken = [send(client, VERIFY, protected, headers=ASYNC) for _ in range(3)]
        wait_until(gated.begun.is_set, "the first job's begin")
        refused = send(client, VERIFY, protected, headers=ASYNC)
        assert (refused.status_code, error_of(refused)) == (429, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        places = [client.get(t.headers["location"]).json() for t in taken]
        assert [p["position"] for p in places] == [0, 1, 2]
        assert [p["state"] for p in places] == ["running", "queued", "queued"]
        cancelled = taken[1].headers["location"]
        assert client.delete(cancelled).status_code == 204
        assert client.get(taken[2].headers["location"]).json()["position"] == 1
        gated.gate.set()
        for answer in (taken[0], taken[2]):
            assert finished(client, answer)["result"]["verdict"] == "intact"


@pytest.mark.slow
def test_one_caller_cannot_fill_the_queue(gated, protected):
    with serving(gated, Limits(queue=8, queue_per_caller=1, **FREE)) as client:
        send(client, VERIFY, protected, headers=ASYNC)
        wait_until(gated.begun.is_set, "the first job's begin")
        send(client, VERIFY, protected, headers=ASYNC)
        refused = send(client, VERIFY, protected, headers=ASYNC)
        assert (refused.status_code, error_of(refused)) == (429, "busy")
        assert "your jobs" in refused.json()["error"]["message"]


@pytest.mark.slow
def test_a_caller_has_its_share_of_memory(guard, protected):
    limits = Limits(held_bytes_per_caller=len(protected) + 2000, **FREE)
    with serving(guard, limits) as client:
        finished(client, send(client, VERIFY, protected, headers=ASYNC))
        refused = send(client, VERIFY, protected, headers=ASYNC)
        assert (refused.status_code, error_of(refused)) == (429, "busy")
        assert "your pictures" in refused.json()["error"]["message"]


def test_bodies_that_arrive_count_as_memory_and_against_their_callers_share(guard):
    limits = Limits(uploads=4, uploads_per_caller=1, held_bytes=10_000, **FREE)
    with serving(guard, limits) as client, raw(client) as wire:
        wire.sendall(
            b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n"
            b"Content-Type: multipart/form-data; boundary=xx\r\n\r\n" + HEAD
        )
        wait_until(lambda: client.service.jobs.arriving == 1, "the upload's begin")
        assert client.service.jobs.held_bytes == 9000
        refused = send(client, VERIFY, b"x")
        assert (refused.status_code, error_of(refused)) == (429, "busy")
        assert "of your files" in refused.json()["error"]["message"]
        wire.close()
        wait_until(lambda: client.service.jobs.held_bytes == 0, "the upload's end")
        wait_until(lambda: client.records, "the log line")
        gone = client.records[-1]
        assert (gone["status"], gone["detail"]) == (499, "the client went away")


@pytest.mark.slow
def test_kept_pictures_have_a_limit(guard, protected):
    with serving(guard, Limits(held_bytes=len(protected) + 2000, **FREE)) as client:
        first = send(client, VERIFY, protected, headers=ASYNC)
        finished(client, first)
        refused = send(client, VERIFY, protected, headers=ASYNC)
        assert (refused.status_code, error_of(refused)) == (429, "busy")
        client.delete(first.headers["location"])
        assert send(client, VERIFY, protected).status_code == 200


@pytest.mark.slow
def test_finished_jobs_are_forgotten(guard, protected):
    with serving(guard, Limits(keep_s=0.2, **FREE)) as client:
        answer = send(client, VERIFY, protected, headers=ASYNC)
        wait_until(
            lambda: client.get(answer.headers["location"]).status_code == 404, "the job's end"
        )
        assert client.service.jobs.held_bytes == 0


@pytest.mark.slow
def test_a_caller_that_went_away_takes_its_job_along(gated, protected):
    with serving(gated, Limits(**FREE)) as client:
        send(client, VERIFY, protected, headers=ASYNC)
        wait_until(gated.begun.is_set, "the first job's begin")
        with pytest.raises(httpx.ReadTimeout):
            client.post(VERIFY, files={"file": ("a", protected)}, timeout=0.5)
        wait_until(lambda: client.service.jobs.waiting == 0, "the queue to be empty")
        gone = [record for record in client.records if record["event"] == "job"]
        assert [record["state"] for record in gone] == ["cancelled"]


@pytest.mark.slow
def test_too_many_pictures_a_minute(guard, protected):
    limits = Limits(jobs_per_minute=4, requests_per_minute=0)  # two in one go
    with serving(guard, limits) as client:
        answers = [send(client, VERIFY, protected) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert error_of(answers[2]) == "busy"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 15
        assert client.get("/health").status_code == 200


def test_too_many_requests_a_minute(guard):
    with serving(guard, Limits(requests_per_minute=6)) as client:
        statuses = [client.get("/health").status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]


def test_a_bucket_fills_again_and_is_each_callers_own():
    now = 0.0
    rate = Rate(60, clock=lambda: now)
    assert [rate.wait_s("a") for _ in range(31)] == [0.0] * 30 + [1.0]
    assert rate.wait_s("b") == 0
    now = 2.0
    assert [rate.wait_s("a") for _ in range(3)] == [0.0, 0.0, 1.0]


def test_buckets_do_not_grow_without_end():
    rate = Rate(60)
    for number in range(MOST_CALLERS + 10):
        rate.wait_s(str(number))
    assert len(rate._left) == MOST_CALLERS


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_who_counts_as_one_caller(address, caller):
    assert network_of(address) == caller


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"max_bytes": -1}, {"max_pixels": 0}])
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Limits(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("192.0.2.1", 200),
        ("verify.example.org", 200),
        ("attacker.example", 400),
        ("localhost.attacker.example", 400),
        ("localhost@attacker.example", 400),
        ("", 400),
    ],
)
def test_only_known_names_are_answered(guard, host, status):
    with serving(guard, hosts=frozenset({"verify.example.org"})) as client:
        answer = client.get("/health", headers={"Host": host})
        assert answer.status_code == status
        if status == 400:
            assert error_of(answer) == "bad_request"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),  # port 80 of this machine is another service
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "ftp://127.0.0.1"}, 403),
        ({"Origin": "https://verify.example", "Host": "127.0.0.1:443"}, 403),
        ({"Origin": "https://127.0.0.1", "Host": "127.0.0.1"}, 200),  # as behind a proxy with TLS
        ({"Origin": "http://127.0.0.1:80", "Host": "127.0.0.1"}, 200),
        ({"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}, 200),
        ({}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(client, headers, status):
    answer = client.get("/v1/keys", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_the_pages_own_origin_may_ask(client):
    own = {"Origin": f"http://127.0.0.1:{client.port}"}
    assert client.get("/v1/keys", headers=own).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", VERIFY, "POST"),
        ("HEAD", "/v1/immunize", "POST"),
        ("PUT", "/v1/jobs/x", "DELETE, GET"),
        ("POST", "/", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client, method, path, allowed):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert error_of(answer) == "method_not_allowed"


def test_no_cors(client):
    answer = client.options(
        VERIFY, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/health", "/nope", "/v1/keys", "/v1/jobs/x", "/metrics"])
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    assert len(headers["request-id"]) == 16
    assert "server" not in headers


def test_an_error_of_ours_says_nothing_about_it(guard, protected, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret detail")

    with serving(guard) as client:
        monkeypatch.setattr("imuge.serve.routes.verify_task", broken)
        answer = send(client, VERIFY, protected)
        assert (answer.status_code, error_of(answer)) == (500, "internal")
        assert "secret" not in answer.text
        assert answer.headers["content-security-policy"]
        wait_until(lambda: client.records, "the log line")
        assert client.records[-1]["detail"] == "RuntimeError"


def raw(client):
    return socket.create_connection(("127.0.0.1", client.port), timeout=WAIT_S)


def read_status(wire):
    """The status of the last answer that a connection gives before it is closed or falls silent."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = wire.recv(4096)
        if not part:
            break
        data += part
    return int(data.split(b" ", 2)[1])


@pytest.mark.slow
def test_eight_at_once_all_get_their_answers(client, protected):
    answers = []

    def ask():
        answers.append(send(client, VERIFY, protected).json()["verdict"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert answers == ["intact"] * 8
