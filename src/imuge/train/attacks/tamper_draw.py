"""What is decided by chance before a batch is tampered with: kinds, shapes, partners, strengths.

    TamperMix (settings) ─┐
    ShapeBank ────────────┼─ draw_tampering ─► TamperDraw ─► attacks.tamper.tamper
    level (how far) ──────┘

How many samples meet each kind is a Python number and settles every shape; all else comes from
torch's generator of the bank's device. Nothing is read back, so a CUDA graph that recorded the draw
makes a new one at each replay.
"""

import math
import random
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from imuge.errors import ConfigError
from imuge.train.attacks import mixing
from imuge.train.attacks.mixing import Group
from imuge.train.attacks.shapes import LARGEST_AREA, ShapeBank

KINDS = (
    "splice",
    "splice_protected",
    "copy_move",
    "local_means",
    "inpaint",
    "constant",
    "overlay",
    "colour",
    "rewrite",
    "soften",
    "median",
    "recompress",
)
# Kinds that take the watermark from a place and leave what is seen there, or nearly.
SAME_CONTENT = ("rewrite", "soften", "median", "recompress")
EARLY_AREA = 0.2  # largest mask while the level is 0
NEAREST_COPY = 16  # pixels between a copy and its source
SEAM_SIGMAS = (0.8, 2.5)  # pixels
SCALES = (0.7, 1.4)  # of copied content, half of the time
SHIFTED = 0.5  # share of splices that leave their place
BRIGHTENED, BRIGHTNESS = 0.2, 0.1  # share of splices, largest change
CONTRASTS = (0.75, 1.3)  # factors
HUE = 1.0  # radians, largest turn
CASTS = (0.08, 0.2)  # of a channel, up or down
FILL_NOISE, REWRITE_NOISE = 0.03, 0.01  # largest standard deviation; half of the fills get none
SOFTNESS = (0.8, 3.0)  # pixels, sigma of a local blur
LOCAL_QUALITY = (12, 45)  # of a local JPEG
DICE = 29  # random numbers a sample, noise apart


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperMix:
    """How often each kind of tampering is met; the shares of kinds are in any unit.

    Raises:
        ConfigError: a value is no number or out of range, or every share is 0.
    """

    splice: float = 0.2  # another picture, never published
    splice_protected: float = 0.13  # another published picture
    copy_move: float = 0.2  # the picture's own content from elsewhere
    fill: float = 0.14  # half blurred away, half inpainted
    constant: float = 0.05  # one colour
    overlay: float = 0.1  # captions and stickers
    colour: float = 0.08  # brightness, contrast and hue
    rewrite: float = 0.1  # what was there, without its watermark
    degrade: float = 0.06  # a third each blurred, through a median, through JPEG
    untouched: float = 0.15  # fraction of the samples that nothing happens to
    soft_edges: float = 0.3  # fraction whose seam is blurred
    largest_area: float = 0.5  # fraction of the picture
    patched_hosts: float = 0.0  # fraction for `attacks.tamper.patch_hosts`

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), _LARGEST.get(field.name, math.inf)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and 0 <= value <= most and value < math.inf):
                raise ConfigError(
                    f"expected tampering setting {field.name} to be a number from 0 to {most:g}, "
                    f"got {value!r}"
                )
        if self.largest_area == 0:
            raise ConfigError("expected tampering setting largest_area to be above 0, got 0")
        if not sum(self.shares()) > 0:
            raise ConfigError("expected a share above 0 for one kind of tampering, all are 0")

    def shares(self) -> list[float]:
        """Share of each of `KINDS`."""
        parts = dict.fromkeys(("local_means", "inpaint"), self.fill / 2)
        parts |= dict.fromkeys(("soften", "median", "recompress"), self.degrade / 3)
        return [float(parts[kind] if kind in parts else getattr(self, kind)) for kind in KINDS]


_LARGEST = {
    "untouched": 1.0,
    "soft_edges": 1.0,
    "patched_hosts": 1.0,
    "largest_area": LARGEST_AREA,
}


@dataclass(frozen=True, slots=True)
class TamperDraw:
    """Everything chance decides about one batch of B pictures."""

    groups: tuple[Group, ...]  # one for each of KINDS, then the untouched
    shape: Tensor  # (B,) int64, number of a mask in the bank
    shape_turned: Tensor  # (B, 2) bool: mask upside down, mask mirrored
    overlay: Tensor  # (B,) int64, number of an overlay in the bank
    partner: Tensor  # (B,) int64, whose content is pasted; never one's own
    shift: Tensor  # (B, 2) float, whole pixels down and across that content moves
    mirrored: Tensor  # (B,) bool, content left to right
    scale: Tensor  # (B,) float, enlargement of copied content
    in_place: Tensor  # (B,) bool, spliced content keeps its place
    brightness: Tensor  # (B,) float, added to spliced content
    coarseness: Tensor  # (B,) int64, for fill.local_means
    paint: Tensor  # (B, 3) float in [0, 1]
    contrast: Tensor  # (B,) float factor
    hue: Tensor  # (B,) float, radians
    cast: Tensor  # (B, 3) float, added to each channel
    seam_sigma: Tensor  # (B,) float, pixels; 0 is a hard edge
    patched: Tensor  # (B,) bool, for `attacks.tamper.patch_hosts`
    softness: Tensor  # (B,) float, pixels, sigma of a local blur
    quality: Tensor  # (B,) float, of a local JPEG
    means_noise: Tensor  # (n, 3, H, W) float for the n samples of kind local_means
    inpaint_noise: Tensor  # the same for inpaint
    rewrite_noise: Tensor  # the same for rewrite


def draw_tampering(
    mix: TamperMix,
    bank: ShapeBank,
    batch: int,
    *,
    level: Tensor,
    chooser: random.Random | None = None,
) -> TamperDraw:
    """Draw what shall happen to a batch.

    Args:
        mix: How often each kind is met.
        bank: Masks and overlays of the pictures' size, on their device.
        batch: Number of pictures, at least 2: one takes content from another.
        level: 0-dim float in [0, 1] on that device. At 0 no mask covers more than 20 %, at 1 they
            reach `mix.largest_area`.
        chooser: Draws how many samples each kind gets, see `mixing.assign`.

    Raises:
        ValueError: the batch is too small.
    """
    if batch < 2:
        raise ValueError(f"expected at least 2 pictures that can exchange content, got {batch}")
    kinds = [share * (1 - mix.untouched) / sum(mix.shares()) for share in mix.shares()]
    shares = [*kinds, mix.untouched]
    groups = mixing.assign(shares, batch, device=bank.masks.device, chooser=chooser)
    early = min(EARLY_AREA, mix.largest_area)
    return _throw(mix, bank, groups, early + (mix.largest_area - early) * level)


def visible_groups(draw: TamperDraw) -> list[Group]:
    """The groups of the kinds that show another content than was published."""
    return [draw.groups[KINDS.index(kind)] for kind in KINDS if kind not in SAME_CONTENT]


def _throw(
    mix: TamperMix, bank: ShapeBank, groups: tuple[Group, ...], largest: Tensor
) -> TamperDraw:
    """Draw all but the groups; no shape covers more than `largest`, a 0-dim float."""
    # One call for all numbers: on the device a call costs more than what it draws.
    batch = sum(len(group) for group in groups)
    dice = iter(torch.rand(DICE, batch, device=bank.masks.device))
    mirrored = next(dice) < 0.5
    fill_noise = FILL_NOISE * (2 * next(dice) - 1).clamp_min(0)
    rewrite_noise = REWRITE_NOISE * next(dice)
    return TamperDraw(
        groups=groups,
        shape=_pick(bank.areas, largest, next(dice)),
        shape_turned=torch.stack([next(dice), next(dice)], 1) < 0.5,
        overlay=_pick(bank.overlay_areas, largest, next(dice)),
        partner=_ring(next(dice)),
        shift=_shift(mirrored, bank.side, next(dice), next(dice), next(dice)),
        mirrored=mirrored,
        scale=_between(SCALES, next(dice)).where(next(dice) < 0.5, 1.0),
        in_place=next(dice) >= SHIFTED,
        brightness=_signed((0, BRIGHTNESS), next(dice)) * (next(dice) < BRIGHTENED),
        coarseness=(3 * next(dice)).long(),
        paint=torch.stack([next(dice), next(dice), next(dice)], 1),
        contrast=_between(CONTRASTS, next(dice)),
        hue=_signed((0, HUE), next(dice)),
        cast=_signed(CASTS, torch.stack([next(dice), next(dice), next(dice)], 1)),
        seam_sigma=_seam_sigma(mix.soft_edges, next(dice)),
        patched=next(dice) < mix.patched_hosts,
        softness=_between(SOFTNESS, next(dice)),
        quality=_between(LOCAL_QUALITY, next(dice)),
        means_noise=_noise(fill_noise, groups[KINDS.index("local_means")], bank.side),
        inpaint_noise=_noise(fill_noise, groups[KINDS.index("inpaint")], bank.side),
        rewrite_noise=_noise(rewrite_noise, groups[KINDS.index("rewrite")], bank.side),
    )


def join(first: TamperDraw, second: TamperDraw) -> TamperDraw:
    """Lay two draws one behind the other, as their two batches are laid."""
    offset = len(first.shape)
    joined = {
        field.name: torch.cat([getattr(first, field.name), getattr(second, field.name)])
        for field in fields(TamperDraw)
        if field.name not in ("groups", "partner")
    }
    return TamperDraw(
        groups=mixing.join(first.groups, second.groups, offset),
        partner=torch.cat([first.partner, second.partner + offset]),
        **joined,
    )


def _ring(dice: Tensor) -> Tensor:
    """Set the samples round a table in random order; each gives content to the next."""
    order = dice.argsort()
    return torch.empty_like(order).scatter(0, order, order.roll(1))


def _pick(areas: Tensor, limit: Tensor, dice: Tensor) -> Tensor:
    """Choose among the shapes no larger than the limit, or take the smallest."""
    allowed = torch.searchsorted(areas, limit.reshape(1), right=True).clamp_min(1)
    return (dice * allowed).long()


def _shift(mirrored: Tensor, side: int, far: Tensor, free: Tensor, axis: Tensor) -> Tensor:
    """Move content far along one axis and anywhere along the other, round the edge of the picture.

    Mirrored content must go far downwards: across, one column would meet itself.
    """
    far = (NEAREST_COPY + far * (side - 2 * NEAREST_COPY + 1)).floor()
    free = (free * side).floor()
    down_far = mirrored | (axis < 0.5)
    return torch.stack([far.where(down_far, free), free.where(down_far, far)], 1)


def _between(bounds: tuple[float, float], dice: Tensor) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * dice


def _signed(bounds: tuple[float, float], dice: Tensor) -> Tensor:
    """Draw a size between the bounds and a sign."""
    centred = 2 * dice - 1
    return centred.sign() * _between(bounds, centred.abs())


def _seam_sigma(soft_edges: float, dice: Tensor) -> Tensor:
    """Of the share that is soft, draw sigmas evenly; the rest is 0."""
    sigma = _between(SEAM_SIGMAS, dice / max(soft_edges, 1e-6))
    return sigma.where(dice < soft_edges, 0.0)


def _noise(sigma: Tensor, group: Group, side: int) -> Tensor:
    """Draw a noise field for each sample of a group, of that sample's standard deviation."""
    field = torch.randn(len(group), 3, side, side, device=sigma.device)
    return field * sigma.index_select(0, group).view(-1, 1, 1, 1)
