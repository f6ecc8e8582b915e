"""What needs no protection to recover a picture: holes filled from their surroundings.

Whoever recovers must do better than this, or recovers nothing.
"""

import importlib.util

import numpy as np
from scipy import ndimage

from imuge.attacks.retouch import tamper
from imuge.bench.scores import Mask
from imuge.results import Pixels
from imuge.verification import RECOVERY_MARGIN


def has_biharmonic() -> bool:
    """Whether scikit-image is installed."""
    return importlib.util.find_spec("skimage") is not None


def inpainted(picture: Pixels, mask: Mask) -> dict[str, Pixels]:
    """Fill the mask from its surroundings, in one way or in two.

    Args:
        picture: (H, W, 3), as received.
        mask: (H, W), the true one.

    Returns:
        `push_pull`, from ever coarser averages, which is what the attack `inpaint` draws; and
        `biharmonic`, scikit-image's, where it is installed. Outside the mask the picture is kept.
    """
    fixed = np.random.default_rng(0)  # of the faint noise that goes with the first
    found = {"push_pull": tamper(picture, "inpaint", rng=fixed, mask=mask).picture}
    if has_biharmonic():
        # Here: it comes with the extra `dev` alone.
        from skimage.restoration import inpaint_biharmonic

        # It carries the slope at the rim far inside. There encoders and filters have mixed in what
        # was pasted, so it begins where our own recovery does.
        wide = ndimage.maximum_filter(mask, 2 * RECOVERY_MARGIN + 1)
        filled = inpaint_biharmonic(picture, wide, channel_axis=2) * 255
        rounded = filled.round().clip(0, 255).astype(np.uint8)
        found["biharmonic"] = np.where(mask[..., None], rounded, picture)
    return found
