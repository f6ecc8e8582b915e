"""Journals of a header and a line a picture: a run that was stopped goes on from whole lines."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError

Row = TypeVar("Row")  # a dataclass


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
    measure: Callable[[Photograph, Photograph, int], Iterable[Row]],
) -> list[Row]:
    """Every picture's rows; what is measured now goes into the journal, with a bar for a person.

    Args:
        pictures: In their order; each is given the one before it, too, to paste from.
        journal: Begun by `resumed`.
        done: By SHA-256, the rows that it has.
        measure: Of a picture, the other and its number: its rows.
    """
    rows = dict(done)
    for number, picture in enumerate(track(pictures, "measuring", console=Console(stderr=True))):
        if picture.sha256 not in rows:
            rows[picture.sha256] = list(measure(picture, pictures[number - 1], number))
            found = [asdict(row) for row in rows[picture.sha256]]  # type: ignore[call-overload]
            with journal.open("a") as file:
                file.write(json.dumps({"picture": picture.sha256, "rows": found}) + "\n")
    return [row for picture in pictures for row in rows[picture.sha256]]
