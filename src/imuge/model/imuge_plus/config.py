"""What defines the networks of Imuge+; the defaults are the paper's sizes."""

from dataclasses import dataclass, fields
from typing import ClassVar

from imuge.errors import ConfigError
from imuge.model.networks_config import NetworksConfig

MOST_HALVINGS = 4  # pictures have sides that are multiples of 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugePlusConfig(NetworksConfig):
    """Sizes of the invertible network and of the localizer."""

    architecture: ClassVar[str] = "imuge_plus"

    haar_levels: int = 3  # halvings of the picture, each to four times the channels
    blocks_down: tuple[int, ...] = (2, 2, 2)  # couplings after each Haar transform
    blocks_middle: int = 4
    blocks_up: tuple[int, ...] = (2, 2, 0)  # couplings after each inverse Haar transform
    outer_width: int = 64  # channels inside the sub-nets on the way down and up
    outer_layers: int = 4  # gated layers in each of them
    growth: int = 32  # channels that a layer of the middle's dense sub-nets adds
    dense_layers: int = 5  # convolutions in each of them, with the last
    stem_channels: int = 16  # of the localizer's constrained convolution
    localizer_widths: tuple[int, ...] = (32, 64, 128)  # of its stages, each at half the size
    stage_layers: int = 3  # 3x3 convolutions of a stage, after the one that changes the size
    dilated_blocks: int = 4  # at the localizer's lowest stage
    dilation: int = 2  # of their first convolution, pixels

    def __post_init__(self) -> None:
        """Refuse settings that build no network.

        Raises:
            ConfigError: a setting has another type, is out of range, or does not go with another.
        """
        for item in fields(self):
            value = getattr(self, item.name)
            if item.type is int:
                if not _is_count(value) or value < 1:
                    raise ConfigError(
                        f"expected {item.name} to be a positive integer, got {value!r}"
                    )
            elif not isinstance(value, tuple) or not all(_is_count(number) for number in value):
                raise ConfigError(
                    f"expected {item.name} to be integers of 0 or more, got {value!r}"
                )
        if self.haar_levels > MOST_HALVINGS:
            raise ConfigError(
                f"expected at most {MOST_HALVINGS} haar_levels, as pictures have sides that are "
                f"multiples of {2**MOST_HALVINGS}, got {self.haar_levels}"
            )
        for name in ("blocks_down", "blocks_up"):
            if len(value := getattr(self, name)) != self.haar_levels:
                raise ConfigError(
                    f"expected a number in {name} for each of {self.haar_levels} haar_levels, "
                    f"got {value!r}"
                )
        if not 1 <= len(self.localizer_widths) <= MOST_HALVINGS or 0 in self.localizer_widths:
            raise ConfigError(
                f"expected localizer_widths to be 1 to {MOST_HALVINGS} positive integers, "
                f"got {self.localizer_widths!r}"
            )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
