"""Weights out of a release: the ONNX graphs that `imuge.train.export` wrote keep torch's names.

Networks that graphs share (the INN lies in `embed` and in `reveal`) are in both.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imuge.errors import ConfigError, WeightsError
from imuge.model.imuge.config import ModelConfig

SUFFIX = ".onnx"
# What a release stores beside these are tables and sizes that the exporter wrote down.
NETWORKS = ("payload_encoder.", "inn.", "localizer.", "recoverer.")


def is_release(path: Path) -> bool:
    """Whether a path is a folder with exported graphs in it."""
    return path.is_dir() and any(path.glob(f"*{SUFFIX}"))


def read_release(folder: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Turn released graphs back into a config and float32 tensors.

    Raises:
        WeightsError: a graph cannot be read, carries no config, or is of another network than its
            neighbours; or onnx is not installed.
    """
    config: ModelConfig | None = None
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        found, part = _read(path)
        if config not in (None, found):
            raise WeightsError(f"{path} was exported from another network than its neighbours")
        config = found
        tensors |= part
    if config is None:
        raise WeightsError(f"cannot read weights {folder}: the folder holds no {SUFFIX} files")
    return config, tensors


def _read(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    try:
        # Here: a training machine may do without, as long as it reads no release.
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import numpy_helper
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"reading the release {path.parent} needs onnx, which is not installed: install it, "
            "or give safetensors files"
        ) from error
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise WeightsError(f"cannot read weights {path}: {error}") from error
    texts = [p.value for p in model.metadata_props if p.key == "config"]
    if not texts:
        raise WeightsError(f"{path} carries no config; export it with `imuge export`")
    tensors = {}
    for stored in model.graph.initializer:
        name = stored.name.removesuffix(".half")
        if name.startswith(NETWORKS):
            array = numpy_helper.to_array(stored).astype(np.float32)
            tensors[name] = torch.from_numpy(array.copy())
    try:
        return ModelConfig.from_json(texts[0]), tensors
    except ConfigError as error:
        raise WeightsError(f"{path} describes no network: {error}") from error
