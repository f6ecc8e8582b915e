"""Processing that keeps a picture's content, inside a training step: JPEG, scaling, filters, tones.

    mix = DistortMix(quality=(40, 95))                               once
    draw = draw_distortions(mix, 32, 256, 256, device=..., level=...)    every step
    attacked = distort(picture, draw)

Every sample of a batch meets one chain of steps. Which one and with what numbers is drawn first,
by calls of fixed shape on the device; nothing waits for the device, so that draw and attack can be
recorded in one CUDA graph, unless the mix has steps that go through files (`uses_files`). How many
samples meet each chain is settled by `mixing.assign`.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from imuge.errors import ImageError
from imuge.train.attacks import mixing
from imuge.train.attacks.distort_mix import DRAWING, STEPS, DistortMix, Range, Stage, plan, steps_of
from imuge.train.attacks.encoders import encoded
from imuge.train.attacks.filters import median, noise, sharpen, tone
from imuge.train.attacks.jpeg import simulator_of
from imuge.train.attacks.resample import blur, grown, misalign, resize_back
from imuge.train.attacks.rounding import round_to_8_bits

__all__ = ["DistortDraw", "DistortMix", "distort", "draw_distortions", "join"]


@dataclass(frozen=True, slots=True, eq=False)
class DistortDraw:
    """All that is left to chance in the processing of one batch."""

    mix: DistortMix
    stages: tuple[Stage, ...]  # of the mix: what is run, in which order
    groups: tuple[mixing.Group, ...]  # one a chain
    values: Tensor  # (B, K), the numbers of all stages side by side
    fields: tuple[Tensor, ...]  # one a chain: (n, 3, H, W) of noise, or (0, 3, H, W)


def draw_distortions(
    mix: DistortMix,
    batch: int,
    height: int,
    width: int,
    *,
    device: torch.device,
    level: Tensor,
    chooser: random.Random | None = None,
) -> DistortDraw:
    """Draw the processing of a batch from the device's default generator.

    Args:
        mix: What may happen.
        batch: Samples.
        height: Of the pictures, pixels.
        width: Of the pictures, pixels.
        device: Where the pictures lie.
        level: 0-dimensional, in [0, 1], on that device. At 0 every number is its mildest and
            changes next to nothing, at 1 it is drawn from the whole range, linearly in between.
        chooser: Draws how many samples each chain gets (`mixing.assign`).
    """
    chains = tuple(mix.chains)
    groups = mixing.assign(tuple(mix.chains.values()), batch, device=device, chooser=chooser)
    stages = plan(chains)
    names = tuple(name for stage in stages for name in STEPS[stage.step])
    ranges = _ranges(tuple((name, getattr(mix, name)) for name in names), device)
    chance = torch.rand(2, batch, len(names), device=device)
    chance = torch.where(ranges.is_quality, chance.mean(0), chance[0])
    drawn = torch.lerp(ranges.low, ranges.high, chance)
    values = torch.lerp(ranges.mildest, drawn, level)
    values = torch.where(ranges.is_logarithm, values.exp(), values)
    values = torch.where(ranges.is_quality, _quality(values), values)
    counts = [
        len(group) if "noise" in steps_of(chain) else 0
        for group, chain in zip(groups, chains, strict=True)
    ]
    fields = tuple(torch.randn(count, 3, height, width, device=device) for count in counts)
    return DistortDraw(mix, stages, groups, values, fields)


def join(first: DistortDraw, second: DistortDraw) -> DistortDraw:
    """Lay two draws one behind the other, for the two batches laid likewise.

    Raises:
        ValueError: they come from different mixes.
    """
    if first.mix != second.mix:
        raise ValueError("expected two draws from the same mix")
    return DistortDraw(
        first.mix,
        first.stages,
        mixing.join(first.groups, second.groups, len(first.values)),
        torch.cat((first.values, second.values)),
        tuple(torch.cat(pair) for pair in zip(first.fields, second.fields, strict=True)),
    )


def distort(picture: Tensor, draw: DistortDraw) -> Tensor:
    """Process a batch.

    Before the first step, between steps and at the end pictures are what 8-bit files hold.

    Args:
        picture: (B, 3, H, W) float32 RGB in [0, 1]; H and W multiples of 16.
        draw: For as many samples of that size.

    Returns:
        (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255. Gradients pass through rounding and
        clamping.

    Raises:
        ImageError: `picture` has another number of samples, or a shape that JPEG does not take.
        WeightsError: the weights of the mix's simulator cannot be used; they are read at the first
            call on a device.
    """
    if len(picture) != len(draw.values):
        raise ImageError(f"expected {len(draw.values)} pictures as drawn, got {len(picture)}")
    order = torch.cat(draw.groups)
    sizes = [len(group) for group in draw.groups]
    # In the order of the chains, so that what a stage needs are slices.
    parts = _split(round_to_8_bits(picture).index_select(0, order), sizes)
    values = _split(draw.values.index_select(0, order), sizes)
    for step, chains, first in draw.stages:
        if users := [chain for chain in chains if sizes[chain]]:
            last = first + len(STEPS[step])
            result = _run(
                step,
                _join([parts[chain] for chain in users]),
                _join([values[chain] for chain in users])[:, first:last],
                [draw.fields[chain] for chain in users],
                draw.mix,
            )
            done = _split(result, [sizes[chain] for chain in users])
            for chain, part in zip(users, done, strict=True):
                parts[chain] = part
    return torch.cat(parts).index_select(0, order.argsort())


def _run(
    step: str, picture: Tensor, values: Tensor, fields: list[Tensor], mix: DistortMix
) -> Tensor:
    """One step for the samples that meet it; `fields` are those of their chains."""
    numbers = values.unbind(1)
    match step:
        case "jpeg" | "jpeg444":
            simulate = simulator_of(mix.simulator, mix.simulator_weights, picture.device)
            return simulate(picture, numbers[0], subsampled=step == "jpeg")
        case "webp" | "avif":
            result = encoded(picture, step.upper(), numbers[0])
        case "grown-jpeg" if not mix.real_encoders:
            simulate = simulator_of(mix.simulator, mix.simulator_weights, picture.device)
            through = partial(simulate, quality=numbers[0], subsampled=True)
            result = grown(picture, numbers[1], values[:, 2:], through, max_factor=mix.max_grow)
        case "grown-jpeg" | "grown-webp" | "grown-avif":
            file_format = step.removeprefix("grown-").upper()
            result = encoded(picture, file_format, numbers[0], grow=numbers[1], phase=values[:, 2:])
        case "resize" | "resize-linear":
            kernel = "bicubic" if step == "resize" else "bilinear"
            result = resize_back(picture, numbers[0], kernel=kernel, max_factor=mix.max_factor)
        case "blur":
            result = blur(picture, numbers[0])
        case "median3" | "median5":
            filtered = median(picture, int(step[-1]))
            result = torch.lerp(picture, filtered, numbers[0][:, None, None, None])
        case "noise":
            result = noise(picture, numbers[0], _join(fields))
        case "sharpen":
            result = sharpen(picture, numbers[0])
        case "tone":
            result = tone(picture, *numbers)
        case _:
            result = misalign(picture, values[:, :2], values[:, 2:])
    return round_to_8_bits(result)


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _split(x: Tensor, sizes: list[int]) -> list[Tensor]:
    return list(torch.split(x, sizes))


class _Ranges(NamedTuple):
    """One entry for each number of a sample; quality as the logarithm of its tables' scale."""

    low: Tensor
    high: Tensor
    mildest: Tensor
    is_logarithm: Tensor
    is_quality: Tensor


@lru_cache
def _ranges(ranges: tuple[tuple[str, Range], ...], device: torch.device) -> _Ranges:
    """Kept, since a copy to a device may not be recorded in a CUDA graph."""
    rows = [
        [_to_drawn(name, value) for value in (low, high, DRAWING[name].mildest)]
        for name, (low, high) in ranges
    ]
    quality = [name == "quality" for name, _ in ranges]
    logarithm = [name == "quality" or DRAWING[name].logarithmic for name, _ in ranges]
    with torch.inference_mode(False):
        table = torch.tensor(rows, dtype=torch.float32, device=device).view(-1, 3)
        return _Ranges(
            table[:, 0],
            table[:, 1],
            table[:, 2],
            torch.tensor(logarithm, dtype=torch.bool, device=device),
            torch.tensor(quality, dtype=torch.bool, device=device),
        )


def _to_drawn(name: str, value: float) -> float:
    """The scale on which a number is drawn.

    Files in the wild are mostly of quality 70 to 90: two thirds of the mean of two even draws
    over the logarithm of libjpeg's percentage (125 at quality 40, 10 at 95) lie there.
    """
    if name == "quality":
        return math.log(5000 / value if value < 50 else max(200 - 2 * value, 1))
    return math.log(value) if DRAWING[name].logarithmic else value


def _quality(percent: Tensor) -> Tensor:
    """The quality whose libjpeg tables are this percentage of the standard's."""
    return torch.where(percent > 100, 5000 / percent, 100 - percent / 2)
