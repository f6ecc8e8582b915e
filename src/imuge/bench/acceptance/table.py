"""The results of the acceptance measurement as Markdown tables."""

from typing import Any

from imuge.bench.acceptance.promised import PROMISED, Promise
from imuge.bench.presence.uniformity import LEVELS

SHIPPED = ("shipped_f1", "shipped_whole_db", "shipped_area_db")
LABELS = {
    "f1": ("F1", 3),
    "whole_db": ("whole picture, dB,", 1),
    "area_db": ("in the area, dB,", 1),
    "given_area_db": ("in the area with the true mask, dB,", 1),
}
# Of pictures with 20 % tampered, what share must give its message with a valid tag.
MESSAGES_WANTED = {"256x256, JPEG 70": 1.0, "256x256, JPEG 50": 0.9}


def shortfalls(result: dict[str, Any]) -> list[str]:
    """Where the release stays behind what was asked of it.

    That is: more than 0.7 dB or 0.007 F1 below a promise, at the plain and at the shipped working
    point; a message not read at 512x512, or too few at 256x256; presence where there is no
    protection of the key.
    """
    found = []
    for name, promise in PROMISED.items():
        row = result["rows"][name]
        for field in (*Promise._fields, *SHIPPED):
            wanted = getattr(promise, field.removeprefix("shipped_"))
            slack = 0.007 if field.endswith("f1") else 0.7
            if wanted is not None and row[field] < wanted - slack:
                label, digits = LABELS[field.removeprefix("shipped_")]
                point = "shipped" if field in SHIPPED else "plain"
                found.append(
                    f"{name}: {label} at the {point} working point {row[field]:.{digits}f}, "
                    f"promised {wanted}"
                )
    for name, row in result["message"].items():
        wanted = 1.0 if name.startswith("512x512") else MESSAGES_WANTED.get(name, 0.0)
        if (read := row.get("read", 0)) < wanted * row["pictures"]:
            found.append(f"{name}: message read in {read} of {row['pictures']}")
    found += [
        f"{name}: {row['unprotected']} of {row['pictures']} unprotected"
        for name, row in result["strangers"].items()
        if row["unprotected"] < row["pictures"]
    ]
    return found


def to_markdown(result: dict[str, Any]) -> str:
    """The tables as text."""
    rows = result["rows"]
    immunized = rows["immunized"]
    lines = [
        f"Immunized: {immunized['psnr_db']:.1f} dB PSNR, SSIM {immunized['ssim']:.3f}.",
        "",
        "In brackets what the design promised. *Plain*: probability 0.5, no minimum area; "
        "*shipped*: the calibrated working points.",
        "",
        "| tamper, then | F1 plain | F1 shipped | whole picture dB | in the area dB | same, true "
        "mask | same, shipped | attacked, area dB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, promise in PROMISED.items():
        row = rows[name]
        cells = [
            _cell(row["f1"], promise.f1, 3),
            f"{row['shipped_f1']:.3f}",
            _cell(row["whole_db"], promise.whole_db, 1),
            _cell(row["area_db"], promise.area_db, 1),
            _cell(row["given_area_db"], promise.given_area_db, 1),
            f"{row['shipped_area_db']:.1f}",
            f"{row['attacked_area_db']:.1f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "| untouched, then | false area plain | pictures > 0.1 % | false area shipped | pictures "
        "> 0.1 % | with any region |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("none", "JPEG 75", "JPEG 50"):
        row = rows[f"untouched, {name}"]
        lines.append(
            f"| {name} | {row['false_area']:.4f} | {row['alarm']:.0%} "
            f"| {row['shipped_false_area']:.4f} | {row['shipped_alarm']:.0%} "
            f"| {row['shipped_any']:.0%} |"
        )
    lines += [
        "",
        "| 20 % tampered, then | message read | verdicts |",
        "|---|---|---|",
    ]
    for name, row in result["message"].items():
        if "read" not in row:
            lines.append(f"| {name} | | {row['pictures']} pictures |")
            continue
        verdicts = ", ".join(f"{k} {v}" for k, v in row.items() if k not in ("pictures", "read"))
        lines.append(f"| {name} | {row['read']} of {row['pictures']} | {verdicts} |")
    lines += [
        "",
        "| no protection of this key | verdict `unprotected` | least p |",
        "|---|---|---|",
    ]
    for name, row in result["strangers"].items():
        lines.append(
            f"| {name} | {row['unprotected']} of {row['pictures']} | {row['least_p']:.2g} |"
        )
    chance = result["chance"]
    lines += [
        "",
        f"Presence p-values of {chance['keys times pictures']:.0f} pairs of a key and a picture "
        f"never protected; least {chance['least p']:.2g}:",
        "",
        "| p at or below | " + " | ".join(f"{level:g}" for level in LEVELS) + " |",
        "|---|" + "---|" * len(LEVELS),
        "| share | "
        + " | ".join(f"{chance[f'share at or below {level:g}']:.4f}" for level in LEVELS)
        + " |",
    ]
    return "\n".join(lines) + "\n"


def _cell(reached: float, promised: float | None, digits: int) -> str:
    return f"{reached:.{digits}f}" + ("" if promised is None else f" ({promised:.{digits}f})")
