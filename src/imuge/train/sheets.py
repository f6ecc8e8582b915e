"""Sample sheets: what a batch went through, one sample a column."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from imuge.train.trial import Seen

SAMPLES = 8
RESIDUAL_GAIN = 10  # how much the change made by immunizing is enlarged
LARGEST_SIDE = 192  # pixels of one picture on a sheet
ROWS = ("host", "immunized", "residual x10", "received", "mask", "probability", "recovered")


def sheet(seen: Seen) -> NDArray[np.uint8]:
    """Lay a batch out, a row for each of `ROWS`, at most eight samples.

    Returns:
        (rows · side, samples · side, 3) uint8.
    """
    found = torch.sigmoid(seen.logits)
    shown = torch.where(found > 0.5, seen.recovered, seen.received)
    residual = 0.5 + RESIDUAL_GAIN * (seen.published - seen.hosts)
    rows = (seen.hosts, seen.published, residual, seen.received, seen.mask, found, shown)
    side = min(LARGEST_SIDE, seen.hosts.shape[-1])
    # Spread over the batch: neighbours are crops of one scale.
    count = min(SAMPLES, len(seen.hosts))
    chosen = torch.arange(count, device=seen.hosts.device) * len(seen.hosts) // count
    strips = []
    for row in rows:
        small = F.interpolate(row[chosen].float(), size=(side, side), mode="area")
        strips.append(small.expand(-1, 3, -1, -1).permute(2, 0, 3, 1).reshape(side, -1, 3))
    pixels = (torch.cat(strips).clamp(0, 1) * 255).round().byte()
    return pixels.cpu().numpy()
