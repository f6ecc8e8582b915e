"""Framing: the protection of one place removed, and what it shows left as it is.

Somebody softens a face and saves the picture again, so that imuge says "tampered" there. What is
seen is still what was published, and a verdict should say so.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.scores import Mask
from imuge.protection.frame import published_frame
from imuge.results import Pixels

SOFT = 2.0  # frame pixels, the standard deviation of the blur
MEDIAN = 3.0  # frame pixels, the side of the median's window
POOR = "jpeg:20"
FRAMED_AREA = 0.05  # of the picture


def framed(published: Pixels, place: Mask, kind: str) -> Pixels:
    """A picture with one place treated until its protection is gone and its content is not.

    Args:
        published: (H, W, 3) uint8.
        place: (H, W), True where to treat it; it has a pixel.
        kind: One of `FRAMINGS`.
    """
    height, width = published.shape[:2]
    scale = max(height, width) / published_frame(width, height).side
    made = published.copy()
    (box,) = ndimage.find_objects(place.astype(np.uint8))
    part = made[box]
    part[place[box]] = FRAMINGS[kind](part, scale)[place[box]]
    return made


def _softened(published: Pixels, scale: float) -> Pixels:
    sigma = SOFT * scale
    soft = ndimage.gaussian_filter(published.astype(np.float32), (sigma, sigma, 0))
    made: Pixels = soft.round().clip(0, 255).astype(np.uint8)
    return made


def _median(published: Pixels, scale: float) -> Pixels:
    from skimage.filters import rank

    side = 2 * round(MEDIAN * scale / 2) + 1
    window = np.ones((side, side), np.uint8)
    made: Pixels = rank.median(published, window[..., None])  # type: ignore[no-untyped-call]
    return made


def _poorly_saved(published: Pixels, _scale: float) -> Pixels:
    return resave(published, parse_chain(POOR))


FRAMINGS: dict[str, Callable[[Pixels, float], Pixels]] = {
    "blur": _softened,
    "median": _median,
    "jpeg 20": _poorly_saved,
}
