"""The results of `imuge.bench.references` as Markdown tables."""

from collections.abc import Callable, Iterator
from typing import Any

ABSENT = "–"
LOCALIZATION = {
    "F1": "f1",
    "IoU": "iou",
    "precision": "precision",
    "recall": "recall",
    "AUC": "auc",
}
RECOVERY = {
    "found mask": "found",
    "true mask": "given",
    "push-pull": "push_pull",
    "biharmonic": "biharmonic",
    "attacked": "attacked",
}
PLACES = {
    "In the tampered area": "area",
    "Over the whole picture": "whole",
}
UNTOUCHED = "untouched, "
Rows = dict[str, dict[str, dict[str, float]]]  # by contestant, row and metric


def to_markdown(result: dict[str, Any]) -> str:
    """All tables, and what could not be measured, as text.

    Args:
        result: What `references.run` returns.
    """
    rows: Rows = result["rows"]
    names = list(dict.fromkeys(name for found in rows.values() for name in found))
    tampered = [n for n in names if n != "immunized" and not n.startswith(UNTOUCHED)]
    untouched = [n for n in names if n.startswith(UNTOUCHED)]
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {len(result['pictures'])} pictures of "
        f"{result['side']}x{result['side']}; averages over pictures.",
        "",
        *_contestants(result),
        "",
        "Whoever changes a picture more can hide more in it: compare what follows only between "
        "contestants of like PSNR and SSIM.",
        "",
        *_table("tamper, then", tampered, rows, LOCALIZATION, lambda value: f"{value:.3f}"),
        "",
        "Recovery, PSNR in dB to the clean original, with the mask that was found and with the "
        "true one. Beside it what needs no protection: the true mask filled from its surroundings "
        "in two ways, and the attacked picture as it was received.",
        "",
        *_recovery(tampered, rows),
        *_alarms(untouched, rows),
        *_notes(result),
    ]
    return "\n".join(lines) + "\n"


def _contestants(result: dict[str, Any]) -> Iterator[str]:
    yield (
        "| contestant | architecture | parameters | working point | weights, SHA-256 | pictures "
        "| PSNR, dB | SSIM |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, facts in result["contestants"].items():
        made = result["rows"][name].get("immunized")
        parameters, sha256 = facts["parameters"], facts["sha256"]
        cells = [
            name,
            facts["architecture"],
            ABSENT if parameters is None else f"{parameters:,}",
            facts["working_point"],
            ABSENT if sha256 is None else f"{sha256[:16]}…",
            "0" if made is None else f"{made['pictures']:.0f}",
            ABSENT if made is None else f"{made['psnr_db']:.1f}",
            ABSENT if made is None else f"{made['ssim']:.3f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _table(
    first: str,
    names: list[str],
    rows: Rows,
    columns: dict[str, str],
    text: Callable[[float], str],
) -> Iterator[str]:
    """One line for each row and contestant that has it."""
    yield f"| {first} | contestant | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 2) + "|"
    for name in names:
        for contestant, found in rows.items():
            if name in found:
                row = found[name]
                cells = [text(row[key]) if key in row else ABSENT for key in columns.values()]
                yield f"| {name} | {contestant} | {' | '.join(cells)} |"


def _recovery(names: list[str], rows: Rows) -> Iterator[str]:
    for place, short in PLACES.items():
        columns = {title: f"{key}_{short}_db" for title, key in RECOVERY.items()}
        yield from (f"{place}:", "")
        yield from _table("tamper, then", names, rows, columns, lambda value: f"{value:.1f}")
        yield ""


def _alarms(names: list[str], rows: Rows) -> Iterator[str]:
    yield "| untouched, then | contestant | false area | pictures > 0.1 % | with any pixel |"
    yield "|---|---|---|---|---|"
    for name in names:
        for contestant, found in rows.items():
            if name in found:
                row = found[name]
                yield (
                    f"| {name.removeprefix(UNTOUCHED)} | {contestant} | {row['false_area']:.4f} "
                    f"| {row['alarm']:.0%} | {row['any']:.0%} |"
                )


def _notes(result: dict[str, Any]) -> Iterator[str]:
    """What is missing above, and why."""
    if not result["biharmonic"]:
        yield from ("", "Biharmonic filling was left out: scikit-image is not installed.")
    for name, facts in result["contestants"].items():
        if not facts["restores"]:
            yield from ("", f"{name} only locates: it restores nothing.")
    for name, cannot in result["cannot"].items():
        for picture, why in cannot.items():
            yield from ("", f"{name} is measured without {picture}: {why}.")
