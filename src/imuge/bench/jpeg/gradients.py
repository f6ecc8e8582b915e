"""The gradients of the simulators of JPEG, held against a real encoder.

A change d of white noise, one sign for each number, is added to the picture and taken from it; how
the file's pixels differ is the reference, a mean over encodings of the picture with a little noise,
since a single one jumps. What the simulator's derivative says that they differ, J·d, should point
the same way: 1 is its cosine if it does. The reference has some noise of its own: how far, tells a
second one, made with other noise.
"""

import io
from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from imuge.results import Pixels
from imuge.train.attacks.jpeg import JpegSimulator

GRADIENT_QUALITIES = (30, 50, 70, 90)
CHANGE = 4.0  # grey levels of d
JITTER = 2.0  # sigma, grey levels, of the noise over which the encoder's answer is averaged
ENCODINGS = 16  # with other noise
NOTHING = "no simulation"
AGAIN = "real encoder, again"
SEED = 0


def encoded(pixels: Pixels, quality: int) -> Pixels:
    """What a real encoder and decoder leave of a picture (H, W, 3), with 4:2:0."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(buffer))


def gradients(
    simulators: dict[str, JpegSimulator], pictures: Iterable[Pixels]
) -> dict[str, dict[str, Any]]:
    """Hold the gradient of each simulator, and of none, against the encoder.

    Returns:
        By name, `AGAIN` with them: by quality the medians of `cosine` and `length`, which compare
        J·d with the encoder's answer; and of a simulator whether its gradient is `finite`, and
        `zeros`, the largest share of pixels without any.
    """
    rng = np.random.default_rng(SEED)
    compared: dict[str, dict[str, list[tuple[float, float]]]] = {}
    own: dict[str, list[tuple[bool, float]]] = {name: [] for name in simulators}
    for pixels in pictures:
        change = rng.choice((-CHANGE, CHANGE), pixels.shape)
        for quality in GRADIENT_QUALITIES:
            real = _answer(pixels, change, quality, rng)
            told = {AGAIN: _answer(pixels, change, quality, rng), NOTHING: to_levels(change)}
            for name, simulator in simulators.items():
                told[name], gradient = derivative(simulator, pixels, change, quality)
                zeros = float((gradient == 0).float().mean())
                own[name].append((bool(gradient.isfinite().all()), zeros))
            for name, along in told.items():
                cosine = float(torch.cosine_similarity(along.flatten(), real.flatten(), 0))
                row = compared.setdefault(name, {}).setdefault(str(quality), [])
                row.append((cosine, float(along.norm() / real.norm())))
    result: dict[str, dict[str, Any]] = {}
    for name, rows in compared.items():
        pairs = {quality: tuple(zip(*row, strict=True)) for quality, row in rows.items()}
        result[name] = {
            "cosine": {quality: median(pair[0]) for quality, pair in pairs.items()},
            "length": {quality: median(pair[1]) for quality, pair in pairs.items()},
        }
    for name, found in own.items():
        result[name]["finite"] = all(finite for finite, _ in found)
        result[name]["zeros"] = max(zeros for _, zeros in found)
    return result


def _answer(
    pixels: Pixels, change: NDArray[np.float64], quality: int, rng: np.random.Generator
) -> Tensor:
    """Half the difference of the files of picture + change and of picture - change, a mean."""
    total = np.zeros(pixels.shape)
    for _ in range(ENCODINGS):
        base = pixels + rng.normal(0, JITTER, pixels.shape)
        both = [(base + sign * change).round().clip(0, 255).astype(np.uint8) for sign in (1, -1)]
        more, less = (encoded(one, quality).astype(np.float64) for one in both)
        total += (more - less) / 2
    return to_levels(total / ENCODINGS)


def derivative(
    simulator: JpegSimulator, pixels: Pixels, change: NDArray[np.float64], quality: int
) -> tuple[Tensor, Tensor]:
    """J·change, and the gradient of a sum of the pixels with random weights."""
    picture = to_batch(pixels).requires_grad_()
    shown = simulator(picture, to_quality(quality), subsampled=True)
    weights = torch.rand(shown.shape, generator=torch.Generator().manual_seed(SEED))
    weights.requires_grad_()
    # The gradient is linear in the weights: its own derivative by them, along d, is J·d.
    (gradient,) = torch.autograd.grad(shown, picture, weights, create_graph=True)
    (along,) = torch.autograd.grad(gradient, weights, to_levels(change))
    return along, gradient.detach()


def to_batch(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def to_levels(values: NDArray[np.float64]) -> Tensor:
    """(H, W, 3) grey levels to (1, 3, H, W) in units of the picture."""
    return torch.from_numpy(values).permute(2, 0, 1)[None].float() / 255


def to_quality(quality: int) -> Tensor:
    """A quality as a batch of one."""
    return torch.tensor([float(quality)])
