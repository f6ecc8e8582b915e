"""Results in sentences and small tables, for the questions that people ask (docs/faq.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imuge.attacks.resave import PLATFORMS, parse_chain
from imuge.bench.copies import WANTED, row_of
from imuge.bench.framing import FRAMED_AREA
from imuge.bench.grid.cases import UNTOUCHED
from imuge.bench.grid.summary import chosen
from imuge.bench.speed.commands import VERBS

PROCESSES = {
    "none": "nothing",
    "jpeg:75": "JPEG 75",
    "jpeg:50": "JPEG 50",
    "resize:0.8,jpeg:75": "scaled to 0.8, JPEG 75",
    "long-edge:1600,jpeg:70": "1600 pixels, JPEG 70",
    "long-edge:1080,jpeg:75": "1080 pixels, JPEG 75",
    "long-edge:1080,jpeg:50": "1080 pixels, JPEG 50",
    "long-edge:1080,webp:80": "1080 pixels, WebP 80",
    "long-edge:1080,webp:70": "1080 pixels, WebP 70",
    "long-edge:1080,avif:60": "1080 pixels, AVIF 60",
    "long-edge:800,jpeg:75": "800 pixels, JPEG 75",
}
PLATFORM_NAMES = {
    "facebook": "Facebook",
    "instagram": "Instagram",
    "twitter": "X (Twitter)",
    "whatsapp": "WhatsApp",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One generated part of the page."""

    result: str  # name of the result it is made of
    render: Callable[[dict[str, Any]], str]


def _fidelity(copies: dict[str, Any]) -> str:
    sentences = []
    for facts in copies["groups"].values():
        low, high = facts["longer_sides"]
        size = f"{low}" if low == high else f"{low} to {high}"
        row = facts["rows"][0]
        sentences.append(
            f"{row['psnr_db']:.1f} dB PSNR and SSIM {row['ssim']:.3f} over "
            f"{len(facts['pictures'])} photographs of {size} pixels"
        )
    return f"On average between the picture given and the one made: {'; '.join(sentences)}.\n"


def _survives(copies: dict[str, Any]) -> str:
    lines = [
        "| photographs, pixels | treated with | protection read | F1 of the mask |",
        "|---|---|---|---|",
    ]
    for size, process, changed, _ in _copy_rows(copies):
        read = round(changed["read"] * changed["pictures"])
        lines.append(
            f"| {size} | {PROCESSES[process]} | {read} of {changed['pictures']} "
            f"| {changed['f1']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _accuses(copies: dict[str, Any]) -> str:
    lines = ["| photographs, pixels | untouched, then | show a false region |", "|---|---|---|"]
    for size, process, _, kept in _copy_rows(copies):
        false = round(kept["any"] * kept["pictures"])
        lines.append(f"| {size} | {PROCESSES[process]} | {false} of {kept['pictures']} |")
    return "\n".join(lines) + "\n"


def _copy_rows(
    copies: dict[str, Any],
) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Size of the photographs, processing, and the rows tampered with and untouched."""
    found: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
    for group, facts in copies["groups"].items():
        low, high = facts["longer_sides"]
        size = f"{low}" if low == high else f"{low} to {high}"
        for process in WANTED[group]:
            changed = row_of(facts["rows"], process, "splice")
            found.append((size, process, changed, row_of(facts["rows"], process, UNTOUCHED)))
    return found


def _platforms(bench: dict[str, Any]) -> str:
    """What is assumed of each platform, and how a picture within its size comes back."""
    lines = [
        "| platform | what we take it to do | protection read | F1 of the mask, a tenth changed |",
        "|---|---|---|---|",
    ]
    for name in PLATFORMS:
        steps = {step.name: step.value for step in parse_chain(name)}
        (clean,) = chosen(bench["rows"], process=name)
        (pasted,) = chosen(bench["rows"], process=name, tamper="splice")
        read = round(clean["identified"] * clean["pictures"])
        lines.append(
            f"| {PLATFORM_NAMES[name]} | shrinks to {steps['long-edge']:.0f} pixels on the long "
            f"edge, JPEG {steps['jpeg']:.0f} | {read} of {clean['pictures']} | {pasted['f1']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _strangers(presence: dict[str, Any]) -> str:
    samples = presence["samples"].values()
    count = sum(row["count"] for row in samples)
    small = sum(row["shares"]["0.01"] * row["count"] for row in samples) / count
    return (
        f"Among {count} pairs of a key and a picture never protected, the p-value of presence was "
        f"at or below 0.01 in {small:.2%}, as it should be; the least was "
        f"{min(row['least'] for row in samples):.1g}, and a verdict asks for far less.\n"
    )


def _secrecy(secrecy: dict[str, Any]) -> str:
    plain = secrecy["best"]["revealed"]["plain"]
    clean, saved = plain["none"], plain["jpeg:90"]
    return (
        f"An expert without the key finds {clean['share']:.0%} of the places of the hidden code in "
        f"a lossless file ({clean['least']:.0%} to {clean['most']:.0%} over "
        f"{len(secrecy['pictures'])} pictures), and {saved['share']:.1%} after JPEG 90.\n"
    )


def _softened(content: dict[str, Any]) -> str:
    rows = [row for row in content["rows"] if row["case"] == "blurred"]
    counts = ", ".join(
        f"{row['intact']} of {row['pictures']} after {PROCESSES[row['process']]}" for row in rows
    )
    return (
        f"Still `intact`, with a place of {100 * FRAMED_AREA:g} % softened and the copy saved "
        f"again, by a full key: {counts}.\n"
    )


def _moved(security: dict[str, Any]) -> str:
    rows = [row for row in security["rows"] if row["group"] == "copy attack"]
    tried = sum(row["pictures"] for row in rows)
    passed = sum(row["harmful"] for row in rows)
    where = [row["row"] for row in rows if row["harmful"]]
    ways = f" ({'; '.join(where)})" if where else ""
    return (
        f"Protection was moved from {len(security['attacked'])} pictures to others in {len(rows)} "
        f"ways, and {passed} of the {tried} copies passed as protected themselves{ways}.\n"
    )


def _takes(commands: dict[str, Any]) -> str:
    lines = [
        "Processor time of whole commands, all threads together, and peak memory:",
        "",
        "| megapixels | immunize | verify | verify and recover | memory |",
        "|---|---|---|---|---|",
    ]
    for row in commands["sizes"].values():
        costs = [row["now"][verb] for verb in VERBS]
        seconds = " | ".join(f"{cost['processor_s']:.0f} s" for cost in costs)
        peak = max(cost["peak_gb"] for cost in costs)
        lines.append(f"| {row['megapixels']:.0f} | {seconds} | {peak:.1f} GB |")
    return "\n".join(lines) + "\n"


ANSWERS = {
    "fidelity": Answer("copies", _fidelity),
    "survives": Answer("copies", _survives),
    "platforms": Answer("bench", _platforms),
    "strangers": Answer("presence", _strangers),
    "secrecy": Answer("secrecy", _secrecy),
    "accuses": Answer("copies", _accuses),
    "softened": Answer("content", _softened),
    "moved": Answer("security", _moved),
    "takes": Answer("commands", _takes),
}
