"""One self-contained page about one verdict: no script, no request, nothing to install.

From top to bottom: the sentence; who published it; before and after; where it changed; the place
in what was published; the hidden copy; the numbers; warnings; what the file says; what none of it
proves. Pictures are previews inside the page; where the full ones lie beside it, they lead there.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from string import Template
from types import MappingProxyType
from urllib.parse import quote

from imuge.report import facts
from imuge.report.geometry import drawing_section, uncropped_section
from imuge.report.overlay import overlay
from imuge.report.pictures import preview, shrunk
from imuge.report.provenance import provenance_section
from imuge.report.regions import look_first, table
from imuge.report.text import count, percent, safe
from imuge.results import Finding, Pixels, Verdict

LARGE, MEDIUM = 1600, 800  # long edges of the previews, in pixels

RECEIVED = "As received"
BEFORE = "What was there before (reconstruction)"

BADGES: dict[Finding, tuple[str, str, str]] = {  # sign, name, meaning
    "intact": (
        "✓",
        "Intact",
        "Protected with this key; no change found beyond re-saving, scaling and cropping.",
    ),
    "tampered": (
        "!",
        "Tampered",
        "Protected with this key, then changed in the places marked below.",
    ),
    "degraded": (
        "~",
        "Degraded",
        "Protection was found, but it is too damaged to say whether or where the picture changed.",
    ),
    "foreign": (
        "≠",
        "Foreign",
        "The protection found seems to belong to another picture: moved, or pieced together.",
    ),
    "unprotected": (
        "?",
        "Unprotected",
        "No protection of the keys tried was found. That says nothing about whether the picture "
        "is true.",
    ),
}

PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="\
default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>$badge: $name</title>
<style>
$css</style>
</head>
<body class="$verdict">
<main>
$sections
</main>
<footer>Made by imuge $version on $date. It needs no network and runs no code.</footer>
</body>
</html>
""")


def build_page(
    verdict: Verdict,
    name: str,
    *,
    file_facts: Mapping[str, str],
    made: datetime,
    drawn: Pixels | None = None,
    beside: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Build the page.

    Args:
        verdict: What was found; its texts are escaped here.
        name: What the picture is called.
        file_facts: What the file says about itself, as label and text; escaped here.
        made: When the report was made, with a time zone.
        drawn: What `overlay` made of the verdict; None makes it here.
        beside: Names of files that will lie beside the page: "overlay", "recovered",
            "hidden-copy", "uncropped".

    Returns:
        The whole page as HTML text.
    """
    sections = [
        _verdict_section(verdict, name),
        provenance_section(verdict),
        _comparison_section(verdict, beside),
        _places_section(verdict, drawn, beside),
        drawing_section(verdict),
        uncropped_section(verdict, _uncropped(verdict, beside)),
        _hidden_copy_section(verdict, beside),
        facts.numbers_section(verdict, made),
        facts.warnings_section(verdict),
        facts.file_section(file_facts),
        facts.limits_section(verdict),
    ]
    return PAGE.substitute(
        badge=BADGES[verdict.verdict][1],
        name=safe(name),
        css=resources.files("imuge.report").joinpath("page.css").read_text("utf-8"),
        verdict=verdict.verdict,
        sections="\n".join(section for section in sections if section),
        version=safe(verdict.tool_version),
        date=f"{made:%Y-%m-%d}",
    )


def _verdict_section(verdict: Verdict, name: str) -> str:
    sign, badge, meaning = BADGES[verdict.verdict]
    parts = [f"<b><bdi>{safe(name)}</bdi></b>", f"{verdict.width:,} × {verdict.height:,} pixels"]
    if verdict.key_name is not None:
        parts.append(f"key <bdi>{safe(verdict.key_name)}</bdi>")
    if verdict.warnings:
        parts.append(f'<a href="#warnings">{count(len(verdict.warnings), "warning")}</a>')
    return (
        '<header class="verdict">'
        f'<p class="badge"><span aria-hidden="true">{sign}</span> {badge}</p>'
        f"<h1>{safe(verdict.sentence, 600)}</h1>"
        f'<p class="meaning">{meaning}</p>'
        f'<p class="about">{" · ".join(parts)}</p></header>'
    )


def _comparison_section(verdict: Verdict, beside: Mapping[str, str]) -> str:
    """Show before and after; without a reconstruction, or a change, there is nothing to compare."""
    if verdict.verdict != "tampered" or verdict.recovered is None:
        return ""
    seen, there = (shrunk(p, LARGE) for p in (verdict.image, verdict.recovered))
    received, before = preview(seen, LARGE), preview(there, LARGE)
    small = (
        _figure(preview(seen, MEDIUM), "The picture as it was received", RECEIVED),
        _figure(
            preview(there, MEDIUM),
            "The reconstructed picture",
            BEFORE,
            beside.get("recovered"),
        ),
    )
    return (
        "<section><h2>Before and after</h2>"
        f'<div class="compare" style="--ratio: {verdict.width / verdict.height:.4f}; '
        f'--start: {_first_split(verdict):.0f}cqw">'
        f'<img src="{before}" alt="The reconstructed picture">'
        '<span class="tag right">Reconstruction</span>'
        '<div class="pane"><div class="grip"></div>'
        f'<img src="{received}" alt="The picture as it was received">'
        f'<span class="tag left">{RECEIVED}</span></div></div>'
        '<p class="hint"><span aria-hidden="true">↔</span> Drag the handle: left of it the picture '
        "as received, right of it what was there before (reconstruction).</p>"
        f'<h3 class="beside">Side by side</h3><div class="pair">{"".join(small)}</div></section>'
    )


def _first_split(verdict: Verdict) -> float:
    """Say where the handle starts, in per cent: in the middle of the first region."""
    if not verdict.regions:
        return 50
    left, _, right, _ = verdict.regions[0].box
    return min(85, max(15, 50 * (left + right) / verdict.width))


def _figure(address: str, alt: str, caption: str, full: str | None = None) -> str:
    """A preview with its caption; it leads to the full picture where that lies beside the page."""
    image = f'<img src="{address}" alt="{alt}">'
    if full is not None:
        image = f'<a href="{quote(full.encode("utf-8", "surrogateescape"))}">{image}</a>'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _places_section(verdict: Verdict, drawn: Pixels | None, beside: Mapping[str, str]) -> str:
    """Show the marked picture and the list of regions, or just the picture."""
    if verdict.tampered_area is None or (not verdict.regions and not verdict.mask.any()):
        figure = _figure(preview(verdict.image, LARGE), "The picture as it was received", RECEIVED)
        return f'<section class="single"><h2>The picture</h2>{figure}</section>'
    counting = sum(region.counts for region in verdict.regions)
    caption = (
        f"{count(counting, 'region')} changed, {percent(verdict.tampered_area)} of the "
        "picture, tinted and outlined; the numbers are those of the table"
    )
    if lost := len(verdict.regions) - counting:
        caption += f". {count(lost, 'region')} in blue-green lost the protection alone"
    figure = _figure(
        preview(overlay(verdict) if drawn is None else drawn, LARGE),
        "The picture with its regions marked",
        caption,
        beside.get("overlay"),
    )
    title = "Where it changed" if counting or not lost else "Where its protection is lost"
    parts = look_first(verdict), figure, table(verdict)
    return f'<section class="single"><h2>{title}</h2>{"".join(parts)}</section>'


def _uncropped(verdict: Verdict, beside: Mapping[str, str]) -> str:
    if verdict.uncropped is None:
        return ""
    caption = "Reconstruction around the copy as received"
    address = preview(verdict.uncropped, LARGE)
    return _figure(address, "The whole published picture", caption, beside.get("uncropped"))


def _hidden_copy_section(verdict: Verdict, beside: Mapping[str, str]) -> str:
    if verdict.verdict == "unprotected":
        return ""
    likeness = verdict.hidden_copy_agreement
    agreement = "" if likeness is None else f" (correlation {likeness:.2f})"
    seen = "what is seen outside the changed regions" if verdict.regions else "what is seen"
    finding = {
        "agrees": f"The hidden copy <b>agrees</b> with {seen}{agreement}: the protection belongs "
        "to this picture.",
        "disagrees": f"The hidden copy <b>disagrees</b> with {seen}{agreement}: the protection "
        "may come from another picture.",
        "not checked": "The hidden copy was <b>not checked</b>: the key cannot read it, or too "
        "little of it was left.",
    }[verdict.hidden_copy]
    figure = ""
    if verdict.hidden_copy_image is not None:
        figure = _figure(
            preview(verdict.hidden_copy_image, MEDIUM),
            "The whole picture as the hidden code alone describes it",
            "The whole picture as the hidden code alone tells it: a rough reconstruction",
            beside.get("hidden-copy"),
        )
    return (
        '<section><h2>The hidden copy</h2><div class="beside-text">'
        "<div><p>A protected picture carries a small, scattered code of how it looked when it was "
        "protected. Decoded without looking at the visible picture, it shows the whole scene "
        f"roughly.</p><p>{finding}</p></div>{figure}</div></section>"
    )
