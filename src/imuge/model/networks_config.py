"""What the configs of all architectures share: how they are read from tables and stored.

A config is stored beside the weights, so weights rebuild their networks. A setting that a file
does not name has its default.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from imuge.errors import ConfigError
from imuge.settings import parse_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworksConfig:
    """What defines the networks of one architecture; a subclass has the settings."""

    architecture: ClassVar[str]  # its name in files

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Self:
        """Build from a table of TOML or JSON; a misspelt key is an error, never a default.

        Raises:
            ConfigError: a setting is unknown, of another type or out of range.
        """
        return parse_settings(cls, table, name="model")

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
