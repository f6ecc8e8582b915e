"""The reference grid against a copy: whether, and where, it is not what was published.

Whoever has a clean copy can read its protection, edit the picture and embed the protection again;
the mark then agrees with the edit. The grid that the registry took at publication does not, and it
needs no key. The copy is brought to its frame first (`imuge.protection.verify.on_frame`).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.protection.verify import OnFrame
from imuge.protection.warp import unwarp
from imuge.registry import GridComparison, compare_grids, reference_grid
from imuge.registry.records import GRID_SIDE
from imuge.results import Region

Mask: TypeAlias = NDArray[np.bool_]

# docs/scores/reference.md: honest copies of training pictures stay below 13 (sharpened ones are the
# worst; scaling, cropping and saving alone below 4), and other pictures differ in more than half of
# the cells.
DIFFERENCE = 16.0  # grey levels above which a cell is not what was published
NEARLY_EVERYWHERE = 0.25  # share of the cells from which it is another picture
BLEED = 2  # cells around a change that the 3x3 mean carries it to


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A copy held against the grid of its record."""

    comparison: GridComparison

    @property
    def maximum(self) -> float:
        """The largest difference, grey levels."""
        return self.comparison.maximum

    @property
    def agrees(self) -> bool:
        """Whether no cell differs by more than honest processing makes."""
        return self.maximum <= DIFFERENCE

    @property
    def is_another(self) -> bool:
        """Whether so much differs that it is no edit but another picture."""
        return self.comparison.share_above(DIFFERENCE) >= NEARLY_EVERYWHERE

    @property
    def cells(self) -> Mask:
        """(64, 64), True where the copy is not what was published."""
        return np.abs(np.nan_to_num(self.comparison.difference)) > DIFFERENCE


def compare_reference(grid: bytes, copy: OnFrame) -> Reference | None:
    """Compare a copy with the grid kept at its publication.

    Args:
        grid: 64x64 bytes, as `imuge.registry.Evidence` has it.
        copy: On its frame.

    Returns:
        None where the copy shows too little to be compared.
    """
    kept = np.frombuffer(grid, np.uint8).reshape(GRID_SIDE, GRID_SIDE)
    seen = None
    if not copy.shown.all():
        plane = np.where(copy.shown, np.uint8(255), np.uint8(0))
        seen = reference_grid(np.repeat(plane[..., None], 3, axis=2)) == 255
    found = compare_grids(kept, reference_grid(copy.pixels), seen)
    return None if found is None else Reference(comparison=found)


def regions_differing(
    reference: Reference, copy: OnFrame, known: Mask
) -> tuple[Mask, tuple[Region, ...]]:
    """Where a copy is not what was published, as far as `known` does not say so already.

    Args:
        reference: Of the copy.
        copy: On its frame.
        known: (H, W) of the copy, True where the mark shows a change.

    Returns:
        (H, W) of the copy, True where it differs beyond those places; and the pieces of it, largest
        first, as coarse as the grid's cells.
    """
    cells, place = reference.cells, copy.placement
    rows, columns = (_cells_of(side) for side in copy.shown.shape)
    frame = cells[np.ix_(rows, columns)] & copy.shown
    mask = unwarp(frame.astype(np.float32), place) > 0.5
    if known.any():
        pixels = max(copy.shown.shape) / GRID_SIDE / place.scale  # of the copy, a cell's side
        wide = 2 * int(np.ceil(BLEED * pixels)) + 1
        mask &= ndimage.maximum_filter(known.astype(np.uint8), wide) == 0
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    regions = []
    for number, (down, across) in enumerate(ndimage.find_objects(labels), 1):
        area = int(np.count_nonzero(labels[down, across] == number))
        regions.append(
            Region(
                box=(across.start, down.start, across.stop, down.stop),
                area_pixels=area,
                area=area / mask.size,
                mean_probability=None,
                found_by="reference",
                kind="protected again",
                content="differs",
            )
        )
    return mask, tuple(sorted(regions, key=lambda region: -region.area_pixels))


def _cells_of(side: int) -> NDArray[np.int64]:
    """The cell of every pixel along a side."""
    cells: NDArray[np.int64] = ((np.arange(side) + 0.5) * GRID_SIDE / side).astype(np.int64)
    return cells
