"""How far a batch has come, on standard error: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from imuge.batch.summary import Pace

LINE_EVERY_S = 30.0


class Meter:
    """Counts finished pictures and shows rate and remaining time."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        line_every_s: float = LINE_EVERY_S,
    ) -> None:
        self._console, self._clock, self._line_every_s = console, clock, line_every_s
        self._bars: Progress | None = None
        self._total = self._pictures = 0
        self._megapixels = 0.0
        self._start = self._last_line = clock()

    @contextmanager
    def shown(self, what: str, total: int) -> Iterator[None]:
        """Show progress over `total` pictures, or over `total` looks at what is there."""
        self._total, self._pictures, self._megapixels = total, 0, 0.0
        self._start = self._last_line = self._clock()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        with Progress(
            *columns,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            disable=not self._console.is_terminal,
        ) as bars:
            self._bars = bars
            self._bar = bars.add_task(what, total=total, pace="")
            yield
        self._bars = None

    def tick(self, megapixels: float = 0.0) -> None:
        """One more is done."""
        self._pictures += 1
        self._megapixels += megapixels
        assert self._bars is not None, "tick belongs inside `shown`"
        self._bars.update(self._bar, completed=self._pictures, pace=self._words())
        if self._console.is_terminal or self._clock() - self._last_line < self._line_every_s:
            return
        self._last_line = self._clock()
        done = f"{self._pictures} of {self._total}"
        self._console.print(", ".join(filter(None, [done, self._words()])), soft_wrap=True)

    @property
    def pace(self) -> Pace:
        """What was done since `shown` began."""
        return Pace(
            pictures=self._pictures,
            megapixels=self._megapixels,
            seconds=self._clock() - self._start,
        )

    def _words(self) -> str:
        pace = self.pace
        if not pace.megapixels:
            return ""
        left = (self._total - pace.pictures) / pace.pictures_per_s
        return (
            f"{pace.pictures_per_s:.2f} pictures/s, {pace.megapixels_per_s:.2f} Mpx/s, "
            f"about {duration(left)} left"
        )


def duration(seconds: float) -> str:
    """Seconds as people say them: 40 s, 12 min, 3 h 05 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
