"""JPEG from pixels to pixels, step by step as libjpeg-turbo does it, for a batch.

    RGB ─ 8 bits ─ YCbCr ─ [2x2 means] ─ DCT ─ quantize ─ DCT back ─ [3:1 triangle] ─ YCbCr ─ RGB

Entropy coding loses nothing and is left out. Where the real codec rounds, so does this, straight
through; only the DCT back is not followed to its last bits. The result is about 58 dB from the
real decoder's picture (tests/attacks/test_jpeg_codec.py holds 54). How quantized coefficients are
rounded is the caller's: that is where simulators differ.

Blocks of all three planes go through the DCT together: few kernels, large ones. TF32 must be off
(torch's default for products): it costs a grey level.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.errors import ImageError
from imuge.model.transform import BLOCK, YCBCR_FROM_RGB, dct_matrix
from imuge.train.attacks.constants import kept
from imuge.train.attacks.jpeg.tables import tables
from imuge.train.attacks.rounding import floor_through

# libjpeg rounds a level that lies between two away from 0; this makes round() do the same.
AWAY_FROM_ZERO = 1 + 2**-20


class _Constants(NamedTuple):
    to_ycbcr: Tensor  # (3, 3)
    to_rgb: Tensor  # (3, 3)
    center: Tensor  # (3, 1), what makes luma centred on 0
    along_rows: Tensor  # (8, 8), the transposed DCT of libjpeg's first pass, in quarters
    along_columns: Tensor  # (8, 8), of its second one, from quarters
    basis: Tensor  # (64, 64), row u * 8 + v holds the cosines of coefficient (u, v)
    # libjpeg's own, for even and odd columns: it rounds means and triangles alternately.
    mean_bias: Tensor  # (2,)
    triangle_bias: Tensor  # (2,)


def codec(
    picture: Tensor,
    quality: Tensor,
    *,
    subsampled: bool,
    quantize: Callable[[Tensor], Tensor],
) -> Tensor:
    """Encode and decode a batch.

    Args:
        picture: (B, 3, H, W) float32 RGB in [0, 1]; H and W multiples of 16, or of 8 when not
            subsampled. Rounded to 8 bits first.
        quality: (B,) libjpeg quality from 1 to 100; fractions are rounded.
        subsampled: Whether chroma has half the width and height (4:2:0) or all of it (4:4:4).
        quantize: Rounds coefficients that are divided by their table, any shape.

    Returns:
        (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255.

    Raises:
        ImageError: `picture` has another shape.
    """
    _check(picture, subsampled)
    with torch.autocast(picture.device.type, enabled=False):
        luma, chroma = _to_planes(picture)
        if subsampled:
            chroma = _by_columns(F.avg_pool2d(chroma, 2), _constants(picture.device).mean_bias)
        luma, chroma = _through_blocks(luma, chroma, quality, quantize)
        if subsampled:
            chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
            chroma = _by_columns(chroma, _constants(picture.device).triangle_bias)
        return _to_picture(luma, chroma)


def _check(picture: Tensor, subsampled: bool) -> None:
    unit = 2 * BLOCK if subsampled else BLOCK
    shape = tuple(picture.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2] % unit or shape[3] % unit:
        raise ImageError(
            f"expected RGB of shape (B, 3, H, W), H and W multiples of {unit}, got {shape}; "
            "crop or pad it"
        )


def _to_planes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, H, W) and chroma (B, 2, H, W), whole numbers centred on 0."""
    constants = _constants(picture.device)
    levels = floor_through(picture * 255, low=0, high=255)
    planes = constants.to_ycbcr @ levels.flatten(2) - constants.center
    whole = floor_through(planes).view_as(levels)
    return whole[:, :1], whole[:, 1:]


def _to_picture(luma: Tensor, chroma: Tensor) -> Tensor:
    planes = torch.cat((luma, chroma), 1)
    levels = _constants(planes.device).to_rgb @ planes.flatten(2) + 128
    return floor_through(levels, low=0, high=255).view_as(planes) / 255


def _through_blocks(
    luma: Tensor, chroma: Tensor, quality: Tensor, quantize: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Quantize the DCT of every block; whole numbers from -128 to 127."""
    constants = _constants(luma.device)
    blocks = [_to_blocks(luma), _to_blocks(chroma)]
    counts = [part.shape[1] for part in blocks]
    table = torch.cat(
        [
            table[:, None].expand(-1, count, -1)
            for table, count in zip(tables(quality), counts, strict=True)
        ],
        1,
    )
    levels = quantize(_to_eighths(torch.cat(blocks, 1)) * (AWAY_FROM_ZERO / 8 / table))
    pixels = floor_through(levels * table @ constants.basis, low=-128, high=127)
    return (
        _from_blocks(pixels[:, : counts[0]], luma),
        _from_blocks(pixels[:, counts[0] :], chroma),
    )


def _to_eighths(blocks: Tensor) -> Tensor:
    """DCT coefficients in eighths, rounded after each pass: what libjpeg's `jfdctint` keeps.

    Without these two roundings one level in hundreds is another one, and the result 7 dB further
    from the decoder's.
    """
    constants = _constants(blocks.device)
    squares = blocks.view(*blocks.shape[:2], BLOCK, BLOCK)
    rows = floor_through(squares @ constants.along_rows)
    return floor_through(rows.mT @ constants.along_columns).mT.flatten(2)


def _to_blocks(planes: Tensor) -> Tensor:
    """(B, C, H, W) to (B, blocks, 64)."""
    split = planes.reshape(_grid(planes))
    return split.transpose(3, 4).reshape(len(planes), -1, BLOCK * BLOCK)


def _from_blocks(blocks: Tensor, like: Tensor) -> Tensor:
    """(B, blocks, 64) back to the shape of `like`."""
    count, channels, down, high, across, wide = _grid(like)
    return (
        blocks.reshape(count, channels, down, across, high, wide)
        .transpose(3, 4)
        .reshape(like.shape)
    )


def _grid(planes: Tensor) -> tuple[int, ...]:
    """The shape of planes whose sides are divided into blocks: (B, C, H/8, 8, W/8, 8)."""
    count, channels, height, width = planes.shape
    return (count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)


def _by_columns(x: Tensor, bias: Tensor) -> Tensor:
    """Round down after adding one bias in even and another in odd columns."""
    pairs = x.reshape(*x.shape[:3], -1, 2)
    return floor_through(pairs, bias).flatten(3)


@kept
def _constants(device: torch.device) -> _Constants:
    colour = torch.tensor(YCBCR_FROM_RGB, dtype=torch.float64)
    cosines = dct_matrix().T * math.sqrt(8)  # the scale of libjpeg's passes
    values = (
        colour,
        torch.linalg.inv(colour),
        torch.tensor([[128.0], [0.0], [0.0]]),
        cosines * 4,
        cosines / 4,
        torch.kron(dct_matrix(), dct_matrix()),
        torch.tensor([0.25, 0.5]),
        torch.tensor([8 / 16, 7 / 16]),
    )
    return _Constants(*(value.to(device, torch.float32) for value in values))
