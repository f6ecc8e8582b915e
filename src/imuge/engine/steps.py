"""How far a long call has come: its steps in order, each weighted by the time it takes.

    decode ─ look ─ frame ─ embed ─ add ─ write ─ verify      one bar, never backwards

Weights are shares of the time of a 12-megapixel JPEG on two processors; the bar is honest to a
step, not to a second. A step that comes again (another image id, another place to read) moves
nothing back, and what the engine tells of a graph within a step that has its name is part of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from imuge.engine.engine import Progress

IMMUNIZE: Mapping[str, float] = {
    "decode": 1,
    "look": 2,
    "frame": 2,
    "embed": 4,
    "add": 2,
    "write": 2,
    "verify": 8,
}
VERDICT: Mapping[str, float] = {
    "decode": 1,
    "find": 1,
    "reveal": 3,
    "localize": 4,
}
REPORT: Mapping[str, float] = {
    **VERDICT,
    "reconstruct": 4,
    "uncrop": 4,
    "hidden copy": 4,
    "report": 6,
}
DEMO: Mapping[str, float] = {**IMMUNIZE, "tamper": 6, **REPORT}


class Plan:
    """Turns named steps into one share of the whole, which never falls.

    Args:
        weights: Of each step, in order.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights, self._done = weights, 0.0

    def begin(self) -> None:
        """Start again from nothing, for the next picture."""
        self._done = 0.0

    def reached(self, name: str, share: float) -> float:
        """The share of the whole that is done, 0..1; a step not in the plan changes nothing."""
        if name in self._weights:
            names = list(self._weights)
            before = sum(self._weights[step] for step in names[: names.index(name)])
            done = (before + share * self._weights[name]) / sum(self._weights.values())
            self._done = max(self._done, done)
        return self._done


@contextmanager
def step(progress: Progress | None, name: str) -> Iterator[None]:
    """Tell that a step begins and, if nothing goes wrong, that it has ended."""
    if progress is not None:
        progress(name, 0.0)
    yield
    if progress is not None:
        progress(name, 1.0)
