"""The one form of picture that the attacks on arrays take."""

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError
from imuge.results import Pixels


def check_picture(picture: NDArray[np.generic], name: str = "picture") -> Pixels:
    """Return `picture` if it is uint8 RGB.

    Args:
        picture: (H, W, 3) uint8 RGB, at least one pixel.
        name: What the message calls it.

    Raises:
        ImageError: `picture` has another shape or type.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ImageError(
            f"expected {name} as uint8 RGB of shape (H, W, 3), got {picture.shape} {picture.dtype}"
        )
    return picture.astype(np.uint8, copy=False)
