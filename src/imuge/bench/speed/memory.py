"""How much memory this process holds and held at most, as the operating system counts it.

Linux tells both and lets the peak be forgotten, so that it can be taken for one step; elsewhere
there is the peak since the process began, and that stands for both.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"  # proc_pid_clear_refs(5): VmHWM falls back to VmRSS
KILLED_FIRST = Path("/proc/self/oom_score_adj")


def resident_mb() -> float:
    """What is held in memory now, megabytes."""
    return _status("VmRSS")


def peak_mb() -> float:
    """The most that was held since the start, or since `forget_peak`, megabytes."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Take the peak anew from now on, where the operating system can."""
    with suppress(OSError):
        FORGET.write_text(FORGET_PEAK)


def be_killed_first() -> None:
    """Where memory runs out, let it be this process that ends and not somebody else's."""
    with suppress(OSError):
        KILLED_FIRST.write_text("1000")


def _status(field: str) -> float:
    if not STATUS.exists():
        unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith(f"{field}:"))
