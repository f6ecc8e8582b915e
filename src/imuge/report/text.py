"""Text and numbers as they may stand in the page.

Whatever came from a file, a key or a person goes through `safe`: EXIF text and file names are
written by strangers.
"""

import html
import math
import unicodedata

LONGEST_TEXT = 300  # characters


def safe(value: object, longest: int = LONGEST_TEXT) -> str:
    """Return `value` as HTML text that can only be read, in an element or a quoted attribute.

    Control characters, and those that reverse the direction of reading, become U+FFFD; text beyond
    `longest` characters is cut and the cut is announced.
    """
    text = str(value)
    rest = len(text) - longest
    shown = "".join(_visible(character) for character in text[:longest])
    return html.escape(shown) + (f"… ({rest:,} more characters)" if rest > 0 else "")


def _visible(character: str) -> str:
    if character in "\t\r\n":
        return " "
    # Cc: control, Cf: format (direction, zero width), Cs: halves of broken file names.
    return "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character


def probability(value: float | None) -> str:
    """Write a p-value for a person: `0.04`, `3.2 × 10⁻¹²` with the exponent raised."""
    if value is None or math.isnan(value):
        return "not computed"
    if value <= 1e-300:  # the floor of all p-values
        return "below 10<sup>−300</sup>"
    if value >= 0.001:
        return f"{value:.2g}" if value < 0.995 else "1"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} × 10<sup>−{-int(exponent)}</sup>"


def percent(fraction: float) -> str:
    """Write a fraction as per cent with two digits that tell something: `12 %`, `0.031 %`."""
    if fraction <= 0:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(100 * fraction)))
    return f"{100 * fraction:.{min(digits, 4)}f} %"


def count(number: int, noun: str) -> str:
    """Write `1 region`, `12,000 pixels`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
