"""Parts of a frame, as the search for a crop's place hands them over.

    received ─ what lies outside of the window is filled by reflection, and known to be missing
    payload  ─ its template there as expected, its code erased and flagged

A window is four numbers a sample: rows from, to, columns from, to, in pixels. Nothing waits for the
device, so a step with windows can be recorded.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.model.transform import BLOCK

RIM = 8  # pixels inside a window's edge that are no evidence: what was reflected reaches there


def draw_windows(
    share: float, largest_cut: float, batch: int, side: int, *, device: torch.device
) -> Tensor:
    """Draw windows.

    Args:
        share: Of the samples that are cropped; the windows of the rest are whole.
        largest_cut: Of a side, at either end, below 0.5; half of the ends are not cut at all.
        batch: Samples.
        side: Of the pictures, pixels.
        device: Where the batch lies.

    Returns:
        (B, 4) int64: rows from, to, columns from, to.
    """
    dice = torch.rand(5, batch, device=device)
    cut = largest_cut * (2 * dice[:4] - 1).clamp_min(0) * (dice[4] < share)
    pixels = (side * cut).round().long()
    top, bottom, left, right = pixels.unbind()
    return torch.stack([top, side - bottom, left, side - right], 1)


def inside(windows: Tensor, height: int, width: int) -> Tensor:
    """(B, 1, H, W) float, 1 in the window and 0 outside."""
    top, bottom, left, right = windows[..., None].unbind(1)
    rows = torch.arange(height, device=windows.device)
    columns = torch.arange(width, device=windows.device)
    in_rows = (rows >= top) & (rows < bottom)
    in_columns = (columns >= left) & (columns < right)
    return (in_rows[:, :, None] & in_columns[:, None, :]).float()[:, None]


def reflected(pictures: Tensor, windows: Tensor) -> Tensor:
    """Fill what lies outside of the windows by reflection at their edges.

    Args:
        pictures: (B, C, H, W).
        windows: (B, 4).
    """
    top, bottom, left, right = windows[..., None].unbind(1)
    channels, height, width = pictures.shape[1:]
    rows = _folded(torch.arange(height, device=windows.device), top, bottom)
    columns = _folded(torch.arange(width, device=windows.device), left, right)
    pictures = pictures.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return pictures.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def known_blocks(within: Tensor) -> Tensor:
    """(B, 1, h, w), 1 where a block lies wholly in the window, from `inside`'s (B, 1, H, W)."""
    return 1 - F.max_pool2d(1 - within, BLOCK)


def counted(within: Tensor) -> Tensor:
    """(B, 1, H, W), 1 in the window without its rim; what is elsewhere is no region."""
    return 1 - F.max_pool2d(1 - within, 2 * RIM + 1, stride=1, padding=RIM)


def _folded(places: Tensor, first: Tensor, end: Tensor) -> Tensor:
    """Whole places between two mirrors, each standing beside a pixel: (B, N)."""
    length = end - first
    phase = (places - first).remainder(2 * length)
    return first + torch.minimum(phase, 2 * length - 1 - phase)
