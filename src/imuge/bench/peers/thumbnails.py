"""Thumbnails of 16x16 blocks, five numbers each, as 20 bits and as pixels again.

    (H, W, 3) ─► (N, 16, 16, 3) ─► mean, slope down, slope right (luma); mean of Cb, of Cr ─► bits

Numbers are in grey levels. N blocks go row by row; pixels beyond the last whole block are left out.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

SIDE = 16  # pixels, of a block
FIELDS = 5
BITS = np.array([6, 3, 3, 4, 4])  # of each number
TOTAL_BITS = int(BITS.sum())
STEPS = np.array([4.0, 8.0, 8.0, 14.0, 14.0])  # grey levels between two values
LOWEST = np.array([2.0, -28.0, -28.0, -98.0, -98.0])  # grey levels of the value 0

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of R, G and B, as in JPEG
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
TO_RGB = np.linalg.inv(np.vstack([LUMA, CHROMA]))
SLOPE = fft.idct(np.eye(SIDE)[1], norm="ortho") * np.sqrt(SIDE)  # root mean square 1
REACH = 1.0  # blocks, of the Gaussian that a missing thumbnail is averaged with

Planes = NDArray[np.float64]
Bits = NDArray[np.bool_]


def blocks_of(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """The whole blocks of a picture or a mask.

    Args:
        picture: (H, W) or (H, W, C).

    Returns:
        (N, 16, 16) or (N, 16, 16, C).
    """
    rows, columns = picture.shape[0] // SIDE, picture.shape[1] // SIDE
    whole = picture[: rows * SIDE, : columns * SIDE]
    parted = whole.reshape(rows, SIDE, columns, SIDE, *picture.shape[2:]).swapaxes(1, 2)
    return parted.reshape(rows * columns, SIDE, SIDE, *picture.shape[2:])


def shrunk(blocks: NDArray[np.generic]) -> Planes:
    """The five numbers, (N, 5), of blocks (N, 16, 16, 3) of RGB in 0..255."""
    pixels = blocks.astype(np.float64)
    luma = pixels @ LUMA
    down = (luma.mean(axis=2) * SLOPE).mean(axis=1)
    right = (luma.mean(axis=1) * SLOPE).mean(axis=1)
    means = pixels.mean(axis=(1, 2)) @ CHROMA.T
    return np.column_stack([luma.mean(axis=(1, 2)), down, right, means])


def to_bits(thumbnails: Planes) -> Bits:
    """(N, 5) rounded and cut to what 20 bits hold, (N, 20)."""
    values = ((thumbnails - LOWEST) / STEPS).round().clip(0, 2**BITS - 1).astype(np.int64)
    parts = [values[:, [i]] >> np.arange(bits) & 1 for i, bits in enumerate(BITS)]
    return np.concatenate(parts, axis=1).astype(bool)


def from_bits(bits: Bits) -> Planes:
    """(N, 20) to (N, 5)."""
    parts = np.split(bits, np.cumsum(BITS)[:-1], axis=1)
    values = [part @ (1 << np.arange(part.shape[1])) for part in parts]
    thumbnails: Planes = np.column_stack(values) * STEPS + LOWEST
    return thumbnails


def filled(thumbnails: Planes, known: Bits) -> Planes:
    """Replace unknown thumbnails by an average of known ones, the near ones above all.

    Args:
        thumbnails: (rows, columns, 5).
        known: (rows, columns); with none known, all stay as they are.
    """
    if not known.any():
        return thumbnails
    near = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    nearest = thumbnails[tuple(near)]
    smooth = ndimage.gaussian_filter(nearest, (REACH, REACH, 0), mode="nearest")
    return np.where(known[..., None], thumbnails, smooth)


def drawn(thumbnails: Planes) -> NDArray[np.uint8]:
    """Pixels (16 rows, 16 columns, 3) of thumbnails (rows, columns, 5)."""
    rows, columns, _ = thumbnails.shape
    mean, down, right = np.moveaxis(thumbnails[..., :3, None, None], 2, 0)
    luma = mean + down * SLOPE[:, None] + right * SLOPE
    chroma = np.broadcast_to(thumbnails[..., None, None, 3:], (*luma.shape, 2))
    rgb = np.concatenate([luma[..., None], chroma], axis=-1) @ TO_RGB.T
    picture = rgb.swapaxes(1, 2).reshape(rows * SIDE, columns * SIDE, 3)
    return picture.round().clip(0, 255).astype(np.uint8)
