"""The hidden copy: the whole picture as its code alone tells it, and what it says about identity.

    revealed code ─► gathered home ─► recoverer without any surroundings ─► hidden copy
                                                                              │ compare
    visible picture ──────────────────────────────────────────────────────────┘

The published picture and its hidden copy show the same thing. Where protection was moved to
another picture they do not, anywhere. The comparison is the correlation of 16x16 averages after
the local mean is taken out: changes of brightness, contrast and colour leave it alone, and two
unrelated pictures give about 0 however alike their skies are.

Where the two disagree only here and there, that tells the localizer what changed: releases with
`code_evidence` compare the gathered code with the received picture's own (`code_clues`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine import Engine
from imuge.engine.canvas import BLOCK
from imuge.keys import DESCRIPTIONS, Key, code_permutations, code_signs
from imuge.keys.rotation import SIGN_ROUNDS, rotate, rotate_back
from imuge.results import HiddenCopyCheck
from imuge.weights import Options

CELL = 16  # pixels averaged on a side; finer detail of the code drowns in noise
WINDOW = 128  # pixels on a side of one sample
SAMPLED_SHARE = 4  # one in so many windows is rendered, for speed
FEWEST_WINDOWS, MOST_WINDOWS = 4, 64
LOCAL_CELLS = 5  # side of the neighbourhood whose mean is taken out
MOST_MASKED = 0.25  # a cell with more of it tampered is left out
FEWEST_CELLS = 24
# Set between what `python -m imuge.bench.transplants` finds on training pictures.
OWN_CORRELATION = 0.2
SAME_ANYWAY = 0.08  # mean difference, of 1, below which two plain pictures count as the same

Array = NDArray[np.float32]
Permutations = NDArray[np.int64]
Signs = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far the hidden copy and the visible picture agree outside the tampered regions."""

    correlation: float | None  # None where too little untouched picture is left
    difference: float | None  # mean absolute difference of cells, of 1

    @property
    def check(self) -> HiddenCopyCheck:
        """Whether they show the same thing, or different things nearly everywhere."""
        if self.correlation is None or self.difference is None:
            return "not checked"
        unlike = self.correlation < OWN_CORRELATION and self.difference > SAME_ANYWAY
        return "disagrees" if unlike else "agrees"


@dataclass(frozen=True, slots=True)
class HiddenCode:
    """The code of a received picture, every description at home with its flags."""

    codes: Array  # (K·(c + 1), h, w), as `gather_code` gives it
    permutations: Permutations  # (K, h·w)

    def without(self, erased: Array) -> Array:
        """The codes less what lay in further blocks, (1, h, w), 1 where tampered."""
        kept = 1 - erased
        parts = zip(_descriptions(self.codes), self.permutations, strict=True)
        return np.concatenate([part * _home(kept, permutation) for part, permutation in parts])


def erased_blocks(mask: NDArray[np.bool_]) -> Array:
    """(1, h, w): 1 for each block with a tampered pixel, of a mask (H16, W16)."""
    height, width = mask.shape
    blocks = mask.reshape(1, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return np.asarray(blocks.any((2, 4)), np.float32)


def code_keying(
    options: Options, key: Key, image_id: int, grid: tuple[int, ...], channels: int
) -> tuple[Permutations, Signs | None]:
    """What a full key says about a picture's code: where it goes and how it is turned.

    Args:
        options: Of the release.
        key: A full key.
        image_id: The picture's id.
        grid: Rows and columns of blocks.
        channels: Code numbers a block, K·c.

    Returns:
        Permutations (K, h·w), and the signs of the rotation (rounds·K·c, h, w), None where the
        release leaves its code as it is: what `scatter_code` and `gather_code` take.

    Raises:
        KeyFileError: `key` is verify-only.
    """
    rows, columns = grid
    signs = None
    if options.keyed_signs:
        signs = code_signs(key, image_id, rows, columns, SIGN_ROUNDS * channels)
    return code_permutations(key, image_id, rows, columns), signs


def scatter_code(code: Array, permutations: Permutations, signs: Signs | None = None) -> Array:
    """Turn the code and put it where it is hidden, (K·c, h, w); its opposite: `gather_code`."""
    turned = code if signs is None else rotate(code, signs, DESCRIPTIONS)
    return np.concatenate(
        [
            part.reshape(len(part), -1)[:, permutation].reshape(part.shape)
            for part, permutation in zip(_descriptions(turned), permutations, strict=True)
        ]
    )


def gather_code(
    revealed: Array, erased: Array, permutations: Permutations, signs: Signs | None = None
) -> Array:
    """Bring every description home and mark what survived.

    Args:
        revealed: (K·c, h, w), the code as it lies scattered.
        erased: (1, h, w), 1 where a block was tampered with or lies outside the picture.
        permutations: (K, h·w), the permutations that scattered the descriptions.
        signs: (rounds·K·c, h, w), the signs of the rotation it was scattered with, if any.

    Returns:
        (K·(c + 1), h, w): each description, within ±3, and its flag, 1 where the code survived.
    """
    kept = 1 - erased
    pairs = zip(_descriptions(revealed), permutations, strict=True)
    home = np.concatenate([_home(code, permutation) for code, permutation in pairs])
    if signs is not None:
        home = rotate_back(home, signs, DESCRIPTIONS)
    parts = []
    # Turned code may honestly lie beyond ±3, so the limit is for what comes back.
    for code, permutation in zip(_descriptions(home.clip(-3, 3)), permutations, strict=True):
        flag = _home(kept, permutation)
        parts += [code * flag, flag]
    return np.concatenate(parts)


def find_code(
    options: Options, key: Key, image_id: int, revealed: Array, inside: NDArray[np.bool_]
) -> HiddenCode:
    """Gather all the code that a picture was published with.

    Args:
        options: Of the release.
        key: A full key.
        image_id: The picture's id.
        revealed: (K·c, h, w), the revealed code.
        inside: (h, w), True where the whole block is part of the picture.

    Raises:
        KeyFileError: `key` is verify-only.
    """
    permutations, signs = code_keying(options, key, image_id, inside.shape, len(revealed))
    outside = np.float32(1) - inside[None]
    return HiddenCode(gather_code(revealed, outside, permutations, signs), permutations)


def code_clues(codes: Array, visible: Array) -> Array:
    """Where the hidden copy and the visible picture disagree, in code space.

    Args:
        codes: (K·(c + 1), h, w), gathered, only blocks outside the picture erased.
        visible: (K·c, h, w), the code of the received picture itself.

    Returns:
        (2·K·c, h, w): difference and product, clamped to ±3. Code that was never published is
        taken to agree, like the template there: it is no evidence of tampering.
    """
    parts = []
    for hidden, seen in zip(_descriptions(codes), _descriptions(visible), strict=True):
        parts.append(np.where(hidden[-1] > 0, hidden[:-1], seen))
    gathered = np.concatenate(parts)
    return np.concatenate([gathered - visible, gathered * visible]).clip(-3, 3)


def _descriptions(channels: Array) -> list[Array]:
    return np.split(channels, DESCRIPTIONS)


def _home(scattered: Array, permutation: NDArray[np.int64]) -> Array:
    """Undo one description's permutation of (C, h, w)."""
    home = np.empty_like(scattered).reshape(len(scattered), -1)
    home[:, permutation] = scattered.reshape(len(scattered), -1)
    return home.reshape(scattered.shape)


def render(engine: Engine, image: Array, codes: Array) -> Array:
    """Render the hidden copy (3, H, W) in [0, 1] from gathered codes."""
    blind = np.ones((1, *image.shape[1:]), np.float32)
    return engine.recover(image, blind, codes).clip(0, 1)


def compare(engine: Engine, image: Array, mask: NDArray[np.bool_], codes: Array) -> Comparison:
    """Compare hidden copy and visible picture on a sample of windows, least tampered first.

    Args:
        engine: The networks.
        image: (3, H16, W16), the received picture.
        mask: (H16, W16), True where tampered or outside the picture.
        codes: (26, h, w), gathered code.
    """
    hidden, visible, masked = [], [], []
    for top, left, height, width in _windows(mask):
        rows, columns = slice(top, top + height), slice(left, left + width)
        blocks = codes[
            :, top // BLOCK : (top + height) // BLOCK, left // BLOCK : (left + width) // BLOCK
        ]
        seen = image[:, rows, columns]
        copy = render(engine, seen, blocks)
        hidden.append(_detail(copy))
        visible.append(_detail(seen))
        masked.append(_cells(mask[None, rows, columns].astype(np.float32))[0].ravel())
    kept = np.concatenate(masked) <= MOST_MASKED
    if kept.sum() < FEWEST_CELLS:
        return Comparison(correlation=None, difference=None)
    (a, plain_a), (b, plain_b) = (
        tuple(np.concatenate(part, axis=1)[:, kept] for part in zip(*side, strict=True))
        for side in (hidden, visible)
    )
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    correlation = float((a * b).sum()) / spread if spread > 0 else 0.0
    return Comparison(correlation=correlation, difference=float(np.abs(plain_a - plain_b).mean()))


def _windows(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Choose windows (top, left, height, width): the least tampered, spread over the picture."""
    height, width = mask.shape
    side = (min(WINDOW, height), min(WINDOW, width))
    tops = range(0, height - side[0] + 1, side[0])
    lefts = range(0, width - side[1] + 1, side[1])
    places = [(top, left, *side) for top in tops for left in lefts]
    count = min(len(places), max(FEWEST_WINDOWS, len(places) // SAMPLED_SHARE), MOST_WINDOWS)
    # A fixed shuffle before a stable sort spreads the equally clean windows over the picture.
    places = [places[i] for i in np.random.default_rng(0).permutation(len(places))]
    tampered = [mask[t : t + h, x : x + w].mean() for t, x, h, w in places]
    return [places[i] for i in np.argsort(tampered, kind="stable")[:count]]


def _cells(image: Array) -> Array:
    """Average over 16x16 pixels: (C, H, W) to (C, H/16, W/16)."""
    channels, height, width = image.shape
    split = image.reshape(channels, height // CELL, CELL, width // CELL, CELL)
    averages: Array = split.mean((2, 4))
    return averages


def _detail(image: Array) -> tuple[Array, Array]:
    """Cells without their local mean, and the cells themselves, each (3, number of cells)."""
    cells = _cells(image)
    local = cells - ndimage.uniform_filter(cells, (0, LOCAL_CELLS, LOCAL_CELLS))
    return local.reshape(3, -1), cells.reshape(3, -1)
