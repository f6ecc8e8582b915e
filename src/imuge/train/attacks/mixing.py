"""Which sample of a batch meets which attack, settled before any attack runs.

A batch is divided into groups, one for each kind of attack. Who belongs to which group is drawn on
the device and how many belong to it is known beforehand, so shapes never depend on what was drawn:
a whole training step can be recorded once and replayed (CUDA graphs).
"""

import random
from collections.abc import Sequence

import torch
from torch import Tensor

Group = Tensor  # (n,) int64, the numbers of the samples in it


def assign(
    shares: Sequence[float],
    batch: int,
    *,
    device: torch.device,
    chooser: random.Random | None = None,
) -> tuple[Group, ...]:
    """Divide a batch among kinds of attack.

    Args:
        shares: Wanted share of each kind, 0 or more, in any unit.
        batch: Samples in the batch.
        device: Where the groups shall lie.
        chooser: Draws how many samples each kind gets. None means the same numbers every time,
            the nearest to the shares; in a small batch rare kinds then never get their turn.

    Returns:
        One group a kind. Every sample is in exactly one; their order is random.

    Raises:
        ValueError: no share is above 0.
    """
    total = sum(shares)
    if not total > 0 or min(shares) < 0:
        raise ValueError(f"expected shares of 0 or more, one above 0, got {list(shares)}")
    order = torch.rand(batch, device=device).argsort()
    return torch.split(order, _counts([share / total for share in shares], batch, chooser))


def join(first: Sequence[Group], second: Sequence[Group], offset: int) -> tuple[Group, ...]:
    """The groups of two batches laid one behind the other; the first has `offset` samples."""
    return tuple(torch.cat([a, b + offset]) for a, b in zip(first, second, strict=True))


def _counts(shares: list[float], batch: int, chooser: random.Random | None) -> list[int]:
    """Whole numbers that add up to `batch`: the nearest, or right on the average."""
    counts = [int(share * batch) for share in shares]
    rest = [share * batch - count for share, count in zip(shares, counts, strict=True)]
    left = batch - sum(counts)
    kinds = range(len(shares))
    if chooser is None:
        extra = sorted(kinds, key=lambda kind: -rest[kind])[:left]
    else:
        extra = chooser.choices(kinds, rest, k=left) if left else []
    for kind in extra:
        counts[kind] += 1
    return counts
