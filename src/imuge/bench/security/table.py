"""The results of `imuge.bench.security.run` as tables, shortfalls and all."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

TITLES = {
    "wrong key": "Wrong key",
    "copy attack": "Copy attack: what denoising takes off is added to another picture",
    "collage": "Collage",
    "averaging": "Averaging pictures of one key",
    "again": "Immunized again",
    "shifts": "Shifts",
    "embedded again": "What was revealed, embedded again without the key",
    "framing": "Framing: protection taken from one place of an honest copy",
}
ELSEWHERE = (
    "`python -m imuge.bench.content` (docs/scores/content.md) measures what is left out here: what "
    "was revealed, embedded again over edits of 1 to 10 % alone (needs a clean published copy and "
    "the public networks); places blurred to frame somebody, and new colours on the same shapes "
    "(both need any copy and a picture editor). `python -m imuge.bench.trust reembedded` "
    "(docs/scores/reembedded.md) asks the registry about the first. Plain edits of every size are "
    "those of `imuge bench`."
)
VERDICTS = ("intact", "tampered", "degraded", "foreign", "unprotected")
OTHERS = ("refused", "taken", "not made")


def to_markdown(result: dict[str, Any]) -> str:
    """A table a group, then what falls short."""
    lines = [
        f"`{result['command']}`: {result['model']}, {len(result['attacked'])} pictures attacked. "
        "*Right*: the verdict is what it should be. *Harmful*: it serves the attacker or accuses "
        "somebody wrongly. Whatever is neither tells less than it could. F1 is that of the mask, "
        "0 where none is given.",
        "",
        ELSEWHERE,
    ]
    rows = sorted(result["rows"], key=lambda row: list(TITLES).index(row["group"]))
    for group, members in groupby(rows, key=lambda row: row["group"]):
        lines += ["", f"### {TITLES[group]}", "", *_table(list(members))]
    found = list(shortfalls(rows))
    lines += ["", "### Falls short", "", *(f"- {line}" for line in found or ["nothing."])]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    located = any(row["f1"] is not None for row in rows)
    head = ["case", "an attacker needs", "should be", "verdicts", "right", "harmful"]
    head += ["F1"] if located else []
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        f1 = "" if row["f1"] is None else f"{row['f1']:.2f}"
        yield (
            f"| {row['row']} | {row['needs']} | {row['should']} | {_counts(row)} "
            f"| {row['as_it_should']} of {row['pictures']} | {row['harmful']} |"
            + (f" {f1} |" if located else "")
        )


def _counts(row: dict[str, Any]) -> str:
    text = ", ".join(
        f"{verdict} {row['verdicts'][verdict]}"
        for verdict in (*VERDICTS, *OTHERS)
        if verdict in row["verdicts"]
    )
    if lost := row["kinds"].get("protection lost"):
        text += f"; protection lost in {lost}"
    if len(row["keys"]) > 1:
        text += "; " + ", ".join(f"key {name} {count}" for name, count in row["keys"].items())
    return text


def shortfalls(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Every row with a verdict that is not what it should be, the harmful ones said."""
    for row in rows:
        wrong = row["pictures"] - row["as_it_should"]
        if wrong:
            harm = f", {row['harmful']} of them harmful" if row["harmful"] else ""
            yield (
                f"{row['group']}, {row['row']}: {wrong} of {row['pictures']} not as they should "
                f"be{harm} ({_counts(row)})."
            )
