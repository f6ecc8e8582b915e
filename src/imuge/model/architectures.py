"""The architectures that weights files may be of: their networks, and how these are used."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.model.imuge.system_protector import SystemProtector
from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.protector import ImugePlusProtector
from imuge.model.imuge_plus.system import ImugePlusSystem
from imuge.model.networks import Networks
from imuge.model.networks_config import NetworksConfig
from imuge.model.protector import Protector
from imuge.model.weights_files import read_weights_files


@dataclass(frozen=True, slots=True)
class _Architecture:
    networks: type[Networks]
    protector: Callable[[Any], Protector[Any, Any]]


_ARCHITECTURES = {
    ModelConfig.architecture: _Architecture(System, SystemProtector),
    ImugePlusConfig.architecture: _Architecture(ImugePlusSystem, ImugePlusProtector),
}


def build_networks(config: NetworksConfig) -> Networks:
    """New networks of a config's architecture."""
    return _ARCHITECTURES[config.architecture].networks(config)


def load_networks(path: Path) -> Networks:
    """The networks of a weights file, a folder of parts or a release, for evaluation.

    Raises:
        WeightsError: there are none, or they cannot be rebuilt.
    """
    config, tensors = read_weights_files(path)
    return _ARCHITECTURES[config.architecture].networks.rebuild(config, tensors, path)


def protector_of(networks: Networks) -> Protector[Any, Any]:
    """How networks are used; they must be in evaluation mode."""
    return _ARCHITECTURES[networks.config.architecture].protector(networks)
