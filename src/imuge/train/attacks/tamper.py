"""Tampering inside a training step: batched, differentiable, decided by a `TamperDraw`.

    published ──┬────────────────────────── outside the mask ──┐
                ├─ copied, filled, recoloured, drawn over ─┐   ├── picture
    hosts ──────┴─ blurred, other picture, own host ───────┴─ inside
                                                      mask ─── the truth

Conventions: float32 (B, 3, H, W), RGB in [0, 1]; masks (B, 1, H, W), 1 = tampered. No value is read
back and no shape depends on one, so calls can be recorded in a CUDA graph. Most kinds are those of
`imuge.attacks.retouch`, which does the same to single pictures and without torch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from imuge.train.attacks.fill import local_means, push_pull
from imuge.train.attacks.filters import median
from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.mixing import Group
from imuge.train.attacks.resample import blur
from imuge.train.attacks.rounding import round_to_8_bits
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.attacks.tamper_draw import KINDS, TamperDraw

SEAM_RADIUS = 7  # pixels, where the softest seam ends
VISIBLE = 1 / 255
MEDIAN_SIDE = 3  # pixels; takes the template away, and hardly anything that is seen


@dataclass(frozen=True, slots=True)
class Forgery:
    """A batch of pictures after tampering, and the truth about it."""

    picture: Tensor  # (B, 3, H, W) float RGB in [0, 1], not rounded
    mask: Tensor  # (B, 1, H, W) float, 1 where content was replaced and 0 elsewhere


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the kinds of tampering work on."""

    hosts: Tensor
    published: Tensor
    mask: Tensor
    overlay: Tensor  # (n, 4, H, W) RGBA for the n samples of kind overlay
    draw: TamperDraw


def tamper(hosts: Tensor, published: Tensor, draw: TamperDraw, bank: ShapeBank) -> Forgery:
    """Replace content inside the drawn masks.

    `splice_protected` takes the partner's published picture. Every sample of a batch has its own
    random template in training; under one key the template of another picture looks just as
    random, because it depends on the image id.

    Args:
        hosts: (B, 3, H, W), the pictures before immunizing, H = W = the bank's side.
        published: (B, 3, H, W), the same pictures immunized and perhaps processed.
        draw: From `draw_tampering` or `join`, for B pictures.
        bank: The one the draw was made for.

    Returns:
        Pictures that equal `published` bit for bit outside the mask, except near soft edges. For
        overlays the mask holds the pixels that visibly changed. Gradients reach `published`
        everywhere except inside filled, painted, degraded, spliced-in and rewritten regions.

    Raises:
        ValueError: the pictures have another shape than the draw or the bank.
    """
    _check(hosts, published, draw, bank)
    overlay = _overlay(draw, bank)
    scene = _Scene(hosts, published, _mask(draw, bank, overlay), overlay, draw)
    untouched = draw.groups[-1]
    parts = [
        CONTENT[kind](scene, group)
        for kind, group in zip(KINDS, draw.groups, strict=False)
        if len(group)
    ]
    parts.append(published.index_select(0, untouched))
    content = torch.cat(parts).index_select(0, torch.cat(draw.groups).argsort())
    mask = _visible_overlays(scene, content)
    # lerp returns its first argument exactly where the weight is 0.
    picture = torch.lerp(published, content, _softened(mask, draw.seam_sigma))
    return Forgery(picture=picture.clamp(0, 1), mask=mask)


def patch_hosts(hosts: Tensor, draw: TamperDraw, bank: ShapeBank) -> Tensor:
    """Put foreign content where a picture will be tampered with, before it is immunized.

    What was there cannot then be guessed from its surroundings, so recovery must come from hidden
    data (tamper-based augmentation, Imuge+, arXiv:2210.15902). The content is that of the
    partner's partner, mirrored: the partner's own would be pasted again by a splice.

    Args:
        hosts: (B, 3, H, W), H = W = the bank's side.
        draw: The one `tamper` gets afterwards, together with the patched hosts.
        bank: The one the draw was made for.

    Returns:
        (B, 3, H, W); only the samples drawn with share `TamperMix.patched_hosts` differ.

    Raises:
        ValueError: the pictures have another shape than the draw or the bank.
    """
    _check(hosts, hosts, draw, bank)
    donor = draw.partner.index_select(0, draw.partner)
    foreign = hosts.index_select(0, donor).flip(3)
    inside = _mask(draw, bank, _overlay(draw, bank)) > 0
    return torch.where(inside & draw.patched.view(-1, 1, 1, 1), foreign, hosts)


def _check(hosts: Tensor, published: Tensor, draw: TamperDraw, bank: ShapeBank) -> None:
    wanted = (len(draw.shape), 3, bank.side, bank.side)
    for pictures in (hosts, published):
        if pictures.shape != wanted:
            raise ValueError(f"expected pictures of shape {wanted}, got {tuple(pictures.shape)}")


def _overlay(draw: TamperDraw, bank: ShapeBank) -> Tensor:
    """Fetch the overlays, shifted round the edges: (n, 4, H, W) float in [0, 1]."""
    group = draw.groups[KINDS.index("overlay")]
    layers = bank.overlays.index_select(0, draw.overlay.index_select(0, group)).float() / 255
    # A mirrored or blended caption would be no caption: neither flip nor interpolation.
    return _sampled(layers, _wrapped(_places(draw, group, layers)), mode="nearest")


def _mask(draw: TamperDraw, bank: ShapeBank, overlay: Tensor) -> Tensor:
    masks = bank.masks.index_select(0, draw.shape)
    upside_down, mirrored = draw.shape_turned.view(-1, 2, 1, 1, 1).unbind(1)
    masks = torch.where(upside_down, masks.flip(2), masks)
    masks = torch.where(mirrored, masks.flip(3), masks).float()
    covered = (overlay[:, 3:] > 0).float()
    masks = masks.index_copy(0, draw.groups[KINDS.index("overlay")], covered)
    return masks.index_fill(0, draw.groups[-1], 0)


def _visible_overlays(scene: _Scene, content: Tensor) -> Tensor:
    """Take out of the mask what an overlay does not change, as white letters on white."""
    group = scene.draw.groups[KINDS.index("overlay")]
    change = content.detach().index_select(0, group) - scene.published.detach().index_select(
        0, group
    )
    changed = change.abs().amax(1, keepdim=True) >= VISIBLE
    return scene.mask.index_copy(0, group, scene.mask.index_select(0, group) * changed)


def _softened(mask: Tensor, sigma: Tensor) -> Tensor:
    """Blur each mask by its own Gaussian; sigma 0 leaves it exactly as it is."""
    offsets = torch.arange(-SEAM_RADIUS, SEAM_RADIUS + 1, device=mask.device)
    kernels = torch.exp(-0.5 * (offsets / sigma.clamp_min(0.1)[:, None]) ** 2)
    kernels = kernels / kernels.sum(1, keepdim=True)
    planes = functional.pad(mask.transpose(0, 1), (SEAM_RADIUS,) * 4, mode="replicate")
    planes = functional.conv2d(planes, kernels[:, None, None, :], groups=len(mask))
    planes = functional.conv2d(planes, kernels[:, None, :, None], groups=len(mask))
    return torch.where(sigma.view(-1, 1, 1, 1) > 0, planes.transpose(0, 1), mask)


def _places(
    draw: TamperDraw,
    group: Group,
    like: Tensor,
    *,
    mirrored: Tensor | None = None,
    scale: Tensor | None = None,
    moved: Tensor | None = None,
) -> Tensor:
    """Say where each pixel takes its content from, unbounded: (n, 2, side), rows then columns.

    Whole pixels as floats, the middle of the first at 0. Without mirror and scale rows and columns
    are exactly shifted.
    """
    side = like.shape[-1]
    middle = (side - 1) / 2
    from_middle = torch.arange(side, device=like.device) - middle
    shift = draw.shift.index_select(0, group)
    if moved is not None:
        shift = shift * moved[:, None]
    turn = torch.ones_like(shift)
    if mirrored is not None:
        turn = torch.stack([turn[:, 0], 1 - 2 * mirrored.float()], 1)
    if scale is not None:
        turn = turn / scale[:, None]
    return from_middle * turn[..., None] + (shift[..., None] + middle)


def _wrapped(places: Tensor) -> Tensor:
    """Let what leaves the picture come back on the other side."""
    return places.remainder(places.shape[-1])


def _sampled(pictures: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Fetch (n, C, side, side) content from (n, 2, side) rows and columns."""
    side = places.shape[-1]
    rows, columns = ((2 * places + 1) / side - 1).unbind(1)
    grid = torch.stack(
        [columns[:, None, :].expand(-1, side, -1), rows[:, :, None].expand(-1, -1, side)], -1
    )
    return functional.grid_sample(
        pictures, grid, mode=mode, padding_mode="reflection", align_corners=False
    )


def _splice(scene: _Scene, group: Group) -> Tensor:
    return _spliced(scene, group, scene.hosts)


def _splice_protected(scene: _Scene, group: Group) -> Tensor:
    return _spliced(scene, group, scene.published)


def _spliced(scene: _Scene, group: Group, source: Tensor) -> Tensor:
    """Take the partner's content: in its place, or shifted and perhaps mirrored."""
    draw = scene.draw
    foreign = source.index_select(0, draw.partner.index_select(0, group))
    moved = ~draw.in_place.index_select(0, group)
    mirrored = draw.mirrored.index_select(0, group) & moved
    places = _places(draw, group, foreign, mirrored=mirrored, moved=moved)
    return _sampled(foreign, places) + _column(draw.brightness, group)


def _copy_move(scene: _Scene, group: Group) -> Tensor:
    """Take the picture's own content from elsewhere; unscaled, it is 16 pixels away or more."""
    draw = scene.draw
    own = scene.published.index_select(0, group)
    places = _places(
        draw,
        group,
        own,
        mirrored=draw.mirrored.index_select(0, group),
        scale=draw.scale.index_select(0, group),
    )
    return _sampled(own, _wrapped(places))


def _local_means(scene: _Scene, group: Group) -> Tensor:
    own = scene.published.detach().index_select(0, group)
    means = local_means(own, scene.draw.coarseness.index_select(0, group))
    return means + scene.draw.means_noise


def _inpaint(scene: _Scene, group: Group) -> Tensor:
    # Detached: nobody learns from the colour of a fill, and its pyramid has a long backward.
    own = scene.published.detach().index_select(0, group)
    return push_pull(own, scene.mask.index_select(0, group)) + scene.draw.inpaint_noise


def _constant(scene: _Scene, group: Group) -> Tensor:
    paint = scene.draw.paint.index_select(0, group)[..., None, None]
    return paint.expand(-1, -1, *scene.published.shape[2:])


def _overlaid(scene: _Scene, group: Group) -> Tensor:
    own = scene.published.index_select(0, group)
    return torch.lerp(own, scene.overlay[:, :3], scene.overlay[:, 3:])


def _colour(scene: _Scene, group: Group) -> Tensor:
    """Change contrast and hue about the region's mean colour, then shift that colour visibly."""
    draw = scene.draw
    own = scene.published.index_select(0, group)
    mask = scene.mask.index_select(0, group)
    total = (own.detach() * mask).sum((2, 3), keepdim=True)
    mean = total / mask.sum((2, 3), keepdim=True).clamp_min(1)
    cast = draw.cast.index_select(0, group)[..., None, None]
    # Clamping would undo a cast towards black or white that the region already has.
    target = mean + cast
    cast = torch.where((target < 0.05) | (target > 0.95), -cast, cast)
    changed = mean + _column(draw.contrast, group) * (own - mean)
    return _turned_hue(changed, _column(draw.hue, group)) + cast


def _turned_hue(pictures: Tensor, angle: Tensor) -> Tensor:
    """Rotate colours about the grey axis (Rodrigues' formula)."""
    grey = pictures.mean(1, keepdim=True)
    across = (pictures.roll(1, 1) - pictures.roll(-1, 1)) / math.sqrt(3)
    return grey + angle.cos() * (pictures - grey) + angle.sin() * across


def _rewrite(scene: _Scene, group: Group) -> Tensor:
    return scene.hosts.index_select(0, group) + scene.draw.rewrite_noise


def _soften(scene: _Scene, group: Group) -> Tensor:
    own = scene.published.detach().index_select(0, group)
    return blur(own, scene.draw.softness.index_select(0, group))


def _median(scene: _Scene, group: Group) -> Tensor:
    return median(scene.published.detach().index_select(0, group), MEDIAN_SIDE)


def _recompress(scene: _Scene, group: Group) -> Tensor:
    own = round_to_8_bits(scene.published.detach().index_select(0, group))
    return exact(own, scene.draw.quality.index_select(0, group), subsampled=True)


def _column(values: Tensor, group: Group) -> Tensor:
    return values.index_select(0, group).view(-1, 1, 1, 1)


CONTENT: dict[str, Callable[[_Scene, Group], Tensor]] = {
    "splice": _splice,
    "splice_protected": _splice_protected,
    "copy_move": _copy_move,
    "local_means": _local_means,
    "inpaint": _inpaint,
    "constant": _constant,
    "overlay": _overlaid,
    "colour": _colour,
    "rewrite": _rewrite,
    "soften": _soften,
    "median": _median,
    "recompress": _recompress,
}
