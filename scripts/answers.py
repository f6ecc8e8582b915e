"""Results in sentences and small tables, for the questions that people ask (docs/faq.md)."""

from typing import Any

from imuge.attacks.resave import PLATFORMS, parse_chain
from imuge.bench.grid.summary import chosen, untouched

TREATMENTS = {  # as the acceptance measurement calls them
    "none": "nothing",
    "JPEG 90": "JPEG 90",
    "JPEG 75": "JPEG 75",
    "JPEG 70": "JPEG 70",
    "JPEG 50": "JPEG 50",
    "WebP 80": "WebP 80",
    "resize 0.7 bicubic": "scaled to 0.7 and back",
    "resize 1.5 bilinear": "scaled to 1.5 and back",
    "blur 0.8": "a light blur",
    "noise 5": "noise",
    "contrast 1.15, brightness +0.05": "more contrast, brighter",
}
PLATFORM_NAMES = {
    "facebook": "Facebook",
    "instagram": "Instagram",
    "twitter": "X (Twitter)",
    "whatsapp": "WhatsApp",
}


def to_answers(
    measured: dict[str, Any], bench: dict[str, Any], secrecy: dict[str, Any], timed: dict[str, Any]
) -> dict[str, str]:
    """The generated parts of the page by their names.

    Args:
        measured: What `imuge.bench.acceptance.run` wrote.
        bench: What `imuge bench` wrote of the release alone.
        secrecy: What `imuge.bench.secrecy` wrote.
        timed: What `imuge.bench.speed.run` wrote.
    """
    return {
        "fidelity": _fidelity(measured),
        "survives": _survives(measured),
        "platforms": _platforms(bench),
        "strangers": _strangers(measured),
        "secrecy": _secrecy(secrecy),
        "accuses": _accuses(bench),
        "takes": _takes(timed),
    }


def _fidelity(measured: dict[str, Any]) -> str:
    row = measured["rows"]["immunized"]
    return (
        f"Over {len(measured['pictures'])} photographs of 512x512: {row['psnr_db']:.1f} dB PSNR "
        f"and SSIM {row['ssim']:.3f} on average between the picture given and the one made.\n"
    )


def _survives(measured: dict[str, Any]) -> str:
    lines = [
        "| treated with | protection read, 512x512 | 256x256 | F1 of the mask, 512x512 |",
        "|---|---|---|---|",
    ]
    for name, words in TREATMENTS.items():
        read = [_read(measured, side, name) for side in (512, 256)]
        f1 = measured["rows"][f"splice, {name}"]["shipped_f1"]
        lines.append(f"| {words} | {' | '.join(read)} | {f1:.3f} |")
    return "\n".join(lines) + "\n"


def _read(measured: dict[str, Any], side: int, name: str) -> str:
    row = measured["message"][f"{side}x{side}, {name}"]
    return f"{row['read']} of {row['pictures']}"


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


def _strangers(measured: dict[str, Any]) -> str:
    strangers = measured["strangers"].values()
    found, pictures = (sum(row[key] for row in strangers) for key in ("unprotected", "pictures"))
    chance = measured["chance"]
    return (
        f"Of {pictures} copies without protection of the key that was asked for, {found} were "
        f"`unprotected`. Among {chance['keys times pictures']:.0f} pairs of a key and a picture "
        f"never protected, the p-value of presence was at or below 0.01 in "
        f"{chance['share at or below 0.01']:.2%}, as it should be; the least was "
        f"{chance['least p']:.1g}, and a verdict asks for far less.\n"
    )


def _secrecy(secrecy: dict[str, Any]) -> str:
    plain = secrecy["best"]["revealed"]["plain"]
    clean, saved = plain["none"], plain["jpeg:90"]
    return (
        f"An expert without the key finds {clean['share']:.0%} of the places of the hidden code in "
        f"a lossless file ({clean['least']:.0%} to {clean['most']:.0%} over "
        f"{len(secrecy['pictures'])} pictures), and {saved['share']:.1%} after JPEG 90.\n"
    )


def _accuses(bench: dict[str, Any]) -> str:
    lines = ["| untouched, then | show a false region |", "|---|---|"]
    for row in untouched(bench["rows"]):
        if row["strength"] == 1 and "any" in row:
            false = round(row["any"] * row["pictures"])
            lines.append(f"| `{row['process']}` | {false} of {row['pictures']} |")
    return "\n".join(lines) + "\n"


def _takes(timed: dict[str, Any]) -> str:
    lines = [
        f"On {timed['threads']} processor cores:",
        "",
        "| megapixels | immunize | verify and recover | memory |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['immunize_s']:.0f} s | {row['verify_s']:.0f} s "
        f"| {row['peak_gb']:.1f} GB |"
        for name, row in timed["large"].items()
        if "immunize_s" in row  # larger ones are refused
    ]
    return "\n".join(lines) + "\n"
