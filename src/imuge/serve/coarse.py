"""The answer for the role `verify-coarse`: where a picture changed, in blocks and three levels.

Whoever may only look here gets nothing to tune an attack with: no probability, no p-value, no
exact outline and no reconstruction (docs/threat-model.md).
"""

from typing import Any

import numpy as np

from imuge.results import Verdict

SCHEMA = "imuge.verdict-coarse/1"
BLOCK = 32  # pixels on a side
LEVELS = 3  # 0 nothing reported, 1 a part of the block, 2 at least half of it


def coarse_record(verdict: Verdict) -> dict[str, Any]:
    """The verdict, its sentence without numbers finer than blocks, and the mask in blocks."""
    rows = coarse_mask(verdict.mask)
    return {
        "schema": SCHEMA,
        "verdict": verdict.verdict,
        "sentence": _SENTENCES[verdict.verdict],
        "width": verdict.width,
        "height": verdict.height,
        "coarse_mask": {"block": BLOCK, "levels": LEVELS, "rows": rows},
    }


def coarse_mask(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[list[int]]:
    """The share of changed pixels in each block, as a level.

    Args:
        mask: (H, W), True where the picture was tampered with.

    Returns:
        ceil(H / 32) rows of ceil(W / 32) levels, 0..2; a block cut by the edge counts the pixels
        that it has.
    """
    height, width = mask.shape
    down, across = -(-height // BLOCK), -(-width // BLOCK)
    padded = np.zeros((down * BLOCK, across * BLOCK), bool)
    padded[:height, :width] = mask
    inside = np.zeros_like(padded)
    inside[:height, :width] = True

    def counts(plane: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        blocks = plane.reshape(down, BLOCK, across, BLOCK).sum((1, 3), dtype=np.int64)
        return np.asarray(blocks)

    changed, area = counts(padded), counts(inside)
    levels = (changed > 0).astype(int) + (2 * changed >= area)
    rows: list[list[int]] = np.where(changed > 0, levels, 0).tolist()
    return rows


_SENTENCES = {
    "intact": "No change was found since the picture was protected.",
    "tampered": "The picture was changed since it was protected, in the blocks marked.",
    "degraded": "Protection was found, but it is too damaged to say more.",
    "foreign": "The protection found seems to belong to another picture.",
    "unprotected": (
        "No protection of the keys tried was found; that says nothing about whether the picture "
        "is true."
    ),
}
