"""Forensics without protection: detectors that look at a picture alone, as contestants.

    host ─ immunize ─► host … received ─ detector ─► evidence ─ > threshold ─► mask

What is called evidence orders pixels; it is no calibrated probability.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.bench.scores import Mask
from imuge.errors import ImugeError
from imuge.results import Pixels


class Passive(OneSize):
    """A detector that embeds nothing, and so can restore nothing.

    Args:
        name: What the tables call it.
        detect: From a picture (H, W, 3) to evidence (H, W) in [0, 1], higher where it looks
            tampered with.
        threshold: Evidence above which a pixel counts.
    """

    restores = False

    def __init__(
        self, name: str, detect: Callable[[Pixels], NDArray[np.float32]], *, threshold: float
    ) -> None:
        self.name = name
        self._detect = detect
        self._threshold = threshold

    def describe(self) -> dict[str, Any]:
        """What it is, and its threshold."""
        return {
            "architecture": "passive",
            "parameters": None,
            "sha256": None,
            "working_point": f"evidence {self._threshold:g}, set on training pictures",
        }

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[None]:  # noqa: ARG002
        """The host as it is."""
        return Published(host, None)

    def examine(self, received: Pixels, secret: None) -> Examination[None]:  # noqa: ARG002
        """Look at the received picture alone.

        Raises:
            ImugeError: the detector needs a package that is not installed.
        """
        evidence = self._detect(received)
        return Examination(
            received=received,
            probability=evidence,
            mask=evidence > self._threshold,
            evidence=None,
        )

    def restore(self, finding: Examination[None], mask: Mask) -> Pixels:  # noqa: ARG002
        """Nothing can be restored.

        Raises:
            ImugeError: always.
        """
        raise ImugeError(f"{self.name} only locates: nothing in the picture says what was there")
