"""JPEG whose quantization is replaced by a smooth curve, so that its gradient knows of it."""

from torch import Tensor

from imuge.train.attacks.jpeg.codec import codec


def smooth(picture: Tensor, quality: Tensor, *, subsampled: bool) -> Tensor:
    """Encode and decode, with levels rounded to r + (x - r)³, r the whole number next to x.

    The gradient, 3 (x - r)², tells a coefficient that is about to change its level from one that
    is not; the pixels are a little nearer to the original than a real decoder's. After Shin and
    Song 2017, "JPEG-resistant adversarial images". All else is as in `exact`.

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
    whole = levels.detach().round()
    return whole + (levels - whole) ** 3
