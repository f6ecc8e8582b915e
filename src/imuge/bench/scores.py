"""Metrics as plain functions. Masks are True where tampered; pictures are uint8 (H, W, 3)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.results import Pixels

Mask = NDArray[np.bool_]
SSIM_WINDOW = 7
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # fine to coarse, Wang et al. 2003
GAUSS_RADIUS, GAUSS_SIGMA = 5, 1.5  # an 11x11 window
GAUSS_SIDE = 2 * GAUSS_RADIUS + 1
STABLE = (0.01**2, 0.03**2)  # C1 and C2 for pixels in [0, 1]


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
    c1, c2 = STABLE
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(index.mean())


def ms_ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity over up to five scales, averaged over channels; in [0, 1].

    After Wang, Simoncelli and Bovik 2003: contrast and structure at every scale, luminance at the
    coarsest, each to the power of its weight; Gaussian window of 11x11 pixels and sigma 1.5, where
    it lies wholly inside; halved by averaging 2x2 pixels, an odd last row or column left out. A
    negative term counts as 0. The window must fit into the coarsest scale, so five need 176 pixels
    on the shorter side; below that there are as many as fit, their weights raised to the same sum.

    Args:
        a: (H, W, 3).
        b: (H, W, 3).

    Raises:
        ValueError: the shapes differ, or a side is shorter than the window's 11 pixels.
    """
    if a.shape != b.shape or min(a.shape[:2]) < GAUSS_SIDE:
        raise ValueError(
            f"expected two pictures of one size, {GAUSS_SIDE} pixels or more, "
            f"got {a.shape} and {b.shape}"
        )
    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255
    scales = min(len(SCALE_WEIGHTS), (min(a.shape[:2]) // GAUSS_SIDE).bit_length())
    kept = SCALE_WEIGHTS[:scales]
    weights = np.array(kept) * (sum(SCALE_WEIGHTS) / sum(kept))
    product = np.ones(a.shape[2])
    for scale, weight in enumerate(weights):
        if scale:
            x, y = _halved(x), _halved(y)
        luminance, structure = _gaussian_terms(x, y)
        term = luminance * structure if scale == scales - 1 else structure
        product *= term.mean((0, 1)).clip(min=0) ** weight
    return float(product.mean())


def _gaussian_terms(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luminance, and contrast times structure, of every window: both (H - 10, W - 10, 3)."""
    offsets = np.arange(-GAUSS_RADIUS, GAUSS_RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * GAUSS_SIGMA**2))
    window /= window.sum()
    inner = slice(GAUSS_RADIUS, -GAUSS_RADIUS)

    def local(z: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = ndimage.correlate1d(z, window, axis=0)[inner]
        both: NDArray[np.float64] = ndimage.correlate1d(rows, window, axis=1)[:, inner]
        return both

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = STABLE
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)


def _halved(z: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = z.shape[0] // 2, z.shape[1] // 2
    blocks = z[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    halved: NDArray[np.float64] = blocks.mean((1, 3))
    return halved


def f1(predicted: Mask, true: Mask) -> float:
    """Harmonic mean of precision and recall of tampered pixels; 1 where both are empty."""
    total = int(predicted.sum()) + int(true.sum())
    return 1.0 if total == 0 else float(2 * (predicted & true).sum() / total)
