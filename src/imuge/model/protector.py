"""Networks as they are used, whatever their architecture: protect a picture, examine a copy.

    host ─ protect ─► published … received ─ examine ─► probability, mask ─ restore ─► picture

For measuring: validation while training, and the bench. The product itself runs exported graphs
(`imuge.guard`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

Secret = TypeVar("Secret")  # what examining needs beside the picture, as a key would draw it
Read = TypeVar("Read", bound="Examined")


@dataclass(frozen=True, slots=True)
class Protected(Generic[Secret]):
    """A picture as it is published."""

    picture: Tensor  # (1, 3, H, W) RGB in [0, 1], multiples of 1/255
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a received picture gives away."""

    received: Tensor  # (1, 3, H, W)
    probability: Tensor  # (1, 1, H, W), of having been tampered with
    mask: Tensor  # (1, 1, H, W) of 0 and 1, 1 = tampered, at the plain working point


class Protector(ABC, Generic[Secret, Read]):
    """One system. Pictures are float32 (1, 3, H, W), RGB in [0, 1], sides in multiples of 16."""

    @abstractmethod
    def protect(self, host: Tensor) -> Protected[Secret]:
        """Immunize a picture, with a secret drawn by torch's default generator if it has one."""

    @abstractmethod
    def examine(self, received: Tensor, secret: Secret) -> Read:
        """Find what was changed in a copy of a picture published with this secret."""

    @abstractmethod
    def restore(self, examined: Read, mask: Tensor) -> Tensor:
        """The received picture with what was there before inside a mask.

        Args:
            examined: The received picture.
            mask: (1, 1, H, W) of 0 and 1, 1 = to be recovered: the one found, or the true one.

        Returns:
            (1, 3, H, W), clamped to [0, 1]; outside the mask it is the received picture.
        """

    def inspect(self, examined: Read, host: Tensor) -> dict[str, float]:
        """What else can be measured on an untouched copy, by name; nothing unless overridden."""
        del examined, host
        return {}


def to_8_bits(picture: Tensor) -> Tensor:
    """What a file holds: clamped to [0, 1] and rounded to multiples of 1/255."""
    return (picture.clamp(0, 1) * 255).round() / 255


def blend(received: Tensor, recovered: Tensor, mask: Tensor) -> Tensor:
    """The recovered picture, clamped, inside the mask and the received one outside."""
    return torch.where(mask > 0, recovered.clamp(0, 1), received)
