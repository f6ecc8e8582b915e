"""Two thousand requests from eight clients: every one is answered, and memory stays flat.

python tests/serve/test_soak.py 2000     prints memory as it goes
"""

import itertools
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from serve_client import WAIT_S, encoded, send, serving

from imuge.keys import Key
from imuge.serve.limits import Limits
from imuge.serve.settings import GuardSettings

REQUESTS, CLIENTS = 2000, 8
WARM = 0.1  # of the requests; by then allocators and caches have what they need
MOST_GROWTH = 1.1
SMALL_GROWTH_BYTES = 16 * 2**20  # below it a factor means nothing
PHOTOGRAPH = Path(__file__).parents[1] / "data" / "astronaut.webp"


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def pictures():
    """Small ones of several kinds, a hostile one among them."""
    with Image.open(PHOTOGRAPH) as image:
        pixels = np.asarray(image.convert("RGB"))[100:228, 80:208]
    return [
        ("/v1/verify", encoded(pixels), 200),
        ("/v1/verify", encoded(pixels, "JPEG", quality=80), 200),
        ("/v1/immunize", encoded(pixels, "WEBP", lossless=True), 200),
        ("/v1/verify", encoded(pixels)[:-500], 422),
    ]


def soak(requests, tell=lambda *_: None):
    """Ask so often; gives answers by (expected, got), and memory when warm and at the end.

    Returns:
        The answers, and (service, worker) resident bytes twice.
    """
    settings = GuardSettings(keys=(Key.from_secret("soak", bytes(32)),), threads=2)
    limits = Limits(jobs_per_minute=0, requests_per_minute=0)
    answers, numbers, lock = Counter(), itertools.count(), threading.Lock()
    kinds, memory = pictures(), []
    log = Counter()  # counts instead of keeping: the records must not be what grows
    log.append = lambda record: log.update([record["event"]])
    with serving(settings, limits, log=log) as client:

        def measure():
            # Both numbers: this process is the service's, and its one worker's.
            worker = client.service.workers[0].pid
            return resident_bytes("self"), resident_bytes(worker)

        def ask():
            with httpx.Client(base_url=client.base_url, timeout=WAIT_S) as own:
                while True:
                    with lock:
                        number = next(numbers)
                    if number >= requests:
                        return
                    route, data, expected = kinds[number % len(kinds)]
                    answer = send(own, route, data)
                    while answer.status_code == 429:  # told to wait: nothing is lost
                        time.sleep(float(answer.headers["retry-after"]))
                        answer = send(own, route, data)
                    with lock:
                        answers[expected, answer.status_code] += 1
                        done = answers.total()
                        if done % max(1, requests // 20) == 0:
                            tell(done, *measure())
                        if done == int(requests * WARM):
                            memory.append(measure())

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory.append(measure())
        assert log["request"] >= requests
        assert client.service.jobs.held_bytes == 0
    return answers, memory


@pytest.mark.slow
def test_memory_stays_flat_and_no_answer_is_lost():
    answers, (warm, end) = soak(REQUESTS)
    assert answers == {(200, 200): REQUESTS * 3 // 4, (422, 422): REQUESTS // 4}
    for before, after in zip(warm, end, strict=True):
        assert after < max(before * MOST_GROWTH, before + SMALL_GROWTH_BYTES)


if __name__ == "__main__":
    began = time.monotonic()

    def tell(done, *sizes):
        service, worker = (round(size / 2**20) for size in sizes)
        seconds = time.monotonic() - began
        line = f"{done:6}  {seconds:6.0f} s  service {service} MiB  worker {worker} MiB"
        print(line, flush=True)  # noqa: T201

    print(*soak(int(sys.argv[1]), tell), sep="\n")  # noqa: T201
