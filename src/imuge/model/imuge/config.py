"""What defines a network; stored beside its weights, so weights rebuild their network.

A setting that a file does not name has its default, which is what the shipped release has.
Numbers of channels in the docstrings of the networks are those of the defaults.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

from imuge.errors import ConfigError
from imuge.model.networks_config import NetworksConfig

LOCALIZERS = ("network", "threshold")
BEACON_CHANNELS = 2  # the first of the template's; their message is one bit a block


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig(NetworksConfig):
    """Sizes of the five networks, and which evidence and secrets they work with."""

    architecture: ClassVar[str] = "imuge"

    block: int = 8  # side of a DCT block, pixels
    descriptions: int = 2  # independent copies of the recovery code
    code_channels: int = 12  # numbers a block and description
    template_channels: int = 6  # keyed ±1 numbers a block
    coupling_blocks: int = 4
    coupling_width: int = 256
    encoder_width: int = 160
    encoder_blocks: int = 3
    recoverer_width: int = 160
    recoverer_blocks: int = 6
    recoverer_fine_width: int = 48  # at 1/2 of the picture's size; twice that at 1/4
    recoverer_fine_blocks: int = 2  # on the way up, at 1/4 and at 1/2
    localizer_width: int = 32
    localizer_blocks: int = 3  # at 1/8, and as many at 1/16
    keyed_signs: bool = False  # each block's code is turned by keyed signs (payload.py)
    numbers_apart: bool = False  # each number of the code is scattered by a permutation of its own
    code_evidence: bool = False  # the localizer compares the hidden copy with the picture
    template_scales: tuple[int, ...] = (1, 1, 1, 1, 1, 1)  # blocks on a side that share a sign
    # Parts taken away, to learn what each brings (configs/variants/ablations.toml).
    keyed_template: bool = True  # else +1 in every channel and block of every picture
    scattered: bool = True  # else a block's code is hidden in the block itself
    localizer: str = "network"  # or "threshold": no network but two trained numbers
    template_evidence: bool = True  # else the localizer is not shown the template

    def __post_init__(self) -> None:
        """Refuse settings that build no network.

        Raises:
            ConfigError: a setting is out of range, or does not go with another.
        """
        if self.block != 8:
            raise ConfigError(f"expected block = 8, the JPEG block, got {self.block}")
        for item in fields(self):
            if item.type is int and (value := getattr(self, item.name)) < 1:
                raise ConfigError(f"expected {item.name} to be a positive integer, got {value}")
        self._check_scales()
        self._check_localizer()
        if self.numbers_apart and (self.keyed_signs or not self.scattered):
            raise ConfigError(
                "expected scattered without keyed_signs with numbers_apart: what lies in as many "
                f"places cannot be turned together, got scattered = {self.scattered}, keyed_signs "
                f"= {self.keyed_signs}"
            )

    def _check_scales(self) -> None:
        scales = self.template_scales
        if any(scale < 1 for scale in scales):
            raise ConfigError(f"expected template_scales to be positive integers, got {scales}")
        if len(scales) != self.template_channels:
            raise ConfigError(
                f"expected one of template_scales for each of {self.template_channels} "
                f"template_channels, got {len(scales)}"
            )
        if any(scale != 1 for scale in scales[:BEACON_CHANNELS]):
            raise ConfigError(
                f"expected template_scales to begin with 1, 1: the beacon carries a message bit "
                f"in every block, got {scales}"
            )
        if not self.keyed_template and max(scales) > 1:
            raise ConfigError(
                f"expected template_scales of 1 without keyed_template, which has no signs to "
                f"share, got {scales}"
            )

    def _check_localizer(self) -> None:
        if self.localizer not in LOCALIZERS:
            raise ConfigError(
                f"expected localizer to be one of {', '.join(LOCALIZERS)}, got {self.localizer!r}"
            )
        if self.localizer == "threshold" and (self.code_evidence or not self.template_evidence):
            raise ConfigError(
                "expected template_evidence and no code_evidence with localizer = threshold, which "
                f"looks at the template alone, got template_evidence = {self.template_evidence}, "
                f"code_evidence = {self.code_evidence}"
            )

    @property
    def total_code_channels(self) -> int:
        """Code numbers a block over all descriptions."""
        return self.descriptions * self.code_channels

    @property
    def permutations(self) -> int:
        """How many scatter the code, each an equal part of its numbers."""
        return self.total_code_channels if self.numbers_apart else self.descriptions

    @property
    def payload_channels(self) -> int:
        """Hidden numbers a block: all descriptions, then the template."""
        return self.total_code_channels + self.template_channels

    @property
    def evidence_channels(self) -> int:
        """Numbers a block of what the payload tells the localizer."""
        template = 2 * self.template_channels if self.template_evidence else 0
        return template + self.total_code_channels

    @property
    def clue_channels(self) -> int:
        """Numbers a block that `code_evidence` adds to what the localizer sees."""
        return 2 * self.total_code_channels
