"""The released graphs as functions on numpy arrays.

Conventions: float32 (C, H, W), RGB in [0, 1], H and W multiples of 16; block grid h = H/8, w = W/8.
Pictures come as frames, of at most three megapixels, so every graph runs once for the whole of one.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imuge.engine.canvas import SIDE_MULTIPLE
from imuge.errors import ConfigError, ImageError
from imuge.weights import Release, ReleaseRecord, load_release

Array = NDArray[np.float32]
Progress = Callable[[str, float], None]

PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
}


def available_threads() -> int:
    """Processors that this process may use; all of the machine's where the system cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _providers(device: str) -> list[str]:
    """ONNX Runtime's names for where to compute.

    Raises:
        ConfigError: the device is unknown, or this ONNX Runtime cannot use it.
    """
    if device not in PROVIDERS:
        raise ConfigError(f"expected a device of {', '.join(PROVIDERS)}, got {device!r}")
    if PROVIDERS[device][0] not in onnxruntime.get_available_providers():
        raise ConfigError(
            f"this onnxruntime cannot use {device}; install onnxruntime-gpu in its place"
        )
    return PROVIDERS[device]


class Engine:
    """Runs encode, embed, reveal, localize and recover.

    `progress` is called with the name of each as it begins, and 0.0, and as it ends, and 1.0.
    """

    def __init__(
        self,
        release: Release | None = None,
        *,
        threads: int | None = None,
        device: str = "cpu",
        progress: Progress | None = None,
    ) -> None:
        self._release = load_release() if release is None else release
        self.threads = threads or available_threads()
        self._providers = _providers(device)
        self._progress = progress
        self._sessions: dict[str, Any] = {}

    @property
    def record(self) -> ReleaseRecord:
        """The record of the release in use."""
        return self._release.record

    @property
    def progress(self) -> Progress | None:
        """What is told how far a step has come."""
        return self._progress

    @cached_property
    def sha256(self) -> str:
        """One hash for all graphs in use."""
        return self._release.sha256

    def session(self, name: str) -> Any:  # noqa: ANN401 - onnxruntime is untyped
        """The ONNX Runtime session of one graph, made when it is first needed."""
        if name not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.log_severity_level = 3
            options.enable_cpu_mem_arena = False
            session = onnxruntime.InferenceSession(
                self._release.graphs[name], options, providers=self._providers
            )
            # ONNX Runtime falls back to the processor with no more than a warning.
            if (used := session.get_providers()[0]) != self._providers[0]:
                raise ConfigError(f"expected {self._providers[0]} to work, and got {used}")
            self._sessions[name] = session
        return self._sessions[name]

    def encode(self, image: Array) -> Array:
        """The recovery code of a picture, (24, h, w), each block's numbers at its own place."""
        return self._run("encode", {"image": image})

    def embed(self, image: Array, payload: Array, strength: float) -> Array:
        """Hide `payload` (30, h, w); the immunized picture (3, H, W), not clamped."""
        feeds = {"image": image, "payload": payload}
        return self._run("embed", feeds, {"strength": strength})

    def reveal(self, image: Array) -> Array:
        """The payload that a received picture gives away, (30, h, w)."""
        return self._run("reveal", {"image": image})

    def localize(
        self, image: Array, revealed: Array, template: Array, clues: Array | None = None
    ) -> Array:
        """Say how likely each pixel was tampered with.

        Args:
            image: (3, H, W), received.
            revealed: (30, h, w), its payload.
            template: (6, h, w) of ±1, the template it should carry.
            clues: (48, h, w), how hidden copy and picture disagree, for a release with
                `code_evidence`; None where they cannot be told, which it was trained for: zeros.

        Returns:
            Logits (1, H, W): above 0 means more likely tampered than not.
        """
        feeds = {"image": image, "revealed": revealed, "template": template}
        if self.record.options.code_evidence:
            code_channels = len(revealed) - len(template)
            unknown = np.zeros((2 * code_channels, *revealed.shape[1:]), np.float32)
            feeds["clues"] = unknown if clues is None else clues
        else:
            assert clues is None, "this release has no use for clues"
        return self._run("localize", feeds)

    def recover(self, image: Array, mask: Array, codes: Array) -> Array:
        """The reconstruction (3, H, W), not clamped.

        Args:
            image: (3, H, W).
            mask: (1, H, W), 1 = tampered; those pixels are not looked at.
            codes: (26, h, w), gathered code and flags.
        """
        return self._run("recover", {"image": image, "mask": mask, "codes": codes})

    def _run(
        self, name: str, feeds: Mapping[str, Array], scalars: Mapping[str, float] | None = None
    ) -> Array:
        _, height, width = feeds["image"].shape
        if height % SIDE_MULTIPLE or width % SIDE_MULTIPLE:
            raise ImageError(
                f"expected sides in multiples of {SIDE_MULTIPLE}, got {width}x{height}"
            )
        self._tell(name, 0.0)
        batches = {k: np.ascontiguousarray(array[None]) for k, array in feeds.items()}
        constants = {k: np.asarray(v, np.float32) for k, v in (scalars or {}).items()}
        (result,) = self.session(name).run(None, {**batches, **constants})
        self._tell(name, 1.0)
        made: Array = result[0]
        return made

    def _tell(self, name: str, share: float) -> None:
        if self._progress is not None:
            self._progress(name, share)
