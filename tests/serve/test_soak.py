"""Two thousand good requests while two of sixteen clients are hostile: none is lost, none waits
much longer than in peace, and memory stays flat.

python tests/serve/test_soak.py 2000     prints how far it is, and what it measures
"""

import itertools
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest
from hostile_clients import clog, grab
from PIL import Image
from serve_client import WAIT_S, encoded, send, serving

from imuge.keys import Key
from imuge.serve.limits import Limits
from imuge.serve.settings import GuardSettings
from imuge.serve.tokens import new_token, write_tokens

GOOD, QUIET_SHARE, REQUESTS = 14, 0.15, 2000  # hostile are two more
MOST_SLOWER = 3.0  # the 99th percentile of the good, against its own in peace
WARM = 0.1  # of the requests; by then allocators and caches have what they need
TOLD_EVERY = 50  # answers
MOST_GROWTH = 1.1
SMALL_GROWTH_BYTES = 24 * 2**20  # below it a factor means nothing
PHOTOGRAPH = Path(__file__).parents[1] / "data" / "astronaut.webp"
EXPECTED = {(200, 200): 3, (422, 422): 1}  # of four good requests


@dataclass
class Soak:
    """What was measured."""

    answers: Counter = field(default_factory=Counter)  # of the good: (expected, got)
    seconds: list = field(default_factory=list)  # of each of them, waiting as told included
    resident: list = field(default_factory=list)  # bytes of the service when warm and at the end

    @property
    def p99_s(self):
        return float(np.percentile(self.seconds, 99))


def resident_bytes():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def photograph():
    with Image.open(PHOTOGRAPH) as image:
        return np.asarray(image.convert("RGB"))[100:228, 80:208]


def pictures():
    """Small ones of several kinds, a damaged one among them."""
    pixels = photograph()
    return [
        ("/v1/verify", encoded(pixels), 200),
        ("/v1/verify", encoded(pixels, "JPEG", quality=80), 200),
        ("/v1/immunize", encoded(pixels, "WEBP", lossless=True), 200),
        ("/v1/verify", encoded(pixels)[:-500], 422),
    ]


def good_requests(client, tokens, requests, told):
    """Ask so often, from one thread a token; what came of it.

    `told` is given the `Soak` after every TOLD_EVERY answers.
    """
    found, numbers, lock, kinds = Soak(), itertools.count(), threading.Lock(), pictures()

    def ask(token):
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=client.base_url, timeout=WAIT_S) as own:
            while (number := next(numbers)) < requests:
                route, data, expected = kinds[number % len(kinds)]
                began = time.monotonic()
                answer = send(own, route, data, headers=headers)
                while answer.status_code == 429:  # told to wait: nothing is lost
                    time.sleep(float(answer.headers["retry-after"]))
                    answer = send(own, route, data, headers=headers)
                with lock:
                    found.answers[expected, answer.status_code] += 1
                    found.seconds.append(time.monotonic() - began)
                    if len(found.seconds) == int(requests * WARM):
                        found.resident.append(resident_bytes())
                    if len(found.seconds) % TOLD_EVERY == 0:
                        told(found)

    run_all([threading.Thread(target=ask, args=(token,)) for token in tokens])
    found.resident.append(resident_bytes())
    return found


def run_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def soak(requests, tokens_file, told=lambda _found: None):
    """In peace, and with the two hostile ones; gives both `Soak`s and the log's counts."""
    made = [new_token(f"client-{number}", "immunize") for number in range(GOOD + 2)]
    write_tokens(tokens_file, tuple(token for _, token in made))
    *good, clogging, grabbing = (text for text, _ in made)
    settings = GuardSettings(keys=(Key.from_secret("soak", bytes(32)),), threads=2)
    # All sixteen share one address here, which says nothing of whose a connection is.
    limits = Limits(queue=32, connections_per_address=256, jobs_per_minute=0, requests_per_minute=0)
    log = Counter()  # counts instead of keeping: the records must not be what grows
    log.append = lambda record: log.update([record["event"]])
    with serving(settings, limits, log=log, tokens=tokens_file) as client:
        quiet = good_requests(client, good, int(requests * QUIET_SHARE), told)
        stop = threading.Event()
        hostile = [
            threading.Thread(target=clog, args=(client.port, clogging, stop)),
            threading.Thread(target=grab, args=(client.port, grabbing, stop, photograph())),
        ]
        for thread in hostile:
            thread.start()
        try:
            loud = good_requests(client, good, requests, told)
        finally:
            stop.set()
            for thread in hostile:
                thread.join()
        assert log["connection"] > 0
        assert log["worker replaced"] > 0
    return quiet, loud, log


@pytest.mark.slow
def test_the_good_lose_nothing_to_the_hostile_and_memory_stays_flat(tmp_path):
    quiet, loud, log = soak(REQUESTS, tmp_path / "tokens.json")
    assert loud.answers == {pair: share * REQUESTS // 4 for pair, share in EXPECTED.items()}
    assert log["request"] >= REQUESTS
    assert loud.p99_s < MOST_SLOWER * quiet.p99_s
    warm, end = loud.resident
    assert end < max(warm * MOST_GROWTH, warm + SMALL_GROWTH_BYTES)


if __name__ == "__main__":
    began = time.monotonic()

    def report(found):
        seconds = time.monotonic() - began
        sys.stderr.write(f"{seconds:.0f} s: {len(found.seconds)} answers\n")

    with tempfile.TemporaryDirectory() as folder:
        quiet, loud, log = soak(int(sys.argv[1]), Path(folder) / "tokens.json", report)
    for name, found in (("quiet", quiet), ("loud", loud)):
        sizes = [round(size / 2**20) for size in found.resident]
        print(f"{name}: {dict(found.answers)}, p99 {found.p99_s:.2f} s, MiB {sizes}")  # noqa: T201
    print(f"{dict(log)} in {time.monotonic() - began:.0f} s")  # noqa: T201
