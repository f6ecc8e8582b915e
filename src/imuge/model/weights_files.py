"""Weights on disk: one safetensors file, or a folder of parts small enough to be kept anywhere.

    weights.safetensors          everything
    weights/part-01-of-03.safetensors, …   each with some of the tensors and the whole config

The config of the networks is in the metadata of every file, with the name of their architecture,
so weights rebuild their networks. A release can be read as well (`release_files`).
"""

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.files import reason, write_atomically
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.networks_config import NetworksConfig
from imuge.model.release_files import is_release, read_release

SUFFIX = ".safetensors"
LARGEST_BYTES = 15_000_000
CONFIGS: dict[str, type[NetworksConfig]] = {
    config.architecture: config for config in (ModelConfig, ImugePlusConfig)
}
_ENTRY_BYTES = 160  # of a file's table of contents, for one tensor besides its name


def save_weights(
    config: NetworksConfig,
    tensors: Mapping[str, Tensor],
    path: Path,
    *,
    largest_bytes: int = LARGEST_BYTES,
    full_precision: bool = False,
) -> tuple[Path, ...]:
    """Write weights whole or not at all; what was there under that name is replaced.

    Args:
        config: Of the networks.
        tensors: Their state dictionary.
        path: A name with the ending `.safetensors` becomes one file of any size; any other name
            becomes a folder of parts.
        largest_bytes: What a part may have at most.
        full_precision: Keep float32; else float16, half the size.

    Returns:
        The files, in order.

    Raises:
        WeightsError: a tensor is too large for a part or, rounded to float16, no finite number;
            or the disk refused.
    """
    kind = torch.float32 if full_precision else torch.float16
    stored = {name: _rounded(name, tensor, kind) for name, tensor in tensors.items()}
    metadata = {"architecture": config.architecture, "config": config.to_json()}
    if path.suffix == SUFFIX:
        return (_write(path, save(stored, metadata)),)
    parts = split_into_parts(stored, largest_bytes - len(str(metadata)))
    return _write_folder(path, [save(part, metadata) for part in parts])


def read_weights_files(path: Path) -> tuple[NetworksConfig, dict[str, Tensor]]:
    """Read one file, all parts in a folder, or the graphs of a release.

    Returns:
        The config of the networks and their tensors, in float32.

    Raises:
        WeightsError: a file is missing, is no safetensors file or carries no config; or the parts
            are of unlike networks or hold a tensor twice.
    """
    if is_release(path):
        return read_release(path)
    config: NetworksConfig | None = None
    tensors: dict[str, Tensor] = {}
    for file in weights_parts(path):
        found, part = _read(file)
        if config not in (None, found):
            raise WeightsError(f"{file} is of another network than the parts beside it")
        config = found
        if twice := part.keys() & tensors.keys():
            raise WeightsError(f"{file} holds {min(twice)}, which another part holds already")
        tensors |= part
    assert config is not None
    return config, tensors


def weights_parts(path: Path) -> list[Path]:
    """The files that `path` stands for: itself, or the parts in a folder in the order of names.

    Raises:
        WeightsError: a folder without parts.
    """
    if not path.is_dir():
        return [path]
    if not (parts := sorted(path.glob(f"*{SUFFIX}"))):
        raise WeightsError(f"cannot read weights {path}: the folder holds no {SUFFIX} files")
    return parts


def weights_sha256(path: Path) -> str:
    """One hash for weights: a file's own, or that of the hashes of all parts, joined in order.

    Raises:
        WeightsError: a file is missing or cannot be read.
    """
    try:
        hashes = [hashlib.sha256(part.read_bytes()).hexdigest() for part in weights_parts(path)]
    except OSError as error:
        raise WeightsError(f"cannot read weights {path}: {reason(error)}") from error
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if path.is_dir() else hashes[0]


def _read(file: Path) -> tuple[NetworksConfig, dict[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read weights {file}: {error}") from error
    if "config" not in metadata:
        raise WeightsError(f"{file} carries no config, so its network cannot be rebuilt")
    # The first weights were written when there was one architecture only.
    architecture = metadata.get("architecture", ModelConfig.architecture)
    if architecture not in CONFIGS:
        raise WeightsError(
            f"{file} is of the architecture {architecture}; this version of imuge knows "
            f"{', '.join(CONFIGS)}"
        )
    try:
        return CONFIGS[architecture].from_json(metadata["config"]), tensors
    except ConfigError as error:
        raise WeightsError(f"{file} describes no network: {error}") from error


def _rounded(name: str, tensor: Tensor, kind: torch.dtype) -> Tensor:
    rounded = tensor.detach().cpu().to(kind).contiguous()
    if not rounded.isfinite().all():
        raise WeightsError(f"{name} holds numbers that {kind} cannot; nothing was written")
    return rounded


def split_into_parts(
    tensors: Mapping[str, Tensor], largest_bytes: int
) -> Iterator[dict[str, Tensor]]:
    """Fill one part after the other, in the order of the tensors.

    Args:
        tensors: What to store.
        largest_bytes: What the file of a part may have at most, beside its metadata.

    Raises:
        WeightsError: a tensor is too large for a part.
    """
    room = largest_bytes - _ENTRY_BYTES
    part: dict[str, Tensor] = {}
    left = room
    for name, tensor in tensors.items():
        needed = tensor.nbytes + len(name) + _ENTRY_BYTES
        if needed > room:
            raise WeightsError(f"{name} has {tensor.nbytes:,} bytes, too many for one part")
        if needed > left:
            yield part
            part, left = {}, room
        part[name] = tensor
        left -= needed
    yield part


def _write(path: Path, data: bytes) -> Path:
    try:
        return write_atomically(path, data, overwrite=True)
    except ImageError as error:
        raise WeightsError(str(error)) from error


def _write_folder(path: Path, contents: list[bytes]) -> tuple[Path, ...]:
    """Write all parts beside their place, then move them there together."""
    count = len(contents)
    names = [f"part-{i + 1:02d}-of-{count:02d}{SUFFIX}" for i in range(count)]
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        scratch.mkdir(parents=True)
        for name, data in zip(names, contents, strict=True):
            _write(scratch / name, data)
        _replace_folder(scratch, path)
    except OSError as error:
        raise WeightsError(f"cannot write weights {path}: {reason(error)}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tuple(path / name for name in names)


def _replace_folder(made: Path, path: Path) -> None:
    """Give the finished folder its name. A folder of that name goes only when the new one is in."""
    if not path.exists():
        made.rename(path)
        return
    if not path.is_dir() or any(file.suffix != SUFFIX for file in path.iterdir()):
        raise WeightsError(f"{path} is there already and is no folder of weights; give another")
    before = path.with_name(f"{made.name}.before")
    path.rename(before)
    try:
        made.rename(path)
    except OSError:
        before.rename(path)
        raise
    shutil.rmtree(before, ignore_errors=True)  # the new weights are in place whatever happens
