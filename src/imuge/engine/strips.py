"""Cutting a tall picture into strips that give the same result as the whole.

    ┌────────────┐
    │ halo       │  rows that are computed and thrown away, so that the kept rows
    ├────────────┤  see everything they would see in the whole picture
    │ kept rows  │
    ├────────────┤
    │ halo       │
    └────────────┘

At the picture's own edges there is no halo: the network's zero padding belongs there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from imuge.engine.canvas import SIDE_MULTIPLE


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows `top:bottom` are computed, rows `keep_top:keep_bottom` of the picture are kept."""

    top: int
    bottom: int
    keep_top: int
    keep_bottom: int


def strips(
    height: int, width: int, *, halo: int, pixel_budget: int, rows: tuple[int, int] | None = None
) -> Iterator[Strip]:
    """Cover a picture, or a range of its rows, with strips of similar height.

    Args:
        height: Rows of the picture, a multiple of 16.
        width: Columns.
        halo: Rows to look beyond each side, a multiple of 16.
        pixel_budget: How many pixels one strip may have, halo included, where 16 kept rows allow.
        rows: Only these rows (first, one past the last) must be kept; None means all.
    """
    first, last = (0, height) if rows is None else rows
    first -= first % SIDE_MULTIPLE
    last = min(height, last + -last % SIDE_MULTIPLE)
    if (min(height, last + halo) - max(0, first - halo)) * width <= pixel_budget:
        step = last - first
    else:
        room = pixel_budget // width - 2 * halo
        count = -(-(last - first) // max(room, SIDE_MULTIPLE))
        step = -(-(last - first) // count)
        step += -step % SIDE_MULTIPLE
    for keep_top in range(first, last, max(step, SIDE_MULTIPLE)):
        keep_bottom = min(last, keep_top + step)
        yield Strip(
            top=max(0, keep_top - halo),
            bottom=min(height, keep_bottom + halo),
            keep_top=keep_top,
            keep_bottom=keep_bottom,
        )
