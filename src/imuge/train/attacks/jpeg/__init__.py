"""JPEG inside a training step: batched, differentiable, one quality for each sample.

`SIMULATORS` names the ways that need nothing but code, `DISTILLED` the one whose gradient is a
trained network's; a mix of attacks chooses one by its name (`simulator_of`). What each is good for:
docs/jpeg-simulators.md.
"""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from imuge.train.attacks.jpeg.distilled import Distilled, load_student
from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.jpeg.smooth import smooth


class JpegSimulator(Protocol):
    """From a picture to what a JPEG file of it shows."""

    def __call__(self, picture: Tensor, quality: Tensor, *, subsampled: bool) -> Tensor:
        """Encode and decode.

        Args:
            picture: (B, 3, H, W) float32 RGB in [0, 1]; H and W multiples of 16.
            quality: (B,) libjpeg quality from 1 to 100.
            subsampled: Whether chroma is halved both ways (4:2:0).

        Returns:
            (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255.
        """


SIMULATORS: dict[str, JpegSimulator] = {"exact": exact, "smooth": smooth}
DISTILLED = "distilled"
_loaded: dict[tuple[str, torch.device], Distilled] = {}


def simulator_of(name: str, weights: str, device: torch.device) -> JpegSimulator:
    """The simulator of this name.

    Args:
        name: One of `SIMULATORS`, or `DISTILLED`.
        weights: For `DISTILLED`, the file of its network; else not looked at. It is read and
            brought to the device at the first call, which may not be recorded in a CUDA graph;
            later calls do neither, whatever became of the file.
        device: Where the pictures lie.

    Raises:
        WeightsError: the file is missing or holds no such network.
    """
    if name != DISTILLED:
        return SIMULATORS[name]
    which = (weights, device)
    if which not in _loaded:
        _loaded[which] = _load(weights, device)
    return _loaded[which]


# A compiled step takes the network as it is, and does not build it.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _load(weights: str, device: torch.device) -> Distilled:
    # Made under inference mode, they could not take part in training later.
    with torch.inference_mode(False):
        return Distilled(load_student(Path(weights)).to(device))
