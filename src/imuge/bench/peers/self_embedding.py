"""A classical watermark that locates and restores: every block's thumbnail, hidden in two others.

    luma, 8x8 DCT ─ 12 low coefficients, a bit each in how it is quantized ─► 48 bits in 16x16
    48 bits = thumbnails of two blocks elsewhere, 20 each + 8 check bits over them and the position

Written for the bench in the way of Fridrich and Goljan 1999 (self-embedding), with the quantization
index modulation of Chen and Wornell 2001. Layout and checks follow from the seed by numpy's
generator: enough to measure with, and no protection against anybody who wants to forge.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.bench.peers.thumbnails import (
    LUMA,
    SIDE,
    TOTAL_BITS,
    Bits,
    Planes,
    blocks_of,
    drawn,
    filled,
    from_bits,
    shrunk,
    to_bits,
)
from imuge.bench.scores import Mask
from imuge.errors import ImageError
from imuge.results import Pixels

SMALLEST = 4 * SIDE  # pixels, of a picture's side
CELL = 8  # pixels, of a DCT
CELLS = (SIDE // CELL) ** 2  # in a block
# Row and column of the coefficients that carry: those that JPEG quantizes most finely.
CARRIERS = ((0, 1, 2, 1, 0, 0, 1, 2, 3, 4, 3, 2), (1, 0, 0, 1, 2, 3, 2, 1, 0, 0, 1, 2))
STEP = 24.0  # grey levels between two values of one bit; it makes 38 to 40 dB
ROUNDS = 4  # of embedding: each mends what rounding and clipping spoilt in the one before
COPIES = 2  # of a thumbnail
CHECK_BITS = 8
# Of a block's score, half of it from its own check and half from the share of failed checks in 3x3:
# a block is reported where it failed and five around it did. For the best F1 on splices into 8
# training pictures (`photographs(train, side=512, count=8)`), clean and JPEG 75: F1 0.92; of the
# untouched ones 0.5 % is marked.
THRESHOLD = 0.8


@dataclass(frozen=True, slots=True)
class Layout:
    """Where thumbnails lie and how what a block carries is checked, for N blocks."""

    homes: NDArray[np.int64]  # (COPIES, N): the block that carries a copy of a thumbnail
    matrix: NDArray[np.int64]  # (CHECK_BITS, COPIES * TOTAL_BITS), 0 or 1
    pads: Bits  # (N, CHECK_BITS)

    @classmethod
    def draw(cls, blocks: int, seed: int) -> "Layout":
        """The layout of a picture of so many blocks under this seed."""
        rng = np.random.default_rng(seed)
        ring = rng.permutation(blocks)
        homes = np.empty((COPIES, blocks), np.int64)
        for copy in range(COPIES):
            homes[copy, ring] = np.roll(ring, (copy + 1) * blocks // (COPIES + 1))
        matrix = rng.integers(2, size=(CHECK_BITS, COPIES * TOTAL_BITS))
        return cls(homes, matrix, rng.integers(2, size=(blocks, CHECK_BITS)).astype(bool))

    def checks(self, carried: Bits) -> Bits:
        """(N, CHECK_BITS) for what the blocks carry, (N, COPIES * TOTAL_BITS)."""
        sums: Bits = (carried.astype(np.int64) @ self.matrix.T % 2).astype(bool)
        return sums ^ self.pads


@dataclass(frozen=True, slots=True)
class Hidden:
    """What was read out of a received picture."""

    thumbnails: Planes  # (COPIES, N, 5)
    homes: NDArray[np.int64]  # (COPIES, N)
    intact: Bits  # (N,), whether the check agrees with what the block carries


class SelfEmbedding(OneSize):
    """Hides a coarse copy of the picture in itself; locates blocks of 16x16 pixels."""

    name = "self-embedding"
    restores = True

    def describe(self) -> dict[str, Any]:
        """What it is, and its working point."""
        return {
            "architecture": "self-embedding, block DCT",
            "parameters": None,
            "sha256": None,
            "working_point": f"score {THRESHOLD:g}, set on training pictures",
        }

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[int]:  # noqa: ARG002
        """Hide two copies of every block's thumbnail; the secret is the seed.

        Raises:
            ImageError: the picture is smaller than 64x64.
        """
        rows, columns = _grid(host)
        layout = Layout.draw(rows * columns, seed)
        copies = np.empty((rows * columns, COPIES, TOTAL_BITS), bool)
        for copy in range(COPIES):
            copies[layout.homes[copy], copy] = to_bits(shrunk(blocks_of(host)))
        carried = copies.reshape(rows * columns, -1)
        bits = np.concatenate([carried, layout.checks(carried)], axis=1)
        published = host.copy()
        inner = published[: rows * SIDE, : columns * SIDE]
        for _ in range(ROUNDS):
            inner[...] = (inner + _change(inner, bits)[..., None]).round().clip(0, 255)
        return Published(published, seed)

    def examine(self, received: Pixels, secret: int) -> Examination[Hidden]:
        """Check what every block carries.

        Raises:
            ImageError: the picture is smaller than 64x64.
        """
        rows, columns = _grid(received)
        layout = Layout.draw(rows * columns, secret)
        bits = _carried(received[: rows * SIDE, : columns * SIDE])
        carried, check = np.split(bits, [COPIES * TOTAL_BITS], axis=1)
        intact = (layout.checks(carried) == check).all(axis=1)
        copies = carried.reshape(-1, COPIES, TOTAL_BITS)
        thumbnails = [from_bits(copies[layout.homes[copy], copy]) for copy in range(COPIES)]
        failed = (~intact).reshape(rows, columns).astype(np.float32)
        score = (failed + ndimage.uniform_filter(failed, 3, mode="nearest")) / 2
        probability = np.repeat(np.repeat(score, SIDE, axis=0), SIDE, axis=1).clip(0, 1)
        probability = _extended(probability, received)
        return Examination(
            received=received,
            probability=probability,
            mask=probability > THRESHOLD,
            evidence=Hidden(np.stack(thumbnails), layout.homes, intact),
        )

    def restore(self, finding: Examination[Hidden], mask: Mask) -> Pixels:
        """The mask drawn from thumbnails whose carriers are intact and outside it.

        Where no copy of a thumbnail is left, it is averaged from those around it.

        Returns:
            (H, W, 3); outside the mask it is the received picture, bit for bit.
        """
        hidden, received = finding.evidence, finding.received
        touched = blocks_of(mask).any(axis=(1, 2))
        usable = (hidden.intact & ~touched)[hidden.homes]
        thumbnails, known = shrunk(blocks_of(received)), ~touched
        for copy, take in zip(hidden.thumbnails, usable & touched, strict=True):
            thumbnails[take] = copy[take]
            known = known | take
        grid = _grid(received)
        coarse = drawn(filled(thumbnails.reshape(*grid, -1), known.reshape(grid)))
        return np.where(mask[..., None], _extended(coarse, received), received)


def _grid(picture: Pixels) -> tuple[int, int]:
    """Rows and columns of whole blocks."""
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"expected a picture of at least {SMALLEST}x{SMALLEST} pixels, got {width}x{height}"
        )
    return height // SIDE, width // SIDE


def _spectra(picture: Pixels) -> Planes:
    """DCT of the luma of all cells, (H / 8, 8, W / 8, 8), both sides whole blocks."""
    height, width = picture.shape[:2]
    cells = (picture @ LUMA).reshape(height // CELL, CELL, width // CELL, CELL)
    spectra: Planes = fft.dctn(cells, axes=(1, 3), norm="ortho")
    return spectra


def _carriers(spectra: Planes) -> Planes:
    """The coefficients that carry, (N, 48), block by block as `blocks_of` orders them."""
    chosen = spectra[:, CARRIERS[0], :, CARRIERS[1]]  # (12, H / 8, W / 8)
    _, height, width = chosen.shape
    parted = chosen.reshape(-1, height // 2, 2, width // 2, 2)
    return parted.transpose(1, 3, 2, 4, 0).reshape(-1, CELLS * len(chosen))


def _change(picture: Pixels, bits: Bits) -> Planes:
    """What to add to R, G and B, (H, W), for the blocks to carry these bits, (N, 48)."""
    spectra = _spectra(picture)
    before = _carriers(spectra)
    offset = STEP / 4 + bits * (STEP / 2)
    moved = ((before - offset) / STEP).round() * STEP + offset - before
    height, width = spectra.shape[0], spectra.shape[2]
    cells = moved.reshape(height // 2, width // 2, 2, 2, -1).transpose(4, 0, 2, 1, 3)
    change = np.zeros_like(spectra)
    change[:, CARRIERS[0], :, CARRIERS[1]] = cells.reshape(-1, height, width)
    added: Planes = fft.idctn(change, axes=(1, 3), norm="ortho").reshape(picture.shape[:2])
    return added


def _carried(picture: Pixels) -> Bits:
    """The bits that the blocks carry, (N, 48)."""
    return _carriers(_spectra(picture)) % STEP >= STEP / 2


def _extended(planes: NDArray[Any], like: Pixels) -> NDArray[Any]:
    """Continue what covers the whole blocks to the size of a picture."""
    rest = [(0, like.shape[axis] - planes.shape[axis]) for axis in (0, 1)]
    return np.pad(planes, rest + [(0, 0)] * (planes.ndim - 2), mode="edge")
