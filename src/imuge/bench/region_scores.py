"""How well found regions are the true ones, counted by the region and not by the pixel.

A region is a set of pixels of a mask that touch at a side or a corner, as the product has it
(`verification.find_regions`). Two rules say when a found region is right:

    overlap  more than `share` of it is tampered; a true region is caught when more than `share` of
             it was marked, in however many pieces. After the area precision and recall of Wolf and
             Jolion 2006, which let a region be found in parts, or together with its neighbour.
    iou      one found and one true region share more than `share` of what either covers. From one
             half on no region can have two such partners, so nothing has to be assigned (Kirillov
             et al. 2019, Panoptic Segmentation; the bound of PASCAL VOC, Everingham et al. 2010).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.bench.scores import Mask

Rule = Literal["overlap", "iou"]
SHARE = 0.5


@dataclass(frozen=True, slots=True)
class RegionScores:
    """Counts of regions in one picture; add them up over pictures with `+`."""

    found: int
    right: int  # of the found ones
    true: int
    caught: int  # of the true ones

    @property
    def precision(self) -> float:
        """Right ones as a share of those found, 0..1; without any found: 1 if none was there."""
        return self.right / self.found if self.found else float(self.true == 0)

    @property
    def recall(self) -> float:
        """Caught ones as a share of those there, 0..1; without any there: 1 if none was found."""
        return self.caught / self.true if self.true else float(self.found == 0)

    def __add__(self, other: "RegionScores") -> "RegionScores":
        return RegionScores(
            self.found + other.found,
            self.right + other.right,
            self.true + other.true,
            self.caught + other.caught,
        )


def region_scores(
    predicted: Mask, true: Mask, *, rule: Rule = "overlap", share: float = SHARE
) -> RegionScores:
    """Count right and caught regions.

    Args:
        predicted: (H, W).
        true: (H, W).
        rule: See the module.
        share: What must be exceeded; in [0, 1), and for "iou" one half or more.

    Raises:
        ValueError: the masks differ in shape, or `share` is out of range.
    """
    if predicted.shape != true.shape:
        raise ValueError(f"expected masks of one shape, got {predicted.shape} and {true.shape}")
    least = 0.5 if rule == "iou" else 0.0
    if not least <= share < 1:
        raise ValueError(f"expected a share from {least} to below 1 for {rule}, got {share}")
    common = _common(predicted, true)
    found_sizes, true_sizes = common[1:].sum(1), common[:, 1:].sum(0)
    both = common[1:, 1:]
    if rule == "iou":
        either = found_sizes[:, None] + true_sizes[None] - both
        pairs = int((both > share * either).sum())
        right = caught = pairs
    else:
        right = int((both.sum(1) > share * found_sizes).sum())
        caught = int((both.sum(0) > share * true_sizes).sum())
    return RegionScores(len(found_sizes), right, len(true_sizes), caught)


def _common(predicted: Mask, true: Mask) -> NDArray[np.int64]:
    """How many pixels each found and each true region have in common; number 0 is no region."""
    touching = np.ones((3, 3))
    found, found_count = ndimage.label(predicted, structure=touching)
    there, true_count = ndimage.label(true, structure=touching)
    pairs = found.astype(np.int64) * (true_count + 1) + there
    counts = np.bincount(pairs.ravel(), minlength=(found_count + 1) * (true_count + 1))
    table: NDArray[np.int64] = counts.reshape(found_count + 1, true_count + 1)
    return table
