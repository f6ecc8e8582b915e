"""How good the averaged weights are on photographs never trained on, through real encoders.

    photograph ─ immunize, 8 bits ─ splice ─ encode, decode ─ localize, recover ─► scores

What is pasted is a photograph; and, to see what a key brings, a protected one and the picture's own
content from elsewhere.

A quick look while training, at the plain threshold of one half. What is told of a release is
measured by `imuge.bench`, on the exported files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image, ImageOps
from torch import Tensor

from imuge.attacks.resave import parse_chain, resave
from imuge.errors import ConfigError, ImageError
from imuge.model.architectures import protector_of
from imuge.model.networks import SIZE_MULTIPLE, Networks
from imuge.model.protector import Protector
from imuge.train.losses import dissimilarity, masked_mean, psnr_db, to_db
from imuge.train.photographs import Say, find_photographs, read_photograph

CHAINS = {"none": "none", "jpeg75": "jpeg:75", "jpeg50": "jpeg:50", "webp80": "webp:80"}
AREAS = (0.05, 0.1, 0.2, 0.3)  # of the picture, in turn
LARGEST_SIDE = 512
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


def validate(
    networks: Networks, pictures: list[Tensor], device: torch.device, *, on_frames: bool
) -> dict[str, float]:
    """Score networks on pictures of `load_held_out`, as they are or by `validate_on_frames`.

    Args:
        networks: In evaluation mode, float32, on `device`; on frames, they end on the processor.
        pictures: From `load_held_out`.
        device: Where to compute.
        on_frames: Whether copies are larger than their frames; of our own networks alone.
    """
    if not on_frames:
        return validate_plainly(networks, pictures, device)
    # Here: a bare source tree trains without what the product's frames need.
    from imuge.model.imuge.system import System
    from imuge.train.frames import validate_on_frames

    assert isinstance(networks, System), "only our networks are validated on frames"
    return validate_on_frames(networks.cpu(), pictures)


@torch.no_grad()
def validate_plainly(
    networks: Networks, pictures: list[Tensor], device: torch.device
) -> dict[str, float]:
    """Score networks; their own random numbers leave those of the training alone.

    Args:
        networks: In evaluation mode, float32, on `device`.
        pictures: From `load_held_out`.
        device: Where to compute.

    Returns:
        By name: `psnr` and `ssim` of the immunized pictures; for each processing `f1`,
        `recovered` (dB in the true mask), `false_area` and `alarms` (share of untouched pictures
        with more than 0.1 % found), and what the architecture tells of untouched copies
        (`Protector.inspect`), as `template/jpeg75`. `f1/protected_jpeg75` is where a piece of
        another protected picture was pasted, `f1/moved_jpeg75` where one of this picture was.
    """
    scores: dict[str, list[float]] = {}
    protector = protector_of(networks)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        shapes = np.random.default_rng(SEED)
        for number, picture in enumerate(pictures):
            mask = blob(picture.shape[1:], AREAS[number % len(AREAS)], shapes)
            other = pictures[number - 1]
            for name, score in _score(protector, picture.to(device), other, mask.to(device)):
                scores.setdefault(name, []).append(score)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _score(
    protector: Protector[Any, Any], host: Tensor, other: Tensor, mask: Tensor
) -> Iterator[tuple[str, float]]:
    host = host[None]
    protected = protector.protect(host)
    published = protected.picture
    yield "psnr", float(psnr_db(published, host))
    yield "ssim", 1 - float(dissimilarity(published, host))
    content = F.interpolate(other[None].to(host.device), host.shape[2:], mode="area")
    forged = torch.where(mask > 0, content, published)
    for name, chain in CHAINS.items():
        examined = protector.examine(_resaved(forged, chain), protected.secret)
        found = examined.mask
        yield f"f1/{name}", f1(found, mask)
        yield f"recovered/{name}", recovered_db(protector.restore(examined, found), host, mask)
        untouched = protector.examine(_resaved(published, chain), protected.secret)
        area = float(untouched.mask.mean())
        yield f"false_area/{name}", area
        yield f"alarms/{name}", float(area > ALARM)
        for what, value in protector.inspect(untouched, host).items():
            yield f"{what}/{name}", value
    transplants = {
        "protected": protector.protect(content).picture,
        "moved": published.roll((host.shape[2] // 3, host.shape[3] // 4), (2, 3)),
    }
    for name, piece in transplants.items():
        received = _resaved(torch.where(mask > 0, piece, published), CHAINS["jpeg75"])
        yield f"f1/{name}_jpeg75", f1(protector.examine(received, protected.secret).mask, mask)


def f1(found: Tensor, true: Tensor) -> float:
    """Of two masks of 0 and 1; of two empty ones there is none."""
    return 2 * float((found * true).sum()) / float(found.sum() + true.sum())


def recovered_db(restored: Tensor, host: Tensor, mask: Tensor) -> float:
    """PSNR in the true mask of the picture as a person gets it."""
    error = (restored - host).square().mean(1, keepdim=True)
    return float(to_db(masked_mean(error, mask, lambda number: number)))


def _resaved(picture: Tensor, chain: str) -> Tensor:
    """A picture (1, 3, H, W) through real encoders."""
    pixels = (picture[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    received = torch.from_numpy(resave(pixels, parse_chain(chain)))
    return received.permute(2, 0, 1)[None].to(picture.device).float() / 255


def blob(size: Sequence[int], area: float, rng: np.random.Generator) -> Tensor:
    """(1, 1, H, W): 5x5 noise, enlarged bicubically and cut where it leaves `area`."""
    noise = torch.from_numpy(rng.standard_normal((1, 1, 5, 5)).astype(np.float32))
    field = F.interpolate(noise, tuple(size), mode="bicubic", align_corners=False)
    mask: Tensor = field > float(np.quantile(field.numpy(), 1 - area))
    return mask.float()
