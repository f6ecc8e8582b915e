"""What needs no protection to recover a picture: holes filled from their surroundings.

Whoever recovers must do better than this, or recovers nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.attacks.retouch import fill_smoothly
from imuge.bench.scores import Mask
from imuge.errors import ConfigError
from imuge.protection.recover import TRUST_MARGIN
from imuge.results import Pixels


def smooth_fill(picture: Pixels, mask: Mask) -> Pixels:
    """Fill the mask from ever coarser averages; outside it the picture is kept.

    Args:
        picture: (H, W, 3), as received.
        mask: (H, W), the true one.
    """
    filled = fill_smoothly(picture.astype(np.float32), _wider(mask))
    return _inside(mask, filled, picture)


def biharmonic_fill(picture: Pixels, mask: Mask) -> Pixels:
    """Fill the mask as scikit-image does: slower, and smooth up to the slope at the rim.

    After Damelin and Hoang, "On surface completion and image inpainting by biharmonic functions",
    2018. Arguments are those of `smooth_fill`.

    Raises:
        ConfigError: scikit-image is not installed.
    """
    try:
        from skimage.restoration import inpaint_biharmonic
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"inpainting needs {error.name}, which is not installed; run: pip install scikit-image"
        ) from error
    return _inside(mask, 255 * inpaint_biharmonic(picture, _wider(mask), channel_axis=2), picture)


def _wider(mask: Mask) -> Mask:
    """Leave out the rim: there encoders have mixed in what was pasted."""
    wide: Mask = ndimage.maximum_filter(mask, 2 * TRUST_MARGIN + 1)
    return wide


def _inside(mask: Mask, filled: NDArray[np.floating], picture: Pixels) -> Pixels:
    return np.where(mask[..., None], filled.round().clip(0, 255).astype(np.uint8), picture)
