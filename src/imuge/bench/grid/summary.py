"""From the rows of single pictures to averages, and to a table that other programs read.

Averages are over pictures, never over pixels of several pictures. A row is a contestant and a case;
its numbers are plain JSON.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeAlias

import numpy as np

from imuge.bench.grid.cases import UNTOUCHED, Case
from imuge.bench.grid.trials import Row

Rows: TypeAlias = list[dict[str, Any]]
CASE_FIELDS = tuple(field.name for field in fields(Case))


def averages(done: Mapping[tuple[str, str], Iterable[Row]]) -> Rows:
    """Mean over pictures of every score of every contestant and case.

    Args:
        done: Rows by contestant and picture.

    Returns:
        A row each: `contestant`, the case's fields, `pictures` (how many there were), the mean of
        each number, `f1_std` over pictures, and `verdicts`, how often each was given.
    """
    groups: dict[tuple[str, Case], list[Row]] = defaultdict(list)
    for (contestant, _), rows in done.items():
        for row in rows:
            if row.cannot is None:
                groups[contestant, row.case].append(row)
    return [
        {"contestant": contestant, **asdict(case), **_average(rows)}
        for (contestant, case), rows in groups.items()
    ]


def _average(rows: list[Row]) -> dict[str, Any]:
    names = [name for name, value in rows[0].scores.items() if not isinstance(value, str)]
    found: dict[str, Any] = {"pictures": len(rows)}
    for name in names:
        values = np.array([row.scores[name] for row in rows], float)
        found[name] = float(values.mean())
        if name == "f1":
            found["f1_std"] = float(values.std())
    verdicts = Counter(row.scores["verdict"] for row in rows if "verdict" in row.scores)
    if verdicts:
        found["verdicts"] = dict(sorted(verdicts.items()))
    return found


def refusals(done: Mapping[tuple[str, str], Iterable[Row]]) -> list[dict[str, Any]]:
    """What could not be measured, and why: one entry for a contestant, picture and reason."""
    found: dict[tuple[str, str, str], int] = Counter()
    for (contestant, picture), rows in done.items():
        for row in rows:
            if row.cannot is not None:
                found[contestant, picture, row.cannot] += 1
    return [
        {"contestant": contestant, "picture": picture, "why": why, "cases": cases}
        for (contestant, picture, why), cases in found.items()
    ]


def to_csv(done: Mapping[tuple[str, str], Iterable[Row]]) -> str:
    """Every score of every picture, one line a contestant, picture and case."""
    lines = [
        {"contestant": contestant, "picture": picture, **asdict(row.case), **row.scores}
        for (contestant, picture), rows in done.items()
        for row in rows
        if row.cannot is None
    ]
    scores = dict.fromkeys(name for line in lines for name in line)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(scores), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def chosen(rows: Rows, **wanted: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Rows whose case has these values, and the default ones in all else.

    A value that is callable is asked about each row's own.
    """
    plain = asdict(Case()) | wanted
    for row in rows:
        if all(
            value(row[name]) if callable(value) else row[name] == value
            for name, value in plain.items()
        ):
            yield row


def tampered(rows: Rows) -> Rows:
    """Those of tampered pictures."""
    return [row for row in rows if row["tamper"] != UNTOUCHED]


def untouched(rows: Rows) -> Rows:
    """Those of pictures that nobody changed."""
    return [row for row in rows if row["tamper"] == UNTOUCHED]


def case_of(row: Mapping[str, Any]) -> Case:
    """The case that a row is of."""
    return Case(**{name: row[name] for name in CASE_FIELDS})
