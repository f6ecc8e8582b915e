"""What this machine has for a batch: processors, and memory that can still be had."""

from contextlib import suppress
from pathlib import Path

from imuge.engine.engine import available_threads

BYTES_A_WORKER = 1_500_000_000  # what 8 megapixels take at most; docs/scores/commands.md
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def default_processes(threads: int) -> int:
    """One process for every `threads` processors, and none without memory of its own."""
    processes = available_threads() // threads
    memory = available_bytes()
    if memory is not None:
        processes = min(processes, memory // BYTES_A_WORKER)
    return max(1, processes)


def available_bytes(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """Memory that can be had without swapping, or None where the system does not tell.

    Args:
        meminfo: Linux's account of the machine.
        cgroup: The container's, version 2: its limit is often lower.
    """
    found: list[int] = []
    with suppress(OSError, ValueError):
        lines = meminfo.read_text().splitlines()
        rows = (line.split() for line in lines if line.startswith("MemAvailable:"))
        found.extend(int(kilobytes) * 1024 for _, kilobytes, _ in rows)
    with suppress(OSError, ValueError):  # the limit reads "max" where there is none
        limit = int((cgroup / "memory.max").read_text())
        found.append(max(0, limit - int((cgroup / "memory.current").read_text())))
    return min(found, default=None)
