"""JPEG with the decoder's own pixels and the gradient of no compression at all."""

from torch import Tensor

from imuge.train.attacks.jpeg.codec import codec
from imuge.train.attacks.rounding import straight_through


def exact(picture: Tensor, quality: Tensor, *, subsampled: bool) -> Tensor:
    """Encode and decode as libjpeg-turbo does; rounding and clamping are straight-through.

    The gradient is that of the linear part alone: what 4:2:0 removes gets none, a coefficient that
    is quantized to 0 gets the same as one that survives. No pixel's gradient dies.

    Args:
        picture: (B, 3, H, W) float32 RGB in [0, 1]; H and W multiples of 16, or of 8 when not
            subsampled.
        quality: (B,) libjpeg quality from 1 to 100; fractions are rounded.
        subsampled: Whether chroma has half the width and height (4:2:0) or all of it (4:4:4).

    Returns:
        (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255.

    Raises:
        ImageError: `picture` has another shape.
    """
    return codec(picture, quality, subsampled=subsampled, quantize=_round)


def _round(levels: Tensor) -> Tensor:
    return straight_through(levels.detach().round(), levels)
