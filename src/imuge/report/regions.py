"""The regions of a verdict: which to look at first and why, and each of them close up.

    region ─► number, place, area, what is said of it
              copy │ reconstruction │ hidden copy     the same place at the same zoom

A picture that does not exist, or that shows nothing else there than the copy, is left out with a
word why.
"""

from collections.abc import Iterator

from imuge.report.overlay import MOST_NUMBERED
from imuge.report.pictures import close_up
from imuge.report.text import count, percent
from imuge.results import REGION_WORDS, Pixels, Region, RegionKind, Verdict

MOST_CLOSE_UPS = 8
MARKS: dict[RegionKind, str] = {  # classes in page.css
    "changed": "",
    "protected again": " again",
    "protection lost": " lost",
}


def look_first(verdict: Verdict) -> str:
    """Say which region to look at first and why; nothing where none counts as changed."""
    if not verdict.regions or not verdict.regions[0].counts:
        return ""
    region = verdict.regions[0]
    alone = sum(each.counts for each in verdict.regions) == 1
    reasons = [_kind(region)[0].lower() + _kind(region)[1:]]
    if region.evidence is not None:
        reasons.append(f"{region.evidence} evidence")
    reasons.append(f"{percent(region.area)} of the picture")
    if region.evidence is None and not alone:
        reasons.append("the largest")
    where = place(region, verdict)
    return (
        f'<p class="look-first"><b>Look {"at" if alone else "first at"} region 1</b>, '
        f"{where[0].lower()}{where[1:]}: {', '.join(reasons)}.</p>"
    )


def table(verdict: Verdict) -> str:
    """List the regions in the order in which to look at them, the first of them close up."""
    if not verdict.regions:
        return ""
    shown = verdict.regions[:MOST_NUMBERED]
    rows = "".join(_rows(verdict, number, region) for number, region in enumerate(shown, start=1))
    notes = []
    if len(shown) > MOST_CLOSE_UPS:
        notes.append(f"The first {MOST_CLOSE_UPS} regions are shown close up.")
    if left_out := len(verdict.regions) - len(shown):
        notes.append(f"{count(left_out, 'more region')} in the JSON record.")
    return (
        "<table><caption>Regions, most evidence first; what is no tampering last</caption>"
        '<thead><tr><th scope="col">No.</th><th scope="col">Where</th><th scope="col">Area</th>'
        f'<th scope="col">What is said of it</th></tr></thead>{rows}</table>'
        + (f"<p>{' '.join(notes)}</p>" if notes else "")
    )


def place(region: Region, verdict: Verdict) -> str:
    """Say in words which ninth of the picture a region's middle lies in."""
    left, top, right, bottom = region.box
    row = ("top", "", "bottom")[min(2, 3 * (top + bottom) // (2 * verdict.height))]
    column = ("left", "", "right")[min(2, 3 * (left + right) // (2 * verdict.width))]
    return f"{row} {column}".strip().capitalize() or "Centre"


def _rows(verdict: Verdict, number: int, region: Region) -> str:
    left, top, right, bottom = region.box
    near = number <= MOST_CLOSE_UPS
    looks = ""
    if near:
        looks = f'<tr><td class="looks" colspan="3">{_looks(verdict, number, region)}</td></tr>'
    return (
        f'<tbody><tr><th scope="rowgroup" rowspan="{2 if near else 1}">'
        f'<span class="number{MARKS[region.kind]}">{number}</span></th>'
        f'<td data-label="Where">{place(region, verdict)}<small>{right - left} × {bottom - top}'
        f" pixels at x {left}, y {top}</small></td>"
        f'<td data-label="Area">{percent(region.area)}<small>'
        f"{count(region.area_pixels, 'pixel')}</small></td>"
        f'<td data-label="What is said of it">{_witnesses(region)}</td></tr>'
        f"{looks}</tbody>"
    )


def _looks(verdict: Verdict, number: int, region: Region) -> str:
    figures, without = [], []
    for label, picture, why_not in _pictures(verdict, region):
        if picture is None:
            without.append(f"{label}: {why_not}.")
            continue
        address = close_up(picture, region.box)
        figures.append(
            f'<figure><img src="{address}" alt="Region {number}, {label.lower()}">'
            f"<figcaption>{label}</figcaption></figure>"
        )
    said = f"<small>{' '.join(without)}</small>" if without else ""
    return f'<div class="row">{"".join(figures)}</div>{said}'


def _pictures(verdict: Verdict, region: Region) -> Iterator[tuple[str, Pixels | None, str]]:
    """What can be seen of a region: a label, the picture, and why there would be none."""
    yield "As received", verdict.image, ""
    if not region.counts:
        yield "Reconstruction", None, "none, what is seen there is what was published"
    elif region.found_by == "reference":
        yield "Reconstruction", None, "none, only the registry tells that this place differs"
    else:
        yield "Reconstruction", verdict.recovered, "not made"
    yield "Hidden copy", verdict.hidden_copy_image, "not rendered"


def _kind(region: Region) -> str:
    if region.found_by == "reference":
        return "Differs from the registry's record"
    words = REGION_WORDS[region.kind]
    return words[0].upper() + words[1:]


def _witnesses(region: Region) -> str:
    """The kind of a region, how strong the evidence is, and what each witness says of it."""
    if region.found_by == "reference":
        return _kind(region)
    told = [f"<b>{_kind(region)}</b>"]
    if region.counts and region.evidence is not None:
        told.append(f"<small>{region.evidence} evidence</small>")
    if region.mean_probability is not None:
        told.append(f"<small>mean probability {region.mean_probability:.2f}</small>")
    if region.template_agreement is not None:
        told.append(f"<small>template agrees {percent(region.template_agreement)}</small>")
    if region.content == "not checked":
        told.append("<small>content not checked</small>")
    elif region.content_agreement is not None:
        told.append(f"<small>content agrees {percent(region.content_agreement)}</small>")
    return "".join(told)
