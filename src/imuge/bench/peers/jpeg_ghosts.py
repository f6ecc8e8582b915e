"""JPEG ghosts: saved at a lower quality before, a part hardly changes when saved at it again.

After Farid, "Exposing digital forgeries from JPEG ghosts", IEEE TIFS 2009. He judges the difference
images by eye; here a pixel's evidence is how far its difference lies below that of the picture.
Blocks must lie on the grid they were first saved on: the shifts that he searches are left out.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.attacks.resave import Step, resave
from imuge.results import Pixels

QUALITIES = range(40, 100, 5)
WINDOW = 16  # pixels, Farid's
GREY_LEVELS = 0.25  # squared; keeps the scale defined where saving changes nothing
# For the best F1 on splices saved before at quality 50, into 8 training pictures
# (`photographs(train, side=512, count=8)`), clean and JPEG 90, with at most 5 % of the untouched
# ones, clean and JPEG 75, marked: F1 0.68, 5.0 %.
THRESHOLD = 0.55


def jpeg_ghosts(received: Pixels) -> NDArray[np.float32]:
    """Where saving at some quality changes far less than it does elsewhere.

    Args:
        received: (H, W, 3).

    Returns:
        (H, W) in [0, 1]: the largest lag, over all qualities, of a pixel's difference behind the
        median of the picture's; every pixel's differences are scaled to [0, 1] first.
    """
    differences = np.stack([_difference(received, quality) for quality in QUALITIES])
    lowest = differences.min(axis=0)
    scaled = (differences - lowest) / (differences.max(axis=0) - lowest + GREY_LEVELS)
    lag = np.median(scaled, axis=(1, 2), keepdims=True) - scaled
    ghost: NDArray[np.float32] = lag.max(axis=0).clip(0, 1)
    return ghost


def _difference(received: Pixels, quality: int) -> NDArray[np.float32]:
    """Mean squared difference to the picture saved at a quality, (H, W)."""
    saved = resave(received, [Step("jpeg", quality)])
    squares = ((saved.astype(np.float32) - received.astype(np.float32)) ** 2).mean(axis=2)
    mean: NDArray[np.float32] = ndimage.uniform_filter(squares, WINDOW).clip(0)
    return mean
