"""The lower half of the page: numbers, warnings, what the file says, and what none of it proves."""

import math
from collections.abc import Mapping
from datetime import datetime

from imuge.report import geometry
from imuge.report.text import count, percent, probability, safe
from imuge.results import Verdict

MOST_FACTS = 60
LONGEST_LABEL = 60  # characters


def numbers_section(verdict: Verdict, made: datetime) -> str:
    """List what the verdict rests on."""
    tried = ", ".join(f"{safe(what)} {number:,}" for what, number in verdict.corrected_for.items())
    after = f" <small>corrected for what was tried: {tried}</small>" if tried else ""
    rows = {
        "Presence: chance of a beacon this strong without protection": probability(
            verdict.presence_p
        )
        + after,
        "Tag: chance that a wrong authentication tag is accepted": probability(verdict.tag_p)
        + (after if verdict.tag_p is not None else ""),
        "Layout: chance of an agreement this good by luck": probability(verdict.layout_p),
        "Key": _key(verdict),
        "Image id, drawn at protection": _code(verdict.image_id),
        "Changed area": "could not be judged"
        if verdict.tampered_area is None
        else percent(verdict.tampered_area),
        "Smallest change that would be seen here": _least_region(verdict),
        **geometry.rows(verdict.geometry),
        "Size": f"{verdict.width:,} × {verdict.height:,} pixels",
        "SHA-256 of the file checked": _code(verdict.input_sha256, "not a file: pixels only"),
        "Model": safe(verdict.model),
        "SHA-256 of the model": _code(verdict.model_sha256),
        "Tool": f"imuge {safe(verdict.tool_version)}",
        "Report made": f"<time>{made:%Y-%m-%d %H:%M %Z}</time>",
    }
    body = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows.items())
    return f'<section><h2>The numbers behind it</h2><dl class="facts">{body}</dl></section>'


def _least_region(verdict: Verdict) -> str:
    if verdict.minimum_area is None:
        return "not looked for"
    side = math.ceil(math.sqrt(verdict.minimum_area))
    share = verdict.minimum_area / (verdict.width * verdict.height)
    return (
        f"about {side:,} × {side:,} pixels of this copy "
        f"<small>{count(verdict.minimum_area, 'pixel')}, {percent(share)} of the picture</small>"
    )


def _key(verdict: Verdict) -> str:
    if verdict.key_name is None:
        return "none whose protection was found"
    identity = f" <small>id <code>{safe(verdict.key_id)}</code></small>" if verdict.key_id else ""
    return f"<bdi>{safe(verdict.key_name)}</bdi>{identity}"


def _code(value: str | None, absent: str = "none") -> str:
    return absent if value is None else f"<code>{safe(value)}</code>"


def warnings_section(verdict: Verdict) -> str:
    """List the warnings, or nothing."""
    if not verdict.warnings:
        return ""
    items = "".join(f"<li>{safe(warning, 600)}</li>" for warning in verdict.warnings)
    return f'<section id="warnings" class="warnings"><h2>Warnings</h2><ul>{items}</ul></section>'


def file_section(file_facts: Mapping[str, str]) -> str:
    """List what the file says about itself, or nothing."""
    if not file_facts:
        return ""
    shown = list(file_facts.items())[:MOST_FACTS]
    rows = "".join(
        f"<dt><bdi>{safe(label, LONGEST_LABEL)}</bdi></dt><dd><bdi>{safe(value)}</bdi></dd>"
        for label, value in shown
    )
    left_out = len(file_facts) - len(shown)
    more = f"<p>Not shown: {left_out:,} more.</p>" if left_out else ""
    return (
        "<section><h2>What the file says about itself</h2>"
        '<p class="soft">Anyone can write anything into these fields; imuge did not check them.</p>'
        f'<dl class="facts">{rows}</dl>{more}</section>'
    )


def limits_section(verdict: Verdict) -> str:
    """Say what the report does not prove."""
    points = [
        "It never says that a picture is authentic. <b>Intact</b> means unchanged since it was "
        "protected with the key named here; whoever holds that key can protect anything, a staged "
        "or altered picture too.",
        "<b>Unprotected</b> says nothing about truth: most pictures were never protected, and "
        "protection can be removed.",
    ]
    if verdict.recovered is not None or verdict.hidden_copy_image is not None:
        points.append(
            "A reconstruction is an estimate computed from a small hidden code. Its outlines and "
            "colours can be trusted more than its detail; faces, numbers and letters in it are "
            "<b>not evidence</b>."
        )
    points.append(
        "Changes smaller than the limits above, or hidden under heavy processing, can be missed."
    )
    items = "".join(f"<li>{point}</li>" for point in points)
    return f"<section><h2>What this report does not say</h2><ul>{items}</ul></section>"
