"""What was found on the frame, in the copy's own pixels: outlines, regions, reconstruction.

    probability on the frame ─ kept pieces only ─► unwarp ─► > ½ ─► mask ─► regions

An outline drawn through a probability that was scaled up is smooth; one scaled up as a mask is a
staircase.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.protection.locate import REGION_PROBABILITY, Regions
from imuge.protection.placement import Placement
from imuge.protection.warp import to_copy, unwarp
from imuge.results import Geometry, Region, first_to_look_at

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

RIM = 2  # frame pixels around a piece from which its outline is drawn
SAME_SHAPE = 0.015  # difference of both axes' scales that rounding and re-reading may make
UPRIGHT = 0.05  # degrees
ALL_COVERED = 0.99  # share of a copy beyond which nothing else is around what was published


@dataclass(frozen=True, slots=True, kw_only=True)
class InCopy:
    """Regions in a copy's own pixels."""

    mask: Mask  # (H, W), of the regions that count
    lost: Mask  # (H, W), of those that lost their protection alone
    regions: tuple[Region, ...]  # the most evidence first; those that do not count last


def in_copy(shown: Regions, placement: Placement) -> InCopy:
    """Bring what was found on the frame to the copy.

    Args:
        shown: The regions found there, and the probability that they are drawn from.
        placement: Where the copy lies in the frame.
    """
    mask, lost = np.zeros((2, placement.height, placement.width), bool)
    near = ndimage.maximum_filter(shown.labels, 2 * RIM + 1)
    rows, columns = placement.showing(near > 0)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return InCopy(mask=mask, lost=lost, regions=())
    part = placement.part(rows, columns)  # of a large copy the rest would take seconds for nothing
    drawn = unwarp(np.where(near > 0, shown.probability, 0), part) > REGION_PROBABILITY
    labels = np.where(drawn, _nearest(near, part), 0)
    areas = np.bincount(labels.ravel(), minlength=len(shown.regions) + 1)
    regions = [
        replace(
            shown.regions[number - 1],
            box=(
                columns.start + across.start,
                rows.start + down.start,
                columns.start + across.stop,
                rows.start + down.stop,
            ),
            area_pixels=int(areas[number]),
            area=float(areas[number]) / mask.size,
        )
        for number, place in enumerate(ndimage.find_objects(labels), 1)
        if place is not None
        for down, across in [place]
    ]
    counting = np.array([False, *(region.counts for region in shown.regions)])[labels]
    mask[rows, columns] = counting
    lost[rows, columns] = (labels > 0) & ~counting
    return InCopy(mask=mask, lost=lost, regions=first_to_look_at(regions))


def probability_in_copy(shown: Regions, placement: Placement) -> Array:
    """The probability of a change at the copy's own pixels, (H, W) in [0, 1]."""
    return unwarp(shown.probability, placement).clip(0, 1)


def _nearest(labels: NDArray[np.int32], placement: Placement) -> NDArray[np.int32]:
    image = Image.fromarray(np.ascontiguousarray(labels, np.int32))
    return np.asarray(to_copy(image, placement, Image.Resampling.NEAREST), np.int32)


def geometry(placement: Placement, size: tuple[int, int], *, placed_by_pilot: bool) -> Geometry:
    """How a copy lies in what was published.

    Args:
        placement: Of the copy.
        size: Height and width of the frame.
        placed_by_pilot: Whether the waves told; otherwise the copy was taken to be whole.
    """
    corners = placement.corners()
    limits = np.array([size[1], size[0]], float)
    outline = _points(corners / limits)
    across, down = np.linalg.norm(placement.matrix, axis=0)
    turn = placement.turn
    quarter = round(turn / 90) * 90
    # Of the published picture's own axes.
    stretch = float(across / down) if quarter % 180 == 0 else float(down / across)
    share, covered = _share(corners, limits)
    frame_corners = np.array([(0, 0), (limits[0], 0), limits, (0, limits[1])], float)
    around = covered < ALL_COVERED
    return Geometry(
        frame=(size[1], size[0]),
        scale=placement.scale,
        turn=quarter if abs(turn - quarter) < UPRIGHT else round(turn, 2),
        mirrored=placement.mirrored,
        stretch=1.0 if abs(stretch - 1) < SAME_SHAPE else round(1 / stretch, 3),
        outline=outline,
        share=share,
        placed_by="pilot" if placed_by_pilot else "edges",
        within=_points(placement.back(frame_corners).round(1)) if around else None,
    )


def _points(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _share(corners: NDArray[np.float64], limits: NDArray[np.float64]) -> tuple[float, float]:
    """How much of the frame lies in a quadrilateral, and how much of that lies in the frame.

    It is clipped to the frame, edge by edge.
    """
    whole = _area(corners)
    polygon = list(corners)
    for axis in (0, 1):
        for sign, limit in ((1, 0.0), (-1, limits[axis])):
            clipped = []
            for here, there in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                inside, next_inside = (
                    sign * (here[axis] - limit) >= 0,
                    sign * (there[axis] - limit) >= 0,
                )
                if inside:
                    clipped.append(here)
                if inside != next_inside:
                    at = (limit - here[axis]) / (there[axis] - here[axis])
                    clipped.append(here + at * (there - here))
            polygon = clipped
            if not polygon:
                return 0.0, 0.0
    area = _area(np.array(polygon))
    share = area / float(limits.prod())
    # A frame's last row and column may be covered by a fraction only, which no message tells.
    all_of_it = min(0.995, float((1 - 1 / limits).prod()))
    return (1.0 if share > all_of_it else round(share, 4)), area / whole


def _area(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
