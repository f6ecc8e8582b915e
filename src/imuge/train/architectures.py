"""Which networks the common trainer can train, and what each brings: its config and its trial."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imuge.errors import ConfigError
from imuge.files import reason
from imuge.settings import parse_settings
from imuge.train.config import TrainConfig
from imuge.train.imuge.config import ImugeConfig
from imuge.train.imuge.trial import ImugeTrial
from imuge.train.imuge_plus.config import ImugePlusTraining
from imuge.train.imuge_plus.trial import ImugePlusTrial
from imuge.train.trial import Trial

DEFAULT = ImugeConfig.architecture
EXTENDS = "extends"  # of a config: another one's name


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the trainer needs to know of one architecture; its networks know the rest."""

    config: type[TrainConfig]
    trial: type[Trial[Any, Any, Any]]


ARCHITECTURES = {
    ImugeConfig.architecture: Architecture(ImugeConfig, ImugeTrial),
    ImugePlusTraining.architecture: Architecture(ImugePlusTraining, ImugePlusTrial),
}


def read_config(path: Path) -> TrainConfig:
    """Read a TOML file, which may say what another one beside it leaves to be said.

    With `extends = "other.toml"` its settings are put over the other's, one by one; of what lies
    deeper than a section, `distort.chains`, it has all of its own or all of the other's.

    Raises:
        ConfigError: it is missing, no TOML, extends one that extends a third, or holds an unknown
            or unfit setting.
    """
    table = _read_table(path)
    if EXTENDS in table:
        other = path.parent / str(table.pop(EXTENDS))
        base = _read_table(other)
        if EXTENDS in base:
            raise ConfigError(f"expected {path} to extend a config that extends none, got {other}")
        for key, value in table.items():
            sections = isinstance(value, dict) and isinstance(base.get(key), dict)
            base[key] = base[key] | value if sections else value
        table = base
    return parse_config(table, name=str(path))


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config {path}: {reason(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def parse_config(table: Mapping[str, Any], *, name: str) -> TrainConfig:
    """Build the config of the architecture that a table names, or of ours if it names none.

    Raises:
        ConfigError: a setting is unknown, missing or unfit.
    """
    architecture = table.get("architecture", DEFAULT)
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise ConfigError(
            f"expected {name} to have the architecture {' or '.join(ARCHITECTURES)}, "
            f"got {architecture!r}"
        )
    settings = {key: value for key, value in table.items() if key != "architecture"}
    try:
        return parse_settings(ARCHITECTURES[architecture].config, settings, name=name)
    except ConfigError as error:
        raise ConfigError(str(error).replace(f"{name}.", f"{name}: ", 1)) from error
