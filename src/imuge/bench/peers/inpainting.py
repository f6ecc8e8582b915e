"""Plain inpainting as a contestant: it finds nothing and fills what it is told to."""

from typing import Any

import numpy as np

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.bench.inpainting import biharmonic_fill
from imuge.bench.scores import Mask
from imuge.errors import ImageError
from imuge.results import Pixels


class Inpainting(OneSize):
    """Fills a mask from its surroundings by biharmonic equations; needs scikit-image.

    What `imuge.bench.inpainting.biharmonic_fill` does.
    """

    name = "inpainting"
    restores = True

    def describe(self) -> dict[str, Any]:
        """What it is."""
        return {
            "architecture": "biharmonic inpainting",
            "parameters": None,
            "sha256": None,
            "working_point": "none: it does not locate",
        }

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[None]:  # noqa: ARG002
        """The host as it is."""
        return Published(host, None)

    def examine(self, received: Pixels, secret: None) -> Examination[None]:  # noqa: ARG002
        """Nothing is found: probability 0 everywhere."""
        return Examination(
            received=received,
            probability=np.zeros(received.shape[:2], np.float32),
            mask=np.zeros(received.shape[:2], bool),
            evidence=None,
        )

    def restore(self, finding: Examination[None], mask: Mask) -> Pixels:
        """The received picture with the mask filled from its surroundings.

        Raises:
            ConfigError: scikit-image is not installed.
            ImageError: the mask leaves nothing to fill it from.
        """
        if not mask.any():
            return finding.received
        if mask.all():
            raise ImageError("expected some of the picture outside the mask, to fill it from")
        return biharmonic_fill(finding.received, mask)
