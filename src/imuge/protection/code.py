"""The hidden code: what a picture tells of itself, how a key scatters it, and what comes home.

    code (24, h, w) ─► turned, scattered ─► hidden … revealed ─► gathered home ─► HiddenCode

Two descriptions of every block, 12 numbers each, are hidden at two other places of the picture;
where a place was tampered with, one of them is lost (erased) and the other is likely to be left.
Releases with `code_evidence` compare what came home with the received picture's own code
(`code_clues`): where the two disagree, that tells the localizer what changed.

Conventions: float32 (C, h, w) on the grid of 8x8 blocks; masks are True and 1 where tampered.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imuge.engine.canvas import BLOCK
from imuge.keys import DESCRIPTIONS, Key, code_permutations, code_signs
from imuge.keys.rotation import SIGN_ROUNDS, rotate, rotate_back
from imuge.weights import Options

Array = NDArray[np.float32]
Permutations = NDArray[np.int64]
Signs = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class HiddenCode:
    """The code of a received picture, every description at home with its flags."""

    codes: Array  # (K·(c + 1), h, w), as `gather_code` gives it
    permutations: Permutations  # (K, h·w)

    def without(self, erased: Array) -> Array:
        """The codes less what lay in further blocks, (1, h, w), 1 where tampered."""
        kept = 1 - erased
        parts = zip(descriptions(self.codes), self.permutations, strict=True)
        return np.concatenate([part * bring_home(kept, permutation) for part, permutation in parts])


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
    """Turn the code and put it where it is hidden, (K·c, h, w); its opposite: `gather_code`.

    There are as many permutations as equal parts of the code.
    """
    turned = code if signs is None else rotate(code, signs, DESCRIPTIONS)
    parts = zip(np.split(turned, len(permutations)), permutations, strict=True)
    return np.concatenate(
        [part.reshape(len(part), -1)[:, places].reshape(part.shape) for part, places in parts]
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
    pairs = zip(descriptions(revealed), permutations, strict=True)
    home = np.concatenate([bring_home(code, permutation) for code, permutation in pairs])
    if signs is not None:
        home = rotate_back(home, signs, DESCRIPTIONS)
    parts = []
    # Turned code may honestly lie beyond ±3, so the limit is for what comes back.
    for code, permutation in zip(descriptions(home.clip(-3, 3)), permutations, strict=True):
        flag = bring_home(kept, permutation)
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


def survived(codes: Array) -> NDArray[np.bool_]:
    """(h, w): True where any description of a block is left of gathered codes."""
    left = np.zeros(codes.shape[1:], bool)
    for part in descriptions(codes):
        left |= part[-1] > 0
    return left


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
    for hidden, seen in zip(descriptions(codes), descriptions(visible), strict=True):
        parts.append(np.where(hidden[-1] > 0, hidden[:-1], seen))
    gathered = np.concatenate(parts)
    return np.concatenate([gathered - visible, gathered * visible]).clip(-3, 3)


def descriptions(channels: Array) -> list[Array]:
    """The numbers of each description, of (K·c, h, w)."""
    return np.split(channels, DESCRIPTIONS)


def bring_home(scattered: Array, permutation: NDArray[np.int64]) -> Array:
    """Undo one description's permutation of (C, h, w)."""
    home = np.empty_like(scattered).reshape(len(scattered), -1)
    home[:, permutation] = scattered.reshape(len(scattered), -1)
    return home.reshape(scattered.shape)
