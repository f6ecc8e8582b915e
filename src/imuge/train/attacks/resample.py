"""Scaling, blur and small shifts of a batch, every sample by its own amount.

Each is a linear map of the columns and one of the rows. Its two matrices are computed on the
device from the drawn parameter, so shapes never depend on what was drawn, and the whole batch
takes two matrix products:

    weight of input pixel j in output pixel i  =  kernel((j - centre_i) / width), rows sum to 1

Weights that would fall outside the picture are left out before the rows are normalized, as Pillow
does. Conventions: float32 (B, 3, H, W) RGB in [0, 1]; a result may lie somewhat beyond.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from imuge.train.attacks.rounding import round_to_8_bits

MAX_FACTOR = 2.0
LEAST_SIGMA = 1e-3  # pixels; so narrow a bell is exactly one pixel, and nothing divides by 0


def resize_back(
    picture: Tensor,
    factor: Tensor,
    *,
    kernel: str = "bicubic",
    max_factor: float = MAX_FACTOR,
) -> Tensor:
    """Scale to another size and back, through an 8-bit file of that size.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        factor: (B,) size of the intermediate picture, above 0; sides are rounded to whole pixels.
        kernel: "bicubic" (a = -0.5) or "bilinear", widened when shrinking, as in Pillow.
        max_factor: The greatest factor that can occur; greater ones are cut to it. Memory and time
            grow with it whatever is drawn.

    Returns:
        (B, 3, H, W), neither clamped nor rounded.
    """
    sides = picture.shape[2:]
    maps = {side: _scaling(factor, side, max_factor, KERNELS[kernel]) for side in set(sides)}
    rows, columns = (maps[side] for side in sides)
    scaled = round_to_8_bits(_apply(picture, rows[0], columns[0]))
    return _apply(scaled, rows[1], columns[1])


def grown(
    picture: Tensor,
    factor: Tensor,
    phase: Tensor,
    through: Callable[[Tensor], Tensor],
    *,
    max_factor: float,
) -> Tensor:
    """Enlarge (bicubic), send through a file of that size, scale back (Lanczos).

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        factor: (B,) size of the content of the file, above 0; sides are rounded to whole pixels.
        phase: (B, 2) rows and columns of the file before the content begins, rounded down, at most
            15; the border fills them, as it does what lies behind the content.
        through: What happens to the file: (B, 3, H', W'), both multiples of 16, to the same shape.
        max_factor: The greatest factor that can occur; it settles the size of the file.

    Returns:
        (B, 3, H, W), neither clamped nor rounded.
    """
    rows, columns = (
        _scaling(factor, side, max_factor, _cubic, back=_lanczos, start=phase[:, axis].floor())
        for axis, side in enumerate(picture.shape[2:])
    )
    file = through(round_to_8_bits(_apply(picture, rows[0], columns[0])))
    return _apply(file, rows[1], columns[1])


def blur(picture: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        sigma: (B,) in pixels, 0 or more; 0 changes nothing.
    """
    sides = picture.shape[2:]
    maps = {side: _blurring(sigma, side) for side in set(sides)}
    rows, columns = (maps[side] for side in sides)
    return _apply(picture, rows, columns)


def misalign(picture: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Move by a fraction of a pixel and stretch a little: what re-synchronization leaves behind.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        shift: (B, 2) by how many pixels the content moves down and to the right.
        scale: (B, 2) vertical and horizontal size of the content, about the centre; near 1, since
            nothing is smoothed before it shrinks.

    Returns:
        (B, 3, H, W), bicubic; the border is repeated where nothing is known. Neither clamped nor
        rounded.
    """
    rows, columns = (
        _moving(shift[:, axis], scale[:, axis], size) for axis, size in enumerate(picture.shape[2:])
    )
    return _apply(picture, rows, columns)


@torch.no_grad()
def _scaling(
    factor: Tensor,
    size: int,
    max_factor: float,
    kernel: Callable[[Tensor], Tensor],
    *,
    back: Callable[[Tensor], Tensor] | None = None,
    start: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """There, (B, N, size), and back, (B, size, N), where the content has less than N pixels.

    Args:
        factor: (B,) size of the content.
        size: Of the picture along this axis, pixels.
        max_factor: Settles N.
        kernel: Of both ways.
        back: Of the way back, if it is another.
        start: (B,) where among the N pixels the content begins, whole, at most 15; N is then a
            multiple of 16. None is 0.
    """
    largest = math.ceil(size * max_factor)
    short = (factor * size).round().clamp(1, largest)[:, None]
    step = size / short
    first = torch.zeros_like(short) if start is None else start[:, None]
    if start is not None:
        largest += 15
        largest += -largest % 16
    pixels = torch.arange(max(largest, size), device=factor.device)
    # Pixels beside the content read the border, so that no row is empty; the way back ignores them.
    there = ((pixels[:largest] - first + 0.5) * step - 0.5).clamp(-0.5, size - 0.5)
    home = (pixels[:size] + 0.5) / step - 0.5 + first
    inside = (pixels[:largest] >= first) & (pixels[:largest] < first + short)
    return (
        _weights(there, step[:, 0].clamp_min(1), size, kernel),
        _weights(home, step[:, 0].reciprocal().clamp_min(1), largest, back or kernel, inside),
    )


@torch.no_grad()
def _blurring(sigma: Tensor, size: int) -> Tensor:
    pixels = torch.arange(size, device=sigma.device)
    return _weights(pixels.expand(len(sigma), -1), sigma.clamp_min(LEAST_SIGMA), size, _bell)


@torch.no_grad()
def _moving(shift: Tensor, scale: Tensor, size: int) -> Tensor:
    middle = (size - 1) / 2
    offsets = torch.arange(size, device=shift.device) - middle
    centres = middle + (offsets - shift[:, None]) / scale[:, None]
    return _weights(centres.clamp(0, size - 1), torch.ones_like(shift), size, _cubic)


@torch.no_grad()
def _weights(
    centres: Tensor,
    width: Tensor,
    size: int,
    kernel: Callable[[Tensor], Tensor],
    known: Tensor | None = None,
) -> Tensor:
    """The matrix of a linear map, (B, N, size).

    Args:
        centres: (B, N) where each output pixel lies among the input's.
        width: (B,) by what the kernel is widened.
        size: Input pixels.
        kernel: Weight at a distance.
        known: (B, size) bool, which of the input pixels are there; None means all.
    """
    pixels = torch.arange(size, device=width.device)
    weights = kernel((pixels - centres[:, :, None]) / width[:, None, None])
    if known is not None:
        weights = weights * known[:, None]
    return weights / weights.sum(2, keepdim=True)


def _apply(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(B, 3, H, W) by (B, H', H) and (B, W', W) to (B, 3, H', W')."""
    with torch.autocast(picture.device.type, enabled=False):
        return rows[:, None] @ (picture @ columns.mT[:, None])


def _bell(distance: Tensor) -> Tensor:
    return torch.exp(-0.5 * distance * distance)


def _triangle(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp_min(0)


def _cubic(distance: Tensor) -> Tensor:
    """Keys 1981 with a = -0.5; the outer piece is 0 at 2, where the distance is cut."""
    d = distance.abs().clamp_max(2)
    inner = (1.5 * d - 2.5) * d * d + 1
    outer = ((2.5 - 0.5 * d) * d - 4) * d + 2
    return torch.where(d < 1, inner, outer)


def _lanczos(distance: Tensor) -> Tensor:
    """Lanczos 1979 with three lobes, as in Pillow."""
    d = distance.clamp(-3, 3)
    return torch.sinc(d) * torch.sinc(d / 3)


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": _cubic, "bilinear": _triangle}
