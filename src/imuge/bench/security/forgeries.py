"""What somebody without the key can make of published pictures; all of it is public arithmetic.

Pictures are uint8 (H, W, 3), RGB. A residual is what protection seems to add: float32 (H, W, 3), in
grey levels. Denoising finds it since hidden data look like noise (the copy attack of Kutter,
Voloshynovskiy and Herrigel 2000).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from imuge.bench.scores import Mask
from imuge.engine import Engine
from imuge.engine.canvas import to_canvas
from imuge.image.picture import Samples
from imuge.keys import TEMPLATE_CHANNELS
from imuge.protection.embed import prepare, residual
from imuge.protection.frame import add_to_picture, to_frame
from imuge.results import Pixels

Denoiser = Literal["Wiener", "median"]
Residual = NDArray[np.float32]
WIENER_SIDE, MEDIAN_SIDE = 5, 3  # pixels


def denoised(picture: Pixels, how: Denoiser) -> Residual:
    """A picture without what looks like noise, channel by channel."""
    values = picture.astype(np.float32)
    if how == "median":
        smooth: Residual = ndimage.median_filter(values, (MEDIAN_SIDE, MEDIAN_SIDE, 1))
        return smooth
    # Where a window is flat its variance is 0 and scipy divides by it before it looks.
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = [signal.wiener(plane, WIENER_SIDE) for plane in np.moveaxis(values, 2, 0)]
    clean: Residual = np.nan_to_num(np.stack(planes, 2)).astype(np.float32)
    return clean


def estimated_residual(published: Pixels, how: Denoiser) -> Residual:
    """What protection seems to have added."""
    return published.astype(np.float32) - denoised(published, how)


def add(picture: Pixels, residual: Residual, gain: float = 1.0) -> Pixels:
    """A picture with a residual added; a negative gain takes it away."""
    return (picture + gain * residual).round().clip(0, 255).astype(np.uint8)


def patchwork(pictures: Sequence[Pixels]) -> tuple[Pixels, NDArray[np.int64]]:
    """Four quarters of four pictures of one size, each at its own place.

    Returns:
        The picture, and the number of the source of every pixel, (H, W).
    """
    height, width = pictures[0].shape[:2]
    lower, right = np.arange(height) >= height // 2, np.arange(width) >= width // 2
    source = 2 * lower[:, None].astype(np.int64) + right
    return np.choose(source[..., None], pictures), source


def paste(picture: Pixels, content: Pixels, mask: Mask) -> Pixels:
    """`content` where the mask is True, at its own place."""
    return np.where(mask[..., None], content, picture)


def moved(picture: Pixels, down: int, right: int) -> Pixels:
    """A picture whose content lies so many pixels lower and to the right; its edge is repeated.

    Cutting rows and columns off the top left moves it the other way by as much; to a grid of 8x8
    blocks -3 is 5.
    """
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="edge")
    return padded[:height, :width]


def embed_revealed(
    engine: Engine,
    published: Pixels,
    host: Pixels,
    *,
    own_code: bool = False,
    where: Mask | None = None,
) -> Pixels:
    """Reveal what one picture carries on its frame and embed it in another, which needs no key.

    The pilot is not made anew: its waves are keyed. What of them the host carries stays in it.

    Args:
        engine: The public networks.
        published: Where the signs come from, with the frame of the usual detail.
        host: Where they go, of the same size.
        own_code: Embed the host's own code beside the signs, block by block in its place, since
            the permutation is not known; else what was revealed.
        where: (H, W), the part of the host it is added to; None: all of it.
    """
    prepared = prepare(engine, host)
    payload = engine.reveal(to_canvas(to_frame(published, prepared.frame)).image)
    if own_code:
        payload = np.concatenate([prepared.code, payload[-TEMPLATE_CHANNELS:]])
    # Unshaped: whoever forges hides as much as there is, and does not care who sees it.
    change = residual(engine, prepared.canvas, payload)
    if where is not None:
        plane = np.where(where, np.uint8(255), np.uint8(0))[..., None]
        change *= (to_frame(plane, prepared.frame) / 255).clip(0, 1)
    made: Samples = add_to_picture(host, change, prepared.frame, threads=engine.threads)
    return np.asarray(made, np.uint8)
