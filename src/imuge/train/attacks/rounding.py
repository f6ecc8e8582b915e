"""Rounding that gradients pass through.

A file holds whole numbers, so an attack must round; the derivative of rounding is 0, so training
would stop there. Forward the value is rounded, backward it is as if nothing had happened
("straight-through", Bengio et al. 2013, arXiv:1308.3432). Clamping is passed through in the same
way: a pixel that is clipped in one attack is still pulled back inside by the others.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class _Straight(torch.autograd.Function):
    """One tensor's value and another one's gradient; exact, and no kernel of its own."""

    @staticmethod
    def forward(_ctx: FunctionCtx, value: Tensor, _source: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(_ctx: FunctionCtx, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gradient


def straight_through(value: Tensor, source: Tensor) -> Tensor:
    """Return `value` with the gradient of `source`; both have the same shape."""
    result: Tensor = _Straight.apply(value, source)  # type: ignore[no-untyped-call]
    return result


def floor_through(
    x: Tensor,
    bias: float | Tensor = 0.5,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Tensor:
    """Round down after adding `bias`, clamp, and keep the gradient of `x`.

    Args:
        x: Any shape.
        bias: What is added first; 0.5 rounds to the nearest, halves up.
        low: Least value of the result; None means any.
        high: Greatest value of the result; None means any.
    """
    value = (x.detach() + bias).floor_()
    if low is not None or high is not None:
        value.clamp_(low, high)
    return straight_through(value, x)


def round_to_8_bits(picture: Tensor) -> Tensor:
    """What an 8-bit file keeps: clamped to [0, 1], rounded to 1/255; the gradient is the identity.

    Args:
        picture: Any shape, RGB in [0, 1] or somewhat beyond.
    """
    return straight_through(picture.detach().clamp(0, 1).mul_(255).round_().div_(255), picture)
