"""How good the averaged weights are on photographs never trained on, through real encoders.

    photograph ─ immunize, 8 bits ─ splice ─ encode, decode ─ localize, recover ─► scores

A quick look while training, at the plain threshold of one half. What is told of a release is
measured by `imuge.bench`, on the exported files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image, ImageOps
from torch import Tensor

from imuge.attacks.resave import parse_chain, resave
from imuge.errors import ConfigError, ImageError
from imuge.model.keying import Layout, random_layout
from imuge.model.localizer import code_clues
from imuge.model.payload import erase_code, home_code, scatter_code
from imuge.model.system import SIZE_MULTIPLE, System
from imuge.model.transform import BLOCK
from imuge.train.losses import dissimilarity, masked_mean, psnr_db, to_db
from imuge.train.photographs import Say, find_photographs, read_photograph

CHAINS = {"none": "none", "jpeg75": "jpeg:75", "jpeg50": "jpeg:50", "webp80": "webp:80"}
AREAS = (0.05, 0.1, 0.2, 0.3)  # of the picture, in turn
LARGEST_SIDE = 512
MARGIN = 4  # pixels that the recoverer's mask is wider than the found one
ALARM = 0.001  # share of an untouched picture that makes it count as a false alarm
SEED = 20_261_123  # of masks and layouts: the same at every validation


def load_held_out(folder: Path, *, most: int, say: Say) -> list[Tensor]:
    """Read the first photographs of a folder, at most 512x512 around the middle.

    Returns:
        Pictures (3, H, W) in [0, 1], sides in multiples of 16.

    Raises:
        ConfigError: there are less than two that can be used.
    """
    pictures = []
    for path in find_photographs(folder)[:most]:
        try:
            photograph = read_photograph(path)
        except ImageError as error:
            say(f"left out of validation: {error}")
            continue
        sides = [
            min(side, LARGEST_SIDE) // SIZE_MULTIPLE * SIZE_MULTIPLE for side in photograph.size
        ]
        if min(sides) < 4 * SIZE_MULTIPLE:
            say(f"left out of validation: {path.name} is too small")
            continue
        cut = ImageOps.fit(photograph, (sides[0], sides[1]), Image.Resampling.BICUBIC)
        pictures.append(torch.from_numpy(np.array(cut)).permute(2, 0, 1).float() / 255)
    if len(pictures) < 2:
        raise ConfigError(f"expected two photographs or more in {folder}, got {len(pictures)}")
    return pictures


@torch.no_grad()
def validate(system: System, pictures: list[Tensor], device: torch.device) -> dict[str, float]:
    """Score a system; its own random numbers leave those of the training alone.

    Args:
        system: In evaluation mode, float32, on `device`.
        pictures: From `load_held_out`.
        device: Where to compute.

    Returns:
        By name: `psnr` and `ssim` of the immunized pictures; for each processing `f1`,
        `recovered` (dB in the true mask), `false_area` and `alarms` (share of untouched pictures
        with more than 0.1 % found); `template`, signs that agree after JPEG 75; `hidden_copy`, dB.
    """
    scores: dict[str, list[float]] = {}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        shapes = np.random.default_rng(SEED)
        for number, picture in enumerate(pictures):
            mask = _blob(picture.shape[1:], AREAS[number % len(AREAS)], shapes)
            other = pictures[number - 1]
            for name, score in _score(system, picture.to(device), other, mask.to(device)):
                scores.setdefault(name, []).append(score)
    return {name: float(np.mean(values)) for name, values in scores.items()}


@dataclass(frozen=True, slots=True)
class _Read:
    """What a received picture gave away."""

    image: Tensor
    revealed: Tensor
    home: Tensor  # the code, brought home
    found: Tensor  # (1, 1, H, W), 1 where tampering was found


def _score(
    system: System, host: Tensor, other: Tensor, mask: Tensor
) -> Iterator[tuple[str, float]]:
    host = host[None]
    grid = (host.shape[2] // BLOCK, host.shape[3] // BLOCK)
    layout = random_layout(system.config, 1, *grid, device=host.device)
    published = _immunize(system, host, layout)
    yield "psnr", float(psnr_db(published, host))
    yield "ssim", 1 - float(dissimilarity(published, host))
    content = F.interpolate(other[None].to(host.device), host.shape[2:], mode="area")
    forged = torch.where(mask > 0, content, published)
    for name, chain in CHAINS.items():
        read = _read(system, _resaved(forged, chain), layout)
        total = float(read.found.sum() + mask.sum())
        yield f"f1/{name}", 2 * float((read.found * mask).sum()) / total
        yield f"recovered/{name}", _recovered_db(system, read, host, mask, layout)
        clean = _read(system, _resaved(published, chain), layout)
        area = float(clean.found.mean())
        yield f"false_area/{name}", area
        yield f"alarms/{name}", float(area > ALARM)
        if name == "jpeg75":
            signs = clean.revealed[:, -layout.template.shape[1] :]
            yield "template", float((signs * layout.template > 0).float().mean())
        if name == "none":
            yield "hidden_copy", _hidden_copy_db(system, clean, host, layout)


def _immunize(system: System, host: Tensor, layout: Layout) -> Tensor:
    code = scatter_code(system.encode(host), layout.permutations, layout.signs)
    payload = torch.cat([code, layout.template], 1)
    immunized, _ = system.embed(host, payload, host.new_ones(()))
    return (immunized.clamp(0, 1) * 255).round() / 255


def _read(system: System, received: Tensor, layout: Layout) -> _Read:
    revealed = system.reveal(received)
    code = revealed[:, : system.config.total_code_channels]
    home = home_code(code, layout.inverses, layout.signs)
    clues = code_clues(home, system.encode(received)) if system.config.code_evidence else None
    logits = system.localize(received, revealed, layout.template, clues)
    return _Read(received, revealed, home, (logits > 0).float())


def _recovered_db(system: System, read: _Read, host: Tensor, mask: Tensor, layout: Layout) -> float:
    """PSNR in the true mask of the picture as a person gets it."""
    wide = F.max_pool2d(read.found, 2 * MARGIN + 1, stride=1, padding=MARGIN)
    recovered = _render(system, read, wide, F.max_pool2d(wide, BLOCK), layout)
    shown = torch.where(read.found > 0, recovered, read.image)
    error = (shown - host).square().mean(1, keepdim=True)
    return float(to_db(masked_mean(error, mask, lambda number: number)))


def _hidden_copy_db(system: System, read: _Read, host: Tensor, layout: Layout) -> float:
    everything = torch.ones_like(read.found)
    nothing = torch.zeros_like(F.max_pool2d(read.found, BLOCK))
    return float(psnr_db(_render(system, read, everything, nothing, layout), host))


def _render(system: System, read: _Read, mask: Tensor, erased: Tensor, layout: Layout) -> Tensor:
    codes = erase_code(read.home, erased, layout.inverses)
    return system.recover(read.image, mask, codes).clamp(0, 1)


def _resaved(picture: Tensor, chain: str) -> Tensor:
    """A picture (1, 3, H, W) through real encoders."""
    pixels = (picture[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    received = torch.from_numpy(resave(pixels, parse_chain(chain)))
    return received.permute(2, 0, 1)[None].to(picture.device).float() / 255


def _blob(size: torch.Size, area: float, rng: np.random.Generator) -> Tensor:
    """(1, 1, H, W): 5x5 noise, enlarged bicubically and cut where it leaves `area`."""
    noise = torch.from_numpy(rng.standard_normal((1, 1, 5, 5)).astype(np.float32))
    field = F.interpolate(noise, tuple(size), mode="bicubic", align_corners=False)
    mask: Tensor = field > float(np.quantile(field.numpy(), 1 - area))
    return mask.float()
