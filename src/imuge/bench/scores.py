"""Metrics as plain functions. Masks are True where tampered; pictures are uint8 (H, W, 3)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.results import Pixels

Mask = NDArray[np.bool_]
SSIM_WINDOW = 7


def psnr_db(a: Pixels, b: Pixels, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio over all channels, decibels; 100 for equal pictures.

    Args:
        a: (H, W, 3).
        b: (H, W, 3).
        where: (H, W), only these pixels; None means all.
    """
    error = (a.astype(np.float64) - b.astype(np.float64)) ** 2
    mean = error.mean() if where is None else error[where].mean()
    return float(min(100.0, 10 * np.log10(255**2 / max(mean, 1e-12))))


def ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity with a uniform 7x7 window, averaged over pixels and channels.

    After Wang et al. 2004, with biased variances, as model.md's figures have it.
    """
    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255

    def local(z: NDArray[np.float64]) -> NDArray[np.float64]:
        inner = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
        blurred: NDArray[np.float64] = ndimage.uniform_filter(z, (SSIM_WINDOW, SSIM_WINDOW, 0))
        return blurred[inner, inner]

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(index.mean())


def f1(predicted: Mask, true: Mask) -> float:
    """Harmonic mean of precision and recall of tampered pixels; 1 where both are empty."""
    total = int(predicted.sum()) + int(true.sum())
    return 1.0 if total == 0 else float(2 * (predicted & true).sum() / total)
