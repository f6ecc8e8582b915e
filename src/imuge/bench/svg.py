"""A figure as SVG text: the same numbers draw the same text, on every processor.

matplotlib names clip paths and markers by hashes of their coordinates, of which the last bit is not
the same on all processors. Here they are numbered.

Needs matplotlib (extra `bench`).
"""

import io
import re

from matplotlib.figure import Figure

HASHED = re.compile(r"\b[a-z][0-9a-f]{10}\b")


def svg_of(figure: Figure) -> str:
    """Draw a figure; SVG text from its root element on."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    numbers: dict[str, str] = {}
    return HASHED.sub(
        lambda found: numbers.setdefault(found[0], f"{found[0][0]}{len(numbers)}"),
        svg[svg.index("<svg") :],
    )
