"""The edge map that is hidden beside a picture: Canny's, batched, on the picture's device.

    grey ─► Gaussian, sigma 2 ─► Sobel ─► local maxima along the gradient ─► > 0.2, or > 0.1 and
                                                                             joined to one > 0.2

Thresholds, borders and the interpolation between neighbours are those of skimage.feature.canny with
its defaults, against which tests/model/test_imuge_plus_edges.py holds it. One thing differs: weak
edges are followed for a fixed number of pixels, so that no shape or loop depends on the picture and
a CUDA graph can record it. After Canny 1986, doi:10.1109/TPAMI.1986.4767851.
"""

from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

SIGMA = 2.0  # pixels
RADIUS = 8  # pixels, four sigmas
GREY_FROM_RGB = (0.2125, 0.7154, 0.0721)  # Rec. 709, as skimage.color.rgb2gray
WEAK, STRONG = 0.1, 0.2  # length of Sobel's gradient, whose weights sum to 4 on either side
FOLLOWED = 64  # pixels along a weak edge


@torch.no_grad()
def edge_map(image: Tensor) -> Tensor:
    """Find the edges of pictures.

    Args:
        image: (B, 3, H, W) float RGB in [0, 1].

    Returns:
        (B, 1, H, W) float32: 1 on an edge and 0 elsewhere, the border always 0; without gradient.
    """
    with torch.autocast(image.device.type, enabled=False):
        red, green, blue = image.float().chunk(3, 1)
        weights = GREY_FROM_RGB
        smooth = _smooth(weights[0] * red + weights[1] * green + weights[2] * blue)
    down, across = _gradient(smooth)
    length = torch.hypot(down, across)
    thin = _inside(_is_longest(length, down, across))
    weak = (thin & (length >= WEAK)).float()
    edges = weak * (length >= STRONG)
    for _ in range(FOLLOWED):
        edges = torch.minimum(F.max_pool2d(edges, 3, 1, 1), weak)
    return edges


def _smooth(grey: Tensor) -> Tensor:
    """Blur (B, 1, H, W); beyond the border lies nothing, which counts for nothing."""
    kernel = _gaussian(grey.device)

    def blur(picture: Tensor) -> Tensor:
        rows = F.conv2d(picture, kernel.view(1, 1, -1, 1), padding=(RADIUS, 0))
        return F.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, RADIUS))

    return blur(grey) / blur(torch.ones_like(grey[:1]))


@cache
def _gaussian(device: torch.device) -> Tensor:
    """The kernel, (17,), kept for each device: a copy to a GPU may not be recorded."""
    # Made under inference mode, it could not take part in training later.
    with torch.inference_mode(False):
        places = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
        weights = torch.exp(-places.square() / (2 * SIGMA**2))
        return (weights / weights.sum()).float().to(device)


def _gradient(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's differences downwards and to the right, borders repeated; each (B, 1, H, W)."""
    around = F.pad(picture, [1] * 4, mode="replicate")
    sums = around[..., :-2] + 2 * around[..., 1:-1] + around[..., 2:]
    down = sums[..., 2:, :] - sums[..., :-2, :]
    sums = around[..., :-2, :] + 2 * around[..., 1:-1, :] + around[..., 2:, :]
    return down, sums[..., 2:] - sums[..., :-2]


def _is_longest(length: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Where the gradient is no shorter than one step along it, in both directions; (B, 1, H, W).

    The length one step away is interpolated between a straight and a diagonal neighbour.
    """
    height, width = length.shape[-2:]
    around = F.pad(length, [1] * 4)

    def neighbour(i: int, j: int) -> Tensor:
        return around[..., 1 + i : 1 + i + height, 1 + j : 1 + j + width]

    steep = down.abs() >= across.abs()
    falling = (down >= 0) == (across >= 0)  # the gradient points down right, or up left
    longer = torch.maximum(down.abs(), across.abs())
    share = torch.minimum(down.abs(), across.abs()) / longer.clamp(min=torch.finfo().tiny)
    longest = torch.ones_like(steep)
    for side in (-1, 1):
        straight = torch.where(steep, neighbour(side, 0), neighbour(0, side))
        rising = torch.where(steep, neighbour(side, -side), neighbour(-side, side))
        diagonal = torch.where(falling, neighbour(side, side), rising)
        longest = longest & (length >= torch.lerp(straight, diagonal, share))
    return longest


def _inside(chosen: Tensor) -> Tensor:
    """The same but for the border, which is never chosen."""
    return F.pad(chosen[..., 1:-1, 1:-1], [1] * 4)
