"""The results of `imuge bench` as Markdown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imuge.bench.grid.bit_marks import to_markdown as bits_to_markdown
from imuge.bench.grid.summary import Rows, case_of, tampered, untouched

ABSENT = "–"
Number = Callable[[float], str]


def three(value: float) -> str:
    """A share with three digits."""
    return f"{value:.3f}"


def one(value: float) -> str:
    """Decibels with one digit."""
    return f"{value:.1f}"


def percent(value: float) -> str:
    """A share in whole per cent."""
    return f"{value:.0%}"


LOCALIZATION: dict[str, tuple[str, Number]] = {
    "F1": ("f1", three),
    "IoU": ("iou", three),
    "precision": ("precision", three),
    "recall": ("recall", three),
    "AUC": ("auc", three),
    "regions right": ("region_precision", three),
    "regions found": ("region_recall", three),
}
RECOVERY: dict[str, tuple[str, Number]] = {
    "attacked": ("attacked_area_db", one),
    "inpainted": ("inpainted_area_db", one),
    "recovered": ("found_area_db", one),
    "recovered, true mask": ("given_area_db", one),
    "attacked, whole": ("attacked_whole_db", one),
    "recovered, whole": ("found_whole_db", one),
}
ALARMS: dict[str, tuple[str, Number]] = {
    "marked of the picture": ("false_area", lambda value: f"{value:.3%}"),
    "pictures > 0.1 %": ("alarm", percent),
    "pictures with any": ("any", percent),
    "message read": ("identified", percent),
}


def to_markdown(result: dict[str, Any]) -> str:
    """All tables, and what could not be measured.

    Args:
        result: What `bench.json` holds.
    """
    rows: Rows = result["rows"]
    changed = tampered(rows)
    lines = [
        provenance(result),
        "",
        *contestants(result),
        "",
        "Whoever changes a picture more can hide more in it: compare contestants of like PSNR.",
        "",
        "### Where was it changed?",
        "",
        *table(changed, {**LOCALIZATION, "message read": ("identified", percent)}, verdicts=True),
        "",
        "### What was there?",
        "",
        "PSNR in dB to the clean original, in the true mask unless it says whole. *Inpainted*: the "
        "true mask filled from its surroundings, which needs no protection.",
        "",
        *table(changed, RECOVERY),
        "",
        *behind_inpainting(changed),
        "",
        "### Untouched pictures",
        "",
        *table(untouched(rows), ALARMS, verdicts=True),
    ]
    for section in (_bits, _refusals):
        lines += section(result)
    return "\n".join(lines) + "\n"


def provenance(result: dict[str, Any]) -> str:
    """Which command made the numbers, on what."""
    return (
        f"`{result['command']}`: grid {result['grid']}, {taken(result)}, seed {result['seed']}, "
        f"imuge {result['imuge']}; averages over pictures, in the published picture's own pixels."
    )


def taken(result: Mapping[str, Any]) -> str:
    """How many pictures of what size were measured."""
    low, high = result["longer_sides"]
    size = f"{low}" if low == high else f"{low} to {high}"
    return f"{len(result['pictures'])} pictures of {size} pixels on the longer side"


def contestants(result: dict[str, Any]) -> Iterator[str]:
    """Who was measured, and how much each changes a picture."""
    yield "| contestant | architecture | working point | weights | PSNR, dB | SSIM | MS-SSIM |"
    yield "|---" * 7 + "|"
    for name, facts in result["contestants"].items():
        made = next((row for row in result["rows"] if _plain(row, name)), None)
        line = [name, facts["architecture"], facts["working_point"]]
        line.append(f"{facts['sha256'][:16]}…" if facts["sha256"] else ABSENT)
        for key, text in (("psnr_db", one), ("ssim", three), ("ms_ssim", three)):
            line.append(ABSENT if made is None else text(made[key]))
        yield f"| {' | '.join(line)} |"


def _plain(row: dict[str, Any], name: str) -> bool:
    return bool(row["contestant"] == name and row["strength"] == 1)


def table(
    rows: Rows, columns: dict[str, tuple[str, Number]], *, verdicts: bool = False
) -> Iterator[str]:
    """One line a row, as Markdown."""
    titles, lines = cells(rows, columns, verdicts=verdicts)
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    yield from (f"| {' | '.join(line)} |" for line in lines)


def cells(
    rows: Rows, columns: Mapping[str, tuple[str, Number]], *, verdicts: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of a table; columns that no row has are left out."""
    shown = {title: how for title, how in columns.items() if any(how[0] in row for row in rows)}
    verdicts = verdicts and any("verdicts" in row for row in rows)
    lines = []
    for row in rows:
        line = [str(case_of(row)), row["contestant"]]
        line += [text(row[key]) if key in row else ABSENT for key, text in shown.values()]
        lines.append(line + ([said(row)] if verdicts else []))
    return ["case", "contestant", *shown, *(["verdicts"] if verdicts else [])], lines


def said(row: dict[str, Any]) -> str:
    """The verdicts of a row in words."""
    found = row.get("verdicts", {})
    return ", ".join(f"{verdict} {count}" for verdict, count in found.items()) or ABSENT


def behind_inpainting(rows: Rows) -> Iterator[str]:
    """Where recovery in the true mask is no better than filling it from its surroundings."""
    behind = [row for row in rows if row.get("given_area_db", 100) <= row["inpainted_area_db"]]
    if not behind:
        yield "Recovery with the true mask beats inpainting in every row."
        return
    yield "No better than inpainting, with the true mask:"
    yield ""
    for row in behind:
        yield (
            f"- {case_of(row)}, {row['contestant']}: {row['given_area_db']:.1f} dB, inpainted "
            f"{row['inpainted_area_db']:.1f} dB"
        )


def _bits(result: dict[str, Any]) -> Iterator[str]:
    if bits := result.get("bits"):
        yield from ("", "### Watermarks that only carry bits", "")
        yield "Share of 64 bits read correctly; one half is guessing."
        yield ""
        yield from bits_to_markdown(bits).splitlines()


def _refusals(result: dict[str, Any]) -> Iterator[str]:
    if result["cannot"]:
        yield from ("", "### Not measured", "")
    for entry in result["cannot"]:
        yield (
            f"- {entry['contestant']}, {entry['picture']}, {entry['cases']} cases: {entry['why']}"
        )
