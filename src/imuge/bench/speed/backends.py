"""The same graphs in several runtimes, each as an `Engine` that cuts pictures as the product does.

    onnxruntime   as the product runs them
    openvino      the same ONNX files (extra `openvino`)
    torch         the networks they were exported from, eager (extra `train`)

All compute in float32 on the processor, with the same number of threads.
"""

import importlib.metadata
import importlib.util
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.errors import ConfigError, to_install
from imuge.weights import Release, load_release, release_folder

PRODUCT = "onnxruntime"
EXTRAS = {"openvino": "openvino", "torch": "train"}  # what to install for them
BACKENDS = (PRODUCT, *EXTRAS)


def missing(backend: str) -> str | None:
    """Why a backend cannot be measured here, in one sentence; None where it can."""
    if backend == PRODUCT or importlib.util.find_spec(backend) is not None:
        return None
    return f"{backend} is not installed: {to_install(EXTRAS[backend])}"


def version(backend: str) -> str:
    """Of the package that is installed."""
    return importlib.metadata.version(backend)


class _OpenVinoSession:
    """A compiled model behind the interface of an ONNX Runtime session."""

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401 - openvino is typed loosely
        self._compiled = compiled

    def run(self, _outputs: None, feeds: Mapping[str, NDArray[np.float32]]) -> list[Any]:
        """Compute the only output."""
        return [self._compiled(feeds)[0].copy()]


def _silent_openvino() -> Any:  # noqa: ANN401 - openvino is typed loosely
    """The package, kept from what it does when imported: to tell its maker that it was."""
    # A name that stands for None cannot be imported; openvino then takes a stub that sends nothing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    # Imported here: an extra.
    import openvino

    return openvino


class OpenVinoEngine(Engine):
    """The product's engine with OpenVINO in place of ONNX Runtime."""

    def __init__(self, release: Release, *, threads: int) -> None:
        super().__init__(release, threads=threads)
        self._core = _silent_openvino().Core()

    def session(self, name: str) -> Any:  # noqa: ANN401 - see Engine.session
        """The compiled graph, made when it is first needed."""
        if name not in self._sessions:
            model = self._core.read_model(io.BytesIO(self._release.graphs[name]))
            settings = {
                "INFERENCE_NUM_THREADS": self.threads,
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY",
            }
            compiled = self._core.compile_model(model, "CPU", settings)
            self._sessions[name] = _OpenVinoSession(compiled)
        return self._sessions[name]


class TorchEngine(Engine):
    """The product's engine with networks in torch in place of ONNX Runtime."""

    def __init__(self, release: Release, *, threads: int, weights: Path) -> None:
        super().__init__(release, threads=threads)
        # Imported here: an extra.
        from imuge.bench.speed.torch_sessions import torch_sessions

        self._sessions.update(torch_sessions(weights, threads))


def engine_of(backend: str, *, threads: int, torch_weights: Path | None = None) -> Engine:
    """The released networks in one backend.

    Args:
        backend: One of `BACKENDS`.
        threads: Processor threads.
        torch_weights: A weights file for torch; None means those in the release's ONNX files.

    Raises:
        ConfigError: there is no such backend, or it is not installed.
        WeightsError: the weights for torch cannot be used.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"expected one of {', '.join(BACKENDS)}, got {backend}")
    if (reason := missing(backend)) is not None:
        raise ConfigError(reason)
    release = load_release()
    if backend == "openvino":
        return OpenVinoEngine(release, threads=threads)
    if backend == "torch":
        return TorchEngine(release, threads=threads, weights=torch_weights or release_folder())
    return Engine(release, threads=threads)
