"""The work of a bench, shared out among processes: a picture under a contestant is one piece.

    entrants × pictures ─► processes, one thread each ─► rows, in the order of the plan

Every process builds each contestant once, with one thread, however many processes there are: so
their number changes no result.
"""

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from imuge.bench.grid.cases import Case
from imuge.bench.grid.entrants import Entrant
from imuge.bench.grid.trials import AnyContestant, Row, Subject, measure
from imuge.bench.pictures import Photograph
from imuge.bench.processes import end_with_parent

TICK_S = 0.5  # between two looks at what the processes have done
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class GridPlan:
    """All that is to be measured."""

    entrants: tuple[Entrant, ...]
    pictures: tuple[Photograph, ...]
    cases: tuple[Case, ...]
    seed: int

    def units(self) -> list[tuple[int, int]]:
        """Numbers of entrant and picture, picture by picture."""
        return [(e, p) for p in range(len(self.pictures)) for e in range(len(self.entrants))]

    def name(self, unit: tuple[int, int]) -> tuple[str, str]:
        """Names of entrant and picture."""
        return self.entrants[unit[0]].name, self.pictures[unit[1]].name

    def seed_of(self, picture: int) -> int:
        """Of all that is drawn for a picture."""
        return self.seed * 1000 + picture


def measure_unit(
    plan: GridPlan, contestant: AnyContestant, picture: int, *, step: Step = lambda: None
) -> list[Row]:
    """All rows of one picture under one contestant."""
    pictures = plan.pictures
    pair = pictures[picture], pictures[picture - 1]
    subject = Subject(contestant, *pair, seed=plan.seed_of(picture))
    return list(measure(subject, plan.cases, step=step))


def work(
    plan: GridPlan, units: Sequence[tuple[int, int]], *, jobs: int, step: Step
) -> Iterator[tuple[tuple[int, int], list[Row]]]:
    """Measure pieces of work in processes.

    Args:
        plan: What they are pieces of.
        units: Which.
        jobs: How many processes.
        step: Called in this process for each case that is done.

    Yields:
        The piece and its rows, as they are finished.
    """
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    # Ended by its context: what was not begun is dropped when the caller is interrupted.
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_start, initargs=(plan, done)
    ) as pool:
        try:
            waiting = {pool.submit(_run, unit): unit for unit in units}
            while waiting:
                finished, _ = wait(waiting, timeout=TICK_S, return_when=FIRST_COMPLETED)
                _drain(done, step)
                for future in finished:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _drain(done: Any, step: Step) -> None:  # noqa: ANN401
    while True:
        try:
            done.get_nowait()
        except queue.Empty:
            return
        step()


class _Process:
    """What a process keeps between two pieces of work."""

    plan: GridPlan
    done: Any
    contestants: dict[int, AnyContestant]


def _start(plan: GridPlan, done: Any) -> None:  # noqa: ANN401
    _Process.plan, _Process.done, _Process.contestants = plan, done, {}
    end_with_parent()


def _run(unit: tuple[int, int]) -> list[Row]:
    entrant, picture = unit
    if entrant not in _Process.contestants:
        built = _Process.plan.entrants[entrant].build(threads=1)
        _Process.contestants[entrant] = built
    contestant = _Process.contestants[entrant]
    return measure_unit(
        _Process.plan, contestant, picture, step=lambda: _Process.done.put_nowait(None)
    )
