"""JPEG inside a training step: batched, differentiable, one quality for each sample.

`SIMULATORS` names the ways to do it; a mix of attacks chooses one by its name.
"""

from typing import Protocol

from torch import Tensor

from imuge.attacks.jpeg.exact import exact
from imuge.attacks.jpeg.smooth import smooth


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
