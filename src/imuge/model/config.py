"""The sizes that define a network; stored beside its weights, so weights rebuild their network."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from imuge.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Sizes of the five networks; the defaults are those of the release `lab.r3`."""

    block: int = 8  # side of a DCT block, pixels
    descriptions: int = 2  # independent copies of the recovery code
    code_channels: int = 12  # numbers a block and description
    template_channels: int = 6  # keyed ±1 numbers a block
    coupling_blocks: int = 4
    coupling_width: int = 256
    encoder_width: int = 160
    encoder_blocks: int = 3
    recoverer_width: int = 160
    localizer_width: int = 32

    def __post_init__(self) -> None:
        """Refuse sizes that build no network."""
        if self.block != 8:
            raise ConfigError(f"expected block = 8, the JPEG block, got {self.block}")
        for item in fields(self):
            size = getattr(self, item.name)
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ConfigError(f"expected {item.name} to be a positive integer, got {size!r}")

    @property
    def total_code_channels(self) -> int:
        """Code numbers a block over all descriptions."""
        return self.descriptions * self.code_channels

    @property
    def payload_channels(self) -> int:
        """Hidden numbers a block: all descriptions, then the template."""
        return self.total_code_channels + self.template_channels

    @classmethod
    def parse(cls, table: Mapping[str, int]) -> Self:
        """Build from a table; a misspelt key is an error, never a default."""
        if unknown := table.keys() - {item.name for item in fields(cls)}:
            raise ConfigError(f"unknown model settings: {', '.join(sorted(unknown))}")
        return cls(**table)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Build from the JSON text stored in a weights file."""
        return cls.parse(json.loads(text))

    def to_json(self) -> str:
        """The text to store in a weights file."""
        return json.dumps(asdict(self))
