"""The study of geometry as a page: every row beside what was asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from imuge.bench.geometry.cases import (
    CORNER_ERROR,
    KEYS,
    KEYS_SECONDS,
    MOVES,
    SEARCH_SECONDS,
    Move,
)

Row = Mapping[str, Any]


def summary(move: Move, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One row: over all pictures under one move.

    Returns:
        `pictures`, `read` and `accused` as numbers of pictures; means of the scores over those
        that were read; `corner_error`, the median.
    """
    read = [one for one in found if one["read"]]

    def mean(name: str) -> float | None:
        return float(np.mean([one[name] for one in read])) if read else None

    return {
        "move": move.name,
        "chain": move.chain,
        "process": move.process,
        "search": move.search,
        "pictures": len(found),
        "read": len(read),
        "accused": int(sum(one["accused"] for one in found)),
        "corner_error": float(
            np.median([one["corner_error"] for one in read if "corner_error" in one])
        )
        if read
        else None,
        **{name: mean(name) for name in ("f1", "plain_f1", "area_db", "plain_area_db")},
    }


def to_markdown(result: Mapping[str, Any]) -> str:
    """All tables, and what was missed."""
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['model']} "
        f"({result['model_sha256'][:16]}…). A tenth of what is shown is spliced; F1 and recovery "
        "in the copy's own pixels, of those that were read, *plain*: the same picture after the "
        "same saving, not moved. In brackets what was asked for.",
    ]
    for group, rows in result["groups"].items():
        lines += [
            "",
            f"{rows[0]['pictures']} {group} pictures.",
            "",
            "| copy | then | search | id read | corner error, frame pixels | F1 | plain "
            "| recovered, dB | plain | untouched accused |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *(_line(row, move) for row, move in zip(rows, MOVES[group], strict=True)),
        ]
    lines += ["", *_matches(result["matches"]), "", *_seconds(result["seconds"])]
    missed = list(shortfalls(result))
    lines += ["", "Missed:" if missed else "Nothing is missed.", *(["", *missed] if missed else [])]
    return "\n".join(lines) + "\n"


def _line(row: Row, move: Move) -> str:
    wanted = move.read * row["pictures"] / 10
    cells = [
        move.name,
        f"`{row['process']}`",
        row["search"],
        f"{row['read']} of {row['pictures']} ({wanted:.0f})",
        _number(row["corner_error"], 2) + f" ({CORNER_ERROR})",
        _number(row["f1"], 3) + f" (-{move.loss})",
        _number(row["plain_f1"], 3),
        _number(row["area_db"], 1),
        _number(row["plain_area_db"], 1),
        f"{row['accused']} of {row['pictures']} (0)",
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _matches(found: Mapping[str, Row]) -> Iterator[str]:
    for name, row in found.items():
        yield (
            f"False matches in {row['crops']} {name} crops, {row['keys']} other keys each: "
            f"{row['matches']}; least corrected p {row['least_p']:.1e}."
        )


def _seconds(found: list[dict[str, Any]]) -> Iterator[str]:
    names = [name for name in found[0] if name != "size"]
    yield "What looking in vain costs, processor seconds of the whole of receiving:"
    yield ""
    yield f"| unprotected picture | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(names)
    for row in found:
        yield f"| {row['size']} | " + " | ".join(f"{row[name]:.2f}" for name in names) + " |"


def shortfalls(result: Mapping[str, Any]) -> Iterator[str]:
    """Every figure that stays behind what was asked for, as a line of a list."""
    for group, rows in result["groups"].items():
        for row, move in zip(rows, MOVES[group], strict=True):
            name = f"- {group}, {move.name}"
            if row["read"] < round(move.read * row["pictures"] / 10):
                yield f"{name}: {row['read']} of {row['pictures']} read"
            if row["accused"]:
                yield f"{name}: {row['accused']} untouched accused"
            if row["f1"] is None:
                continue
            if row["f1"] < row["plain_f1"] - move.loss:
                yield f"{name}: F1 {row['plain_f1'] - row['f1']:.3f} less, asked {move.loss}"
            if row["corner_error"] > CORNER_ERROR:
                yield f"{name}: corner error {row['corner_error']:.2f} frame pixels"
    for name, row in result["matches"].items():
        if row["matches"]:
            yield f"- {name} crops: {row['matches']} false matches"
    many = f", {KEYS} keys"
    for row in result["seconds"]:
        for added, most in (
            (row["quick"] - row["off"], SEARCH_SECONDS),
            (row["quick" + many] - row["off" + many], KEYS_SECONDS),
        ):
            if added > most:
                yield f"- quick search in {row['size']}: {added:.2f} s, asked {most:g}"
