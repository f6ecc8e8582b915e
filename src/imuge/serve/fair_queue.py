"""Jobs that wait, of several callers: next comes whoever has had the least of the workers.

With jobs that take equally long this is round-robin. A caller whose jobs take longer, or who makes
workers be replaced, has its turn less often, so that it costs the others no more than its share.
Start-time fair queueing, after Goyal, Vin and Cheng 1996.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What can wait here."""

    @property
    def caller(self) -> str:
        """Who asked."""


Item = TypeVar("Item", bound=Waiting)


class FairQueue(Generic[Item]):
    """Items in the order of each caller, and callers by the seconds that they have had."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        self._had_s: dict[str, float] = {}  # of callers that wait, or are ahead of the others
        self._now_s = 0.0  # what the caller last served had had: newcomers start there

    def __len__(self) -> int:
        return sum(len(items) for items in self._waiting.values())

    def count(self, caller: str) -> int:
        """How many items of one caller wait."""
        return len(self._waiting.get(caller, ()))

    def add(self, item: Item) -> None:
        """Put an item behind its caller's others."""
        if item.caller not in self._waiting:
            # Time in which a caller asked for nothing is not saved up.
            self._had_s[item.caller] = max(self._had_s.get(item.caller, 0.0), self._now_s)
            self._waiting[item.caller] = deque()
        self._waiting[item.caller].append(item)

    def take(self, expected_s: float) -> Item:
        """The next item; its caller is charged what it will probably take, until `charge`.

        Raises:
            IndexError: nothing waits.
        """
        if not self._waiting:
            raise IndexError("nothing waits")
        caller = min(self._waiting, key=self._had_s.__getitem__)
        self._now_s = self._had_s[caller]
        item = self._waiting[caller].popleft()
        self._had_s[caller] += expected_s
        items = self._waiting.pop(caller)
        if items:
            self._waiting[caller] = items  # behind those that have had as much
        self._forget()
        return item

    def charge(self, caller: str, seconds: float) -> None:
        """Correct what a caller has had: the time a job took, less what was expected."""
        had_s = self._had_s.get(caller, self._now_s)
        self._had_s[caller] = max(self._now_s, had_s + seconds)

    def remove(self, item: Item) -> None:
        """Take an item out of the queue."""
        items = self._waiting[item.caller]
        items.remove(item)
        if not items:
            del self._waiting[item.caller]

    def in_order(self, expected_s: float) -> Iterator[Item]:
        """All items as they will come, if nothing else is added and each takes as long."""
        left = {caller: deque(items) for caller, items in self._waiting.items()}
        had_s = dict(self._had_s)
        while left:
            caller = min(left, key=had_s.__getitem__)
            items = left.pop(caller)
            yield items.popleft()
            had_s[caller] += expected_s
            if items:
                left[caller] = items

    def _forget(self) -> None:
        """Of callers who wait for nothing and have had no more than others, nothing is kept."""
        gone = [
            caller
            for caller, had_s in self._had_s.items()
            if caller not in self._waiting and had_s <= self._now_s
        ]
        for caller in gone:
            del self._had_s[caller]
