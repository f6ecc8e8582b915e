"""RGB pixels to block-DCT coefficients of YCbCr, and back.

    (B, 3, H, W) RGB in [0, 1]  ──► JFIF YCbCr ──► orthonormal 8x8 DCT-II ──►  (B, 192, H/8, W/8)

Channel = plane · 64 + u · 8 + v, u vertical: exactly the numbers that JPEG quantizes. Colour and
DCT together are one linear map of a block, so each direction is one convolution of stride 8.
Always in float32: half precision here would cost a grey level.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

BLOCK = 8
# JFIF 1.02: Y, Cb, Cr from R, G, B, without the offset of 128.
YCBCR_FROM_RGB = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def dct_matrix(size: int = BLOCK) -> Tensor:
    """Orthonormal DCT-II, (size, size) float64: row u holds the u-th cosine."""
    u = torch.arange(size, dtype=torch.float64)
    cosines = torch.cos(math.pi * (2 * u[None] + 1) * u[:, None] / (2 * size))
    cosines *= math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines


class BlockTransform(nn.Module):
    """The fixed linear map between pixels and coefficients. It has no trained weights."""

    def __init__(self) -> None:
        super().__init__()
        basis = torch.einsum("ui,vj->uvij", dct_matrix(), dct_matrix())
        colour = torch.tensor(YCBCR_FROM_RGB, dtype=torch.float64)
        forward = torch.einsum("pc,uvij->puvcij", colour, basis)
        inverse = torch.einsum("cp,uvij->puvcij", torch.linalg.inv(colour), basis)
        shape = (3 * BLOCK * BLOCK, 3, BLOCK, BLOCK)
        self.forward_kernel: Tensor
        self.inverse_kernel: Tensor
        self.register_buffer("forward_kernel", forward.reshape(shape).float(), persistent=False)
        self.register_buffer("inverse_kernel", inverse.reshape(shape).float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], H and W multiples of 8, to (B, 192, H/8, W/8)."""
        return F.conv2d(image - 0.5, self.forward_kernel, stride=BLOCK)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """(B, 192, h, w) back to (B, 3, 8h, 8w) RGB, not clamped."""
        return F.conv_transpose2d(coefficients, self.inverse_kernel, stride=BLOCK) + 0.5
