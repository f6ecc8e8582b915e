"""What defines a network; stored beside its weights, so weights rebuild their network.

A setting that a file does not name has its default, which is what the release `lab.r3` is.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from imuge.errors import ConfigError

BEACON_CHANNELS = 2  # the first of the template's; their message is one bit a block


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Sizes of the five networks, and which evidence and secrets they work with."""

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
    code_evidence: bool = False  # the localizer compares the hidden copy with the picture
    template_scales: tuple[int, ...] = (1, 1, 1, 1, 1, 1)  # blocks on a side that share a sign

    def __post_init__(self) -> None:
        """Refuse settings that build no network.

        Raises:
            ConfigError: a setting has another type or is out of range.
        """
        if self.block != 8:
            raise ConfigError(f"expected block = 8, the JPEG block, got {self.block}")
        for item in fields(self):
            value = getattr(self, item.name)
            if item.type is bool:
                if not isinstance(value, bool):
                    raise ConfigError(f"expected {item.name} to be true or false, got {value!r}")
            elif item.type is int and not _is_size(value):
                raise ConfigError(f"expected {item.name} to be a positive integer, got {value!r}")
        self._check_scales()

    def _check_scales(self) -> None:
        scales = self.template_scales
        if not isinstance(scales, tuple) or not all(_is_size(scale) for scale in scales):
            raise ConfigError(f"expected template_scales to be positive integers, got {scales!r}")
        if len(scales) != self.template_channels:
            raise ConfigError(
                f"expected one of template_scales for each of {self.template_channels} "
                f"template_channels, got {len(scales)}"
            )
        if any(scale != 1 for scale in scales[:BEACON_CHANNELS]):
            raise ConfigError(
                f"expected template_scales to begin with 1, 1: the beacon carries a message bit "
                f"in every block, got {scales!r}"
            )

    @property
    def total_code_channels(self) -> int:
        """Code numbers a block over all descriptions."""
        return self.descriptions * self.code_channels

    @property
    def payload_channels(self) -> int:
        """Hidden numbers a block: all descriptions, then the template."""
        return self.total_code_channels + self.template_channels

    @property
    def clue_channels(self) -> int:
        """Numbers a block that `code_evidence` adds to what the localizer sees."""
        return 2 * self.total_code_channels

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Self:
        """Build from a table of TOML or JSON; a misspelt key is an error, never a default.

        Raises:
            ConfigError: a setting is unknown, of another type or out of range.
        """
        if unknown := table.keys() - {item.name for item in fields(cls)}:
            raise ConfigError(f"unknown model settings: {', '.join(sorted(unknown))}")
        settings: dict[str, Any] = {}
        for name, value in table.items():
            settings[name] = tuple(value) if isinstance(value, list) else value
        return cls(**settings)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Build from the JSON text stored in a weights file.

        Raises:
            ConfigError: it is no JSON object, or `parse` refuses it.
        """
        try:
            table = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"expected the settings of a model in JSON: {error}") from error
        if not isinstance(table, dict):
            raise ConfigError(f"expected the settings of a model as an object, got {text[:40]}")
        return cls.parse(table)

    def to_json(self) -> str:
        """The text to store in a weights file."""
        return json.dumps(asdict(self))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
