"""Journals of a header and a line a picture: a run that was stopped goes on from whole lines."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from imuge.bench.grid.entrants import bench_key
from imuge.bench.pictures import Photograph
from imuge.bench.processes import Worker, shared_out
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


def rows_done(
    journal: Path, header: Mapping[str, Any], row: Callable[..., Row], *, other: str
) -> dict[str, list[Row]]:
    """Rows by picture, of a journal of `rows_of_all`; as `resumed`.

    Args:
        journal: The file.
        header: What the run is.
        row: Of its fields by their names; what JSON holds as lists are tuples.
        other: What the journal is of where its header is another.
    """

    def read(known: Mapping[str, Any]) -> Row:
        fields = known.items()
        return row(**{k: tuple(value) if isinstance(value, list) else value for k, value in fields})

    lines = resumed(journal, header, other=other)
    return {line["picture"]: [read(known) for known in line["rows"]] for line in lines}


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
        journal: Begun by `rows_done`.
        done: By SHA-256, the rows that it has.
        measure: Of a guard with the bench's key, a picture, the other and its number: its rows.
        jobs: Processes of one thread, which change no result.
    """
    rows = dict(done)
    missing = {
        picture.sha256: (_measured, (measure, picture, pictures[number - 1], number))
        for number, picture in enumerate(pictures)
        if picture.sha256 not in done
    }
    for picture, found in shared_out(missing, total=len(pictures), jobs=jobs):
        rows[picture] = found
        with journal.open("a") as file:
            line = {"picture": picture, "rows": [asdict(row) for row in found]}
            file.write(json.dumps(line) + "\n")
    return [row for picture in pictures for row in rows[picture.sha256]]


def _measured(
    measure: Measure[Row], picture: Photograph, other: Photograph, number: int
) -> list[Row]:
    return list(measure(Guard(bench_key(), engine=Worker.engine), picture, other, number))
