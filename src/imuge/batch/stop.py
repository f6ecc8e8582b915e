"""How a batch is asked to end: Ctrl-C or SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """Whether a signal asked the batch to end."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether no further picture may be begun."""
        return self.signal is not None


@contextmanager
def until_told_to_stop() -> Iterator[Stop]:
    """The first Ctrl-C or SIGTERM lets running pictures finish, a second Ctrl-C ends at once."""
    stop = Stop()

    def note(number: int, _: FrameType | None) -> None:
        if stop.signal is not None:
            raise KeyboardInterrupt
        stop.signal = number

    held: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
    try:
        # Elsewhere Python lets nobody set handlers, and signals are the main thread's affair.
        for number in STOP_SIGNALS if current_thread() is main_thread() else ():
            held[number] = signal.signal(number, note)
        yield stop
    finally:
        for held_number, handler in held.items():
            signal.signal(held_number, handler)
