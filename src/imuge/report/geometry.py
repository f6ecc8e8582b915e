"""How a copy lies in what was published: in words, in numbers, and as a small drawing.

None of it is tampering. The drawing shows the published picture as a frame and the copy in its
place there, turned and cut as it came.
"""

from imuge.report.pictures import preview
from imuge.report.text import percent
from imuge.results import Geometry, Verdict

DRAWING = 480  # its longer side, in CSS pixels
INSIDE = 320  # long edge of the copy's preview in it
CORNER = ("top left", "top right", "bottom right", "bottom left")


def in_words(geometry: Geometry) -> str:
    """Say what was done to the whole picture: `Shows 62 % of what was published, mirrored`."""
    said = ["whole" if geometry.share >= 1 else f"shows {percent(geometry.share)} of it"]
    if geometry.within is not None:
        said.append("inside a larger picture, of whose rest nothing is said")
    if geometry.mirrored:
        said.append("mirrored")
    if geometry.turn:
        said.append(f"turned by {abs(geometry.turn):g}° {_way(geometry.turn)}")
    if geometry.stretch != 1:
        wider = geometry.stretch > 1
        factor = geometry.stretch if wider else 1 / geometry.stretch
        said.append(f"{factor:.3g} times {'wider' if wider else 'taller'} for its other side")
    if len(said) == 1 and geometry.share >= 1:
        said.append("upright")
    return ", ".join(said).capitalize()


def _way(turn: float) -> str:
    return "" if abs(turn) == 180 else "clockwise" if turn > 0 else "anticlockwise"


def is_whole(geometry: Geometry) -> bool:
    """Whether a drawing would show nothing: the copy covers what was published, upright."""
    alone = geometry.share >= 1 and geometry.within is None
    return alone and not geometry.turn and not geometry.mirrored


def rows(geometry: Geometry | None) -> dict[str, str]:
    """The numbers, by what they are."""
    if geometry is None:
        return {"This copy in what was published": "not known: no message was read"}
    width, height = geometry.frame
    corners = ", ".join(
        f"{name} {100 * x:.1f} %, {100 * y:.1f} %"
        for name, (x, y) in zip(CORNER, geometry.outline, strict=True)
    )
    how = "by its hidden waves" if geometry.placed_by == "pilot" else "taken to be whole"
    return {
        "This copy in what was published": in_words(geometry),
        "Frame it was published on": f"{width:,} × {height:,} pixels <small>"
        f"{1 / geometry.scale:.2f} pixels of this copy for each of them</small>",
        "Corners of this copy there": f"{corners} <small>from the left and the top of what was "
        f"published; placed {how}</small>",
    }


def uncropped_section(verdict: Verdict, figure: str) -> str:
    """Show what was cut away, when somebody asks; nothing where nothing is known of it.

    Args:
        verdict: What was found.
        figure: The picture, as HTML.
    """
    if verdict.uncropped is None:
        return ""
    return (
        "<section><h2>What was cut away</h2><details><summary>Show what was cut away</summary>"
        "<p>The whole published picture with this copy in its place. Around it: a rough "
        "reconstruction from the hidden code that this copy still holds; hatched where none is "
        f"left. Only holders of the full key can see this.</p>{figure}</details></section>"
    )


def drawing_section(verdict: Verdict) -> str:
    """Draw the copy in its place; nothing where it is whole and upright, or nothing is known."""
    geometry = verdict.geometry
    if geometry is None or is_whole(geometry):
        return ""
    width, height = (DRAWING * side / max(geometry.frame) for side in geometry.frame)
    corners = [(x * width, y * height) for x, y in geometry.outline]
    xs, ys = [0.0, width, *(x for x, _ in corners)], [0.0, height, *(y for _, y in corners)]
    left, top, rim = min(xs), min(ys), 4
    box = f"{left - rim:.1f} {top - rim:.1f} {max(xs) - left + 2 * rim:.1f} "
    box += f"{max(ys) - top + 2 * rim:.1f}"
    (x, y), across, _, down = corners
    matrix = (across[0] - x, across[1] - y, down[0] - x, down[1] - y, x, y)
    points = " ".join(f"{cx:.1f},{cy:.1f}" for cx, cy in corners)
    words = in_words(geometry)
    return (
        '<section><h2>Its place in what was published</h2><div class="beside-text"><div>'
        f"<p>This copy: {words[0].lower()}{words[1:]}. Scaling, cutting and turning are no "
        "tampering; what was cut away is simply not seen here.</p></div><figure>"
        f'<svg class="place" role="img" viewBox="{box}" aria-label="The copy inside the outline '
        f'of the published picture">'
        f'<rect class="published" width="{width:.1f}" height="{height:.1f}"/>'
        f'<image href="{preview(verdict.image, INSIDE)}" width="1" height="1" '
        f'preserveAspectRatio="none" transform="matrix({" ".join(f"{m:.2f}" for m in matrix)})"/>'
        f'<polygon class="copy" points="{points}"/></svg>'
        "<figcaption>Grey: the whole published picture; outlined: this copy</figcaption>"
        "</figure></div></section>"
    )
