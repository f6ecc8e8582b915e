"""How often somebody may ask: token buckets, one a caller, of which only so many are kept."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CALLERS = 10_000
BURST_S = 30.0  # a caller may use up so many seconds' worth at once


class Rate:
    """At most so many a minute for each caller, with some in one go.

    Args:
        per_minute: 0 means no limit.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._most = max(1.0, self._per_s * BURST_S)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (left, when)

    def wait_s(self, caller: str) -> float:
        """Count one for `caller`; 0 if it may go on, or the seconds until it may, uncounted."""
        if not self._per_s:
            return 0.0
        now = self._clock()
        left, when = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + (now - when) * self._per_s)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        return 0.0 if allowed else max(1.0, math.ceil((1 - left) / self._per_s))


def network_of(address: str) -> str:
    """The network that counts as one caller: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
