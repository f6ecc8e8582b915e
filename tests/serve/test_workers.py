"""Worker processes: what one picture does to its worker, no other picture notices."""

import asyncio
import os
import signal

import pytest
from serve_client import ASYNC, encoded, error_of, finished, send, serving, wait_until

from imuge.errors import ImugeError
from imuge.keys import Key, verify_only
from imuge.serve import frames
from imuge.serve.limits import Limits
from imuge.serve.settings import GuardSettings, key_from_dict, key_to_dict
from imuge.serve.tasks import JobError, JobTask, megapixels_of
from imuge.serve.workers import ProcessWorker

FREE = {"jobs_per_minute": 0, "requests_per_minute": 0}
VERIFY = "/v1/verify"
LARGE = 4_000_000  # pixels: seconds of work


@pytest.fixture(scope="module")
def crowd(settings):
    """A service whose one worker is a process."""
    with serving(settings, Limits(**FREE)) as client:
        yield client


@pytest.fixture(scope="module")
def long_work(photograph):
    """A picture that takes a while: a JPEG of four megapixels."""
    side = round(LARGE**0.5 / len(photograph)) + 1
    return encoded(photograph.repeat(side, 0).repeat(side, 1), "JPEG")


def pid_of(client):
    return client.service.workers[0].pid


def begin(client, data):
    """Queue a job and wait until its worker is at it."""
    answer = send(client, VERIFY, data, headers=ASYNC)
    job = answer.headers["location"]
    wait_until(lambda: client.get(job).json()["state"] == "running", "the job's begin")
    return answer


def restarts(client):
    return [r["reason"] for r in client.records if r["event"] == "worker replaced"]


@pytest.mark.slow
def test_a_worker_gives_what_the_library_gives(crowd, guard, plain, tampered):
    verdict = send(crowd, VERIFY, tampered, recover="false").json()
    assert verdict == guard.verify(tampered, recover=False).to_dict()
    made = send(crowd, "/v1/immunize", plain)
    assert guard.verify(made.content).image_id == made.headers["imuge-image-id"]


def test_a_worker_that_dies_costs_its_job_alone(crowd, long_work, protected):
    job = begin(crowd, long_work)
    waiting = send(crowd, VERIFY, protected, headers=ASYNC)
    before = pid_of(crowd)
    os.kill(before, signal.SIGKILL)
    record = finished(crowd, job)
    assert (record["state"], record["error"]["code"]) == ("failed", "internal")
    assert finished(crowd, waiting)["result"]["verdict"] == "intact"
    assert pid_of(crowd) != before
    assert restarts(crowd)[-1] == "internal"


@pytest.mark.slow
def test_an_idle_worker_that_dies_costs_nothing(crowd, protected):
    os.kill(pid_of(crowd), signal.SIGKILL)
    wait_until(lambda: not crowd.service.workers[0].alive, "its end")
    answer = send(crowd, VERIFY, protected)
    assert answer.json()["verdict"] == "intact"


@pytest.mark.slow
def test_a_cancelled_job_frees_its_worker(crowd, long_work, protected):
    job = begin(crowd, long_work).headers["location"]
    before = pid_of(crowd)
    assert crowd.delete(job).status_code == 204
    assert crowd.get(job).status_code == 404
    assert send(crowd, VERIFY, protected).json()["verdict"] == "intact"
    assert pid_of(crowd) != before
    assert restarts(crowd)[-1] == "cancelled"


@pytest.mark.slow
def test_a_job_has_its_time(settings, long_work, protected):
    with serving(settings, Limits(job_timeout_s=1.5, **FREE)) as client:
        answer = send(client, VERIFY, long_work)
        assert (answer.status_code, error_of(answer)) == (504, "timeout")
        wait_until(lambda: restarts(client) == ["timeout"], "the worker's end")
        assert client.get("/health").status_code in {200, 503}
        assert wait_until(
            lambda: send(client, VERIFY, protected).json().get("verdict"), "a verdict"
        )


@pytest.mark.slow
def test_a_small_picture_has_less_time_than_a_large_one(settings, long_work, protected):
    limits = Limits(job_base_s=2.0, job_s_per_megapixel=0.01, **FREE)
    with serving(settings, limits) as client:
        answer = send(client, VERIFY, long_work)
        assert (answer.status_code, error_of(answer)) == (504, "timeout")
        assert "a picture of this size" in answer.json()["error"]["message"]
        assert send(client, VERIFY, protected).json()["verdict"] == "intact"


def test_the_time_of_a_job_grows_with_its_picture_up_to_the_limit():
    limits = Limits(job_timeout_s=100.0, job_base_s=10.0, job_s_per_megapixel=5.0)
    assert [limits.time_s(size) for size in (0, 2, 24)] == [10.0, 20.0, 100.0]


def test_what_a_header_says_of_a_size(plain, photograph):
    assert megapixels_of(plain) == 160 * 128 / 1e6
    assert megapixels_of(encoded(photograph[:128, :160], "WEBP")) == 160 * 128 / 1e6
    assert [megapixels_of(data) for data in (b"", b"junk", plain[:20])] == [0.0, 0.0, 0.0]


@pytest.mark.slow
def test_a_worker_has_its_memory(settings, long_work, protected):
    # What a small picture needs, and no more.
    with serving(settings, Limits(memory_bytes=700 * 2**20, **FREE)) as client:
        answer = send(client, VERIFY, long_work)
        assert (answer.status_code, error_of(answer)) == (413, "too_large")
        assert "memory" in answer.json()["error"]["message"]
        assert send(client, VERIFY, protected).json()["verdict"] == "intact"


@pytest.mark.slow
def test_a_service_that_cannot_work_says_so(settings):
    def started(given, limits):
        worker = ProcessWorker(given, limits)
        return asyncio.run(worker.start())

    with pytest.raises(ImugeError, match="worker process"):
        started(settings, Limits(memory_bytes=100 * 2**20))
    broken = GuardSettings(keys=settings.keys, weights=settings_folder())
    with pytest.raises(ImugeError, match="cannot work"):
        started(broken, Limits())


def settings_folder():
    from pathlib import Path

    return Path(__file__).parent


@pytest.mark.slow
def test_workers_end_with_their_service(settings):
    with serving(settings, Limits(workers=2, **FREE)) as client:
        pids = [worker.pid for worker in client.service.workers]
        assert len(set(pids)) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_keys_are_neither_in_arguments_nor_in_the_environment(crowd, key):
    pid = pid_of(crowd)
    with open(f"/proc/{pid}/cmdline", "rb") as told:  # noqa: PTH123
        assert b"imuge.serve.worker_main" in told.read()
    said = key_to_dict(key)["secret"].encode()
    for name in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{name}", "rb") as told:  # noqa: PTH123
            assert said not in told.read()


def test_keys_travel_whole(key):
    for each in (key, verify_only(key)):
        assert key_from_dict(key_to_dict(each)) == each
    assert "secret" not in repr(GuardSettings(keys=(Key.from_secret("a", bytes(32)),)))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0\0",
        b"\0\0\0\x02{}",
        b"\0\0\0\x02[]",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x0d" + b'{"blobs":[9]}' + b"short",
        b"\0\0\0\x0e" + b'{"blobs":[-1]}',
        b"\0\0\0\x03abc",
    ],
)
def test_what_is_no_message_ends_the_talk(sent):
    async def received():
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        return await frames.receive(reader)

    with pytest.raises(EOFError):
        asyncio.run(received())


@pytest.mark.slow
def test_a_failed_job_raises_with_its_code(settings):
    async def run():
        worker = ProcessWorker(settings, Limits())
        await worker.start()
        try:
            return await worker.run(
                JobTask(kind="verify", max_pixels=10**6), b"junk", lambda *_: None
            )
        finally:
            await worker.stop()

    with pytest.raises(JobError, match="the content is unknown") as error:
        asyncio.run(run())
    assert error.value.code == "unsupported_media"
