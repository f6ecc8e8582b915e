"""How good weights are on copies of what is published: whole files, larger than their frames.

    picture ─ frame ─ residual, shaped, with a pilot ─► added to the picture, 8 bits ─ splice
            ─ saved by a real encoder, read ─ frame ─ localize, recover ─► scores

A quick look while training, at the plain threshold of one half, with each copy's place in its frame
taken for known. What is told of a release is measured by `imuge.bench`, on the exported files.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imuge.attacks.resave import parse_chain, resave
from imuge.model.imuge.system import System
from imuge.model.imuge.system_protector import SystemExamined, SystemProtector
from imuge.protection.frame import Frame, add_to_picture, published_frame, to_frame
from imuge.protection.shaping import Shaping, template_gain
from imuge.train.imuge.publication import PublicationMix, added, draw_publication
from imuge.train.validation import SEED, blob, f1, recovered_db

COPIES = {
    "none": "none",
    "jpeg75": "jpeg:75",
    "jpeg50": "jpeg:50",
    "webp80": "webp:80",
    "webp70": "webp:70",
    "avif60": "avif:60",
}
AREA = 0.1  # of the picture, spliced
LEAST_SPREAD = 1e-3  # variance, of numbers that vary by 1; so that none tells infinitely much
SHAPING = Shaping()  # the product's
PUBLISHED = PublicationMix(
    shaped=1.0,
    flat=(SHAPING.flat / SHAPING.busy,) * 2,
    level=(SHAPING.level, SHAPING.level),
    chrominance=(SHAPING.chrominance, SHAPING.chrominance),
    pilot=1.0,
)

Pixels = NDArray[np.uint8]


@torch.no_grad()
def validate_on_frames(system: System, pictures: list[Tensor]) -> dict[str, float]:
    """Score networks on the processor; their random numbers leave those of the training alone.

    Args:
        system: In evaluation mode, float32.
        pictures: (3, H, W) in [0, 1], from `load_held_out`; the largest square in the middle of
            each is published.

    Returns:
        By name, means over the pictures: `psnr` of the published picture, and for each copy
        `f1/jpeg75` and `recovered/jpeg75` (dB in the true mask, on the frame) with a splice of
        10 %, and of an untouched one `false_area/jpeg75`, and what became of a number of the code:
        `kept/jpeg75`, how much is left of it, and `noise/jpeg75`, the spread of what was added;
        `bits/jpeg75`, what all numbers of a block tell of it, and `bits_of_one/jpeg75`, what those
        of its first description do (`shared_bits`). `alike` is the correlation of the code's
        numbers with those of the next block: what is said twice.
    """
    scores: dict[str, list[float]] = {}
    squares = [_square(picture) for picture in pictures]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        shapes = np.random.default_rng(SEED)
        for number, pixels in enumerate(squares):
            for name, score in _scores(system, pixels, squares[number - 1], shapes):
                scores.setdefault(name, []).append(score)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def describe_on_frames(scores: Mapping[str, float]) -> str:
    """The scores as a person reads them in one line."""
    kinds = ", ".join(f"{kind} {scores[f'f1/{kind}']:.3f}" for kind in COPIES)
    return f"{scores['psnr']:.1f} dB, F1 {kinds}"


def _scores(
    system: System, pixels: Pixels, other: Pixels, shapes: np.random.Generator
) -> Iterator[tuple[str, float]]:
    side = len(pixels)
    frame = published_frame(side, side)
    host = _to_tensor(pixels, frame)
    protector = SystemProtector(system)
    code = system.encode(host)
    immunized, layout = protector.embed(host, template_gain(*code.shape[2:]))
    published = add_to_picture(pixels, _residual(host, immunized), frame).astype(np.uint8)
    yield "psnr", _psnr_db(published, pixels)
    yield "alike", neighbours_alike(code)
    region = blob((side, side), AREA, shapes)[0, 0].numpy() > 0
    forged = np.where(region[..., None], _fitted(other, side), published)
    mask = _region_on_frame(region, frame)

    def examine(copy: Pixels, chain: str) -> SystemExamined:
        received = _to_tensor(resave(copy, parse_chain(chain)), frame).clamp(0, 1)
        return protector.examine(received, layout)

    for name, chain in COPIES.items():
        examined = examine(forged, chain)
        yield f"f1/{name}", f1(examined.mask, mask)
        restored = protector.restore(examined, examined.mask)
        yield f"recovered/{name}", recovered_db(restored, host, mask)
        untouched = examine(published, chain)
        yield f"false_area/{name}", float(untouched.mask.mean())
        kept = float((untouched.home * code).mean() / code.square().mean())
        yield f"kept/{name}", kept
        yield f"noise/{name}", float((untouched.home - kept * code).std())
        sent, came = code[0].flatten(1), untouched.home[0].flatten(1)
        first = len(came) // system.config.descriptions
        yield f"bits/{name}", shared_bits(sent, came)
        yield f"bits_of_one/{name}", shared_bits(sent, came[:first])


def shared_bits(sent: Tensor, came: Tensor) -> float:
    """What numbers that came tell of those that were sent: mutual information, bits.

    That of normally distributed numbers with the covariances found. It counts directions, not
    numbers: the same sent twice brings less than twice as much.

    Args:
        sent: (n, N), n numbers of each of N blocks.
        came: (m, N), of the same blocks.
    """
    together = torch.cat([sent, came]).double()
    spread = together.cov() + LEAST_SPREAD * torch.eye(len(together), dtype=torch.float64)
    n = len(sent)
    parts = (spread[:n, :n], spread[n:, n:])
    return float(sum(torch.logdet(part) for part in parts) - torch.logdet(spread)) / math.log(4)


def neighbours_alike(code: Tensor) -> float:
    """Correlation of a code's numbers, (1, n, h, w), with those of the block to the right."""
    apart = code - code.mean((2, 3), keepdim=True)
    return float((apart[..., 1:] * apart[..., :-1]).mean() / apart.square().mean())


def _residual(host: Tensor, immunized: Tensor) -> NDArray[np.float32]:
    """What is added on the frame, (h, w, 3) grey levels."""
    draw = draw_publication(PUBLISHED, torch.tensor([SHAPING.busy]), device=host.device)
    change = 255 * added(host, immunized - host, draw)
    made: NDArray[np.float32] = change[0].permute(1, 2, 0).numpy()
    return made


def _square(picture: Tensor) -> Pixels:
    """The largest square in the middle, (S, S, 3)."""
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[:, top : top + side, left : left + side]
    made: Pixels = (255 * square.permute(1, 2, 0)).round().byte().cpu().numpy()
    return made


def _fitted(pixels: Pixels, side: int) -> Pixels:
    """A square in another size, by repeating or leaving out pixels: content to paste."""
    places = np.arange(side) * len(pixels) // side
    return pixels[places][:, places]


def _to_tensor(pixels: Pixels, frame: Frame) -> Tensor:
    return torch.from_numpy(to_frame(pixels, frame)).permute(2, 0, 1)[None] / 255


def _region_on_frame(region: NDArray[np.bool_], frame: Frame) -> Tensor:
    """(1, 1, h, w) of 0 and 1: frame pixels of which more than half were changed."""
    scaled = to_frame(255 * region[..., None].astype(np.uint8), frame)
    return torch.from_numpy((scaled > 255 / 2).astype(np.float32)).permute(2, 0, 1)[None]


def _psnr_db(a: Pixels, b: Pixels) -> float:
    square = float(np.square(a.astype(np.float32) - b).mean())
    return float(10 * np.log10(255**2 / max(square, 1e-10)))
