"""Journals of a header and a line a picture: a run that was stopped goes on from whole lines."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rich.console import Console
from rich.progress import Progress

from imuge.bench.grid.entrants import bench_key
from imuge.bench.grid.work import Worker, start_worker
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError
from imuge.guard import Guard

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")
Measure: TypeAlias = Callable[[Guard, Photograph, Photograph, int], Iterable[Row]]


def resumed(journal: Path, header: Mapping[str, Any], *, other: str) -> list[dict[str, Any]]:
    """Whole lines of a journal; one that is not there is begun.

    Args:
        journal: The file.
        header: What the run is.
        other: What the journal is of where its header is another.

    Raises:
        ConfigError: it has another header.
    """
    if not journal.exists():
        journal.write_text(json.dumps(header) + "\n")
        return []
    text = journal.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        journal.write_text(whole)
    first, *lines = map(json.loads, whole.splitlines())
    if first != header:
        raise ConfigError(f"{journal} is of {other}; remove it")
    return lines


def rows_of_all(
    pictures: Sequence[Photograph],
    journal: Path,
    done: Mapping[str, Sequence[Row]],
    measure: Measure[Row],
    *,
    jobs: int,
) -> list[Row]:
    """Every picture's rows; what is measured now goes into the journal, with a bar for a person.

    Args:
        pictures: In their order; each is given the one before it, too, to paste from.
        journal: Begun by `resumed`.
        done: By SHA-256, the rows that it has.
        measure: Of a guard with the bench's key, a picture, the other and its number: its rows.
        jobs: Processes of one thread, which change no result.
    """
    rows = dict(done)
    with (
        Progress(console=Console(stderr=True)) as bars,
        ProcessPoolExecutor(jobs, get_context("spawn"), initializer=start_worker) as pool,
    ):
        running = {
            pool.submit(_measured, measure, picture, pictures[number - 1], number): picture.sha256
            for number, picture in enumerate(pictures)
            if picture.sha256 not in done
        }
        bar = bars.add_task("measuring", total=len(pictures), completed=len(done))
        for future in as_completed(running):
            picture, rows[picture] = running[future], future.result()
            found = [asdict(row) for row in rows[picture]]
            with journal.open("a") as file:
                file.write(json.dumps({"picture": picture, "rows": found}) + "\n")
            bars.advance(bar)
    return [row for picture in pictures for row in rows[picture.sha256]]


def _measured(
    measure: Measure[Row], picture: Photograph, other: Photograph, number: int
) -> list[Row]:
    return list(measure(Guard(bench_key(), engine=Worker.engine), picture, other, number))
