"""The released graphs as functions on numpy arrays.

Conventions: float32 (C, H, W), RGB in [0, 1], H and W multiples of 16; block grid h = H/8, w = W/8.
Every function gives the result of the whole picture, however many strips it takes.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imuge.engine.canvas import BLOCK, SIDE_MULTIPLE
from imuge.engine.strips import strips
from imuge.errors import ConfigError, ImageError
from imuge.weights import Release, ReleaseRecord, load_release

Array = NDArray[np.float32]
Progress = Callable[[str, float], None]

# Pixels computed at once: more is faster (less halo) and needs more memory.
PIXEL_BUDGET = 8_000_000
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
    """Runs encode, embed, reveal, localize and recover on whole pictures."""

    def __init__(
        self,
        release: Release | None = None,
        *,
        threads: int | None = None,
        device: str = "cpu",
        pixel_budget: int = PIXEL_BUDGET,
        progress: Progress | None = None,
    ) -> None:
        self._release = load_release() if release is None else release
        self.threads = threads or available_threads()
        self._providers = _providers(device)
        self.pixel_budget = pixel_budget
        self._progress = progress
        self._sessions: dict[str, Any] = {}

    @property
    def record(self) -> ReleaseRecord:
        """The record of the release in use."""
        return self._release.record

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
        return self._run("encode", {"image": image}, divisor=BLOCK)

    def embed(self, image: Array, payload: Array, strength: float) -> Array:
        """Hide `payload` (30, h, w); the immunized picture (3, H, W), not clamped."""
        feeds = {"image": image, "payload": payload}
        return self._run("embed", feeds, scalars={"strength": strength})

    def reveal(self, image: Array) -> Array:
        """The payload that a received picture gives away, (30, h, w)."""
        return self._run("reveal", {"image": image}, divisor=BLOCK)

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

    def recover(
        self, image: Array, mask: Array, codes: Array, *, rows: tuple[int, int] | None = None
    ) -> Array:
        """The reconstruction (3, rows, W), not clamped.

        Args:
            image: (3, H, W).
            mask: (1, H, W), 1 = tampered; those pixels are not looked at.
            codes: (26, h, w), gathered code and flags.
            rows: First and one past the last row wanted, multiples of 16; None means all.
        """
        return self._run("recover", {"image": image, "mask": mask, "codes": codes}, rows=rows)

    def _run(
        self,
        name: str,
        feeds: Mapping[str, Array],
        *,
        scalars: Mapping[str, float] | None = None,
        divisor: int = 1,
        rows: tuple[int, int] | None = None,
    ) -> Array:
        _, height, width = feeds["image"].shape
        if height % SIDE_MULTIPLE or width % SIDE_MULTIPLE:
            raise ImageError(
                f"expected sides in multiples of {SIDE_MULTIPLE}, got {width}x{height}"
            )
        constants = {k: np.asarray(v, np.float32) for k, v in (scalars or {}).items()}
        session = self.session(name)
        halo = self.record.graphs[name].halo
        first, last = (0, height) if rows is None else rows
        assert first % SIDE_MULTIPLE == last % SIDE_MULTIPLE == 0, "rows lie on the grid"
        whole: Array | None = None
        for strip in strips(height, width, halo=halo, pixel_budget=self.pixel_budget, rows=rows):
            cut = {k: _rows(array, height, strip.top, strip.bottom) for k, array in feeds.items()}
            (result,) = session.run(None, {**cut, **constants})
            _, channels, _, columns = result.shape
            if whole is None:
                whole = np.empty((channels, (last - first) // divisor, columns), np.float32)
            skipped = (strip.keep_top - strip.top) // divisor
            start, end = (strip.keep_top - first) // divisor, (strip.keep_bottom - first) // divisor
            whole[:, start:end] = result[0, :, skipped : skipped + end - start]
            if self._progress is not None:
                self._progress(name, (strip.keep_bottom - first) / (last - first))
        assert whole is not None  # there is always a row to keep
        return whole


def _rows(array: Array, height: int, top: int, bottom: int) -> Array:
    """Cut picture rows `top:bottom` out of an array on the pixel or the block grid; add a batch."""
    scale = height // array.shape[1]
    return np.ascontiguousarray(array[None, :, top // scale : bottom // scale])
