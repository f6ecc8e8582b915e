"""The networks in torch behind the interface of an ONNX Runtime session, for `bench.backends`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imuge.errors import WeightsError
from imuge.model.architectures import load_networks
from imuge.model.imuge.system import System


class TorchSession:
    """One step of the networks: eager, float32, on the processor."""

    def __init__(self, step: Callable[..., Tensor]) -> None:
        self._step = step

    def run(self, _outputs: None, feeds: Mapping[str, NDArray[np.float32]]) -> list[NDArray]:  # type: ignore[type-arg]
        """As `onnxruntime.InferenceSession.run`; the names of the inputs are the graph's."""
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in feeds.items()}
            return [self._step(**tensors).numpy()]


def torch_sessions(weights: Path, threads: int) -> dict[str, TorchSession]:
    """All steps of the networks in a weights file or a release.

    Raises:
        WeightsError: they cannot be read, or are of another architecture than the product's.
    """
    torch.set_num_threads(threads)
    system = load_networks(weights).eval()
    if not isinstance(system, System):
        raise WeightsError(
            f"{weights} is of the architecture {system.config.architecture}; expected imuge"
        )
    return {
        "encode": TorchSession(system.encode),
        "embed": TorchSession(lambda **feeds: system.embed(**feeds)[0]),
        "reveal": TorchSession(system.reveal),
        "localize": TorchSession(system.localize),
        "recover": TorchSession(system.recover),
    }
