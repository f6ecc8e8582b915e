"""The service as a process of its own, as a person starts it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from imuge.keys import Key, write_key

STARTS_WITHIN_S = 180


@contextmanager
def serving(folder: Path, key: Key, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`imuge serve` on a free port; gives its address and the process."""
    key_file = folder / "newsdesk.key"
    write_key(key, key_file)
    command = [str(Path(sys.executable).with_name("imuge")), "serve", "--port", "0"]
    command += ["--key", str(key_file), "--rate", "0", *options]
    log = folder / "service.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield address_of(process, log), process
        finally:
            process.kill()


def address_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service answers, and give its address."""
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends and process.poll() is None:
        if (said := re.search(r"listens on (http://\S+)", log.read_text())) and answers(said[1]):
            return f"{said[1]}/"
        time.sleep(0.1)
    raise AssertionError(f"the service did not start: {log.read_text()[-2000:]}")


def answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:  # not yet
        return False
