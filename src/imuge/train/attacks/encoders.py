"""Real encoders inside a training step: files are written and read again, the gradient passes by.

    crop ─ 8 bits ─ enlarged (bicubic) ─ laid `phase` pixels into the file ─ JPEG, WebP or AVIF
         ─ decoded ─ cut out ─ scaled back (Lanczos) ─ 8 bits

That is what happens to a frame between publication and verification: the picture is larger than
its frame, a platform saves it, and what comes back is scaled down to the frame. Encoders run in
threads, one file a sample, and their work ends on the processor: a step with them in it cannot be
recorded as a CUDA graph.
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from imuge.train.attacks.rounding import straight_through

FORMATS: dict[str, dict[str, int]] = {
    "JPEG": {"subsampling": 2},  # chroma halved both ways
    "WEBP": {},
    # A third of the default's time: as much is lost, if not the same. Threads are ours.
    "AVIF": {"speed": 8, "max_threads": 1},
}


# Pillow's work is none that torch's compiler could take.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def encoded(
    picture: Tensor,
    file_format: str,
    quality: Tensor,
    *,
    grow: Tensor | None = None,
    phase: Tensor | None = None,
) -> Tensor:
    """Send a batch through files, every sample with its own numbers.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255.
        file_format: One of `FORMATS`.
        quality: (B,) of the encoder, from 1 to 100; rounded.
        grow: (B,) side of the file's content as a share of the picture's, above 0; None is 1.
        phase: (B, 2) rows and columns of the file before the content begins, for the grid of an
            encoder's blocks; rounded down; None is 0.

    Returns:
        (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255, with the gradient of `picture`.
    """
    count = len(picture)
    pixels = (picture.detach().permute(0, 2, 3, 1) * 255).round().byte().cpu().numpy()
    qualities = quality.round().int().tolist()
    factors = [1.0] * count if grow is None else grow.tolist()
    offsets = [[0, 0]] * count if phase is None else phase.int().tolist()
    results = _pool().map(through_file, pixels, repeat(file_format), qualities, factors, offsets)
    received = torch.from_numpy(np.stack(list(results))).to(picture.device)
    return straight_through(received.permute(0, 3, 1, 2).float() / 255, picture)


def through_file(
    pixels: NDArray[np.uint8],
    file_format: str,
    quality: int,
    factor: float = 1.0,
    phase: tuple[int, int] = (0, 0),
) -> NDArray[np.uint8]:
    """One picture (H, W, 3) enlarged, saved, read and scaled back; arguments as of `encoded`."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    image = Image.fromarray(pixels)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    down, across = phase
    if down or across:
        margins = ((down, 0), (across, 0), (0, 0))
        image = Image.fromarray(np.pad(np.asarray(image), margins, mode="symmetric"))
    file = io.BytesIO()
    image.save(file, file_format, quality=quality, **FORMATS[file_format])
    with Image.open(file) as stored:
        received = stored.convert("RGB")
    box = (across, down, across + size[0], down + size[1])
    if size == (width, height):
        return np.asarray(received.crop(box))
    return np.asarray(received.resize((width, height), Image.Resampling.LANCZOS, box=box))


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """As many threads as processors this process may use; encoders let go of Python's lock."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="encoder")
