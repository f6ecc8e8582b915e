"""The Haar transform: halves a picture's sides and quadruples its channels, and exactly undone.

    a b       (a + b + c + d) / 2   mean              The four bands of all channels follow each
    c d  ──►  (a - b + c - d) / 2   left and right    other: first every mean, then every
              (a + b - c - d) / 2   top and bottom    left-and-right, and so on. Orthonormal and
              (a - b - c + d) / 2   diagonal          symmetric, so its own inverse.

In float32, whatever the networks around it compute in.
"""

from torch import Tensor, cat, stack


def haar_down(x: Tensor) -> Tensor:
    """(B, C, H, W), H and W even, to (B, 4C, H/2, W/2), of the same norm."""
    top, bottom = x[..., ::2, :], x[..., 1::2, :]
    corners = (top[..., ::2], top[..., 1::2], bottom[..., ::2], bottom[..., 1::2])
    return cat(_butterfly(corners), 1)


def haar_up(bands: Tensor) -> Tensor:
    """(B, 4C, h, w) back to (B, C, 2h, 2w): undoes `haar_down`."""
    a, b, c, d = _butterfly(bands.chunk(4, 1))
    return stack([stack([a, b], -1).flatten(-2), stack([c, d], -1).flatten(-2)], -2).flatten(-3, -2)


def _butterfly(four: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The 4x4 Hadamard matrix over 2, by sums and differences."""
    a, b, c, d = four
    top, bottom, left, right = a + b, c + d, a - b, c - d
    return (top + bottom) / 2, (left + right) / 2, (top - bottom) / 2, (left - right) / 2
