"""Whatever is measured beside the release, behind one small interface; and the release itself.

    host ─ immunize ─► pixels, secret … received ─ examine ─► Finding ─ restore ─► picture

Conventions: pictures are uint8 (H, W, 3), RGB; masks bool (H, W), True where tampered. A contestant
that has nothing to embed publishes the host; one that cannot do a step raises an `ImugeError` that
says why. Networks in torch: `imuge.bench.contestant_networks`.
"""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imuge.bench.acceptance import localized
from imuge.bench.published import published_with
from imuge.bench.scores import Mask
from imuge.engine import Engine
from imuge.errors import ProtectionError
from imuge.guard import DRAWS
from imuge.hidden_copy import HiddenCode, code_keying, erased_blocks, scatter_code
from imuge.image import from_array
from imuge.image.padding import Canvas, to_canvas, to_pixels
from imuge.keys import Key, template
from imuge.results import Pixels
from imuge.verification import reconstruct, verify, widen

PLAIN_THRESHOLD = 0.5  # probability above which a pixel counts, where nothing was calibrated

Secret = TypeVar("Secret")
Evidence = TypeVar("Evidence")


@dataclass(frozen=True, slots=True)
class Published(Generic[Secret]):
    """A picture as it is published."""

    pixels: Pixels  # of the host's size
    secret: Secret  # what examining needs beside the picture: an image id, a layout, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Generic[Evidence]):
    """What a contestant found in a received picture."""

    received: Pixels
    probability: NDArray[np.float32]  # (H, W) in [0, 1], of having been tampered with
    mask: Mask  # at the working point that `describe` names
    evidence: Evidence  # what restoring needs


class Contestant(Protocol[Secret, Evidence]):
    """Protects, examines and restores pictures; the same calls give the same results."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    @property
    def restores(self) -> bool:
        """Whether `restore` recovers anything; False for those that only locate."""

    def describe(self) -> dict[str, Any]:
        """Facts for the report, fit for JSON.

        Returns:
            At least `architecture`; `parameters`, their number or None where it is not known;
            `sha256` of the weights or None; and `working_point` in words.
        """

    def immunize(self, host: Pixels, *, seed: int) -> Published[Secret]:
        """Protect a picture.

        Args:
            host: (H, W, 3).
            seed: Of all that is drawn at random, 0 or more.

        Raises:
            ImugeError: it cannot, and why.
        """

    def examine(self, received: Pixels, secret: Secret) -> Finding[Evidence]:
        """Find what was changed in a copy of a picture published with this secret.

        Raises:
            ImugeError: it cannot, and why.
        """

    def restore(self, finding: Finding[Evidence], mask: Mask) -> Pixels:
        """The received picture with what was there before inside a mask.

        Args:
            finding: From `examine`.
            mask: (H, W), True = to be recovered: the mask found, or the true one.

        Returns:
            (H, W, 3); outside the mask it is the received picture, bit for bit.

        Raises:
            ImugeError: it cannot, and why.
        """


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """What the release recovers from."""

    canvas: Canvas
    hidden: HiddenCode


class ReleaseContestant:
    """The shipped product, told the key and the image id of every picture it is shown.

    Args:
        engine: The release; two contestants may share one.
        key: A full key.
        shipped: Whether masks are made at the shipped working points; else at probability 0.5
            without a minimum area.
    """

    restores = True

    def __init__(self, engine: Engine, key: Key, *, shipped: bool) -> None:
        self.name = f"{engine.record.name}, shipped point" if shipped else engine.record.name
        self._engine = engine
        self._key = key
        self._shipped = shipped

    def describe(self) -> dict[str, Any]:
        """The release, the key and the working point."""
        points = self._engine.record.calibration.points
        return {
            "architecture": "imuge",
            "parameters": None,
            "sha256": self._engine.sha256,
            "release": self._engine.record.name,
            "key": self._key.key_id,
            "working_point": "shipped" if self._shipped else f"probability {PLAIN_THRESHOLD}",
            "points": [point.model_dump() for point in points] if self._shipped else [],
            "onnxruntime": onnxruntime.__version__,
        }

    def immunize(self, host: Pixels, *, seed: int) -> Published[int]:
        """Protect a picture as `Guard` does, but under image ids that follow from the seed.

        Raises:
            ImageError: the picture is of a size that is not taken.
            ProtectionError: its protection cannot be read back.
        """
        canvas = to_canvas(from_array(host).pixels)
        code = self._engine.encode(canvas.image)
        ids = np.random.default_rng(seed).integers(2**32, size=DRAWS)
        for image_id in ids.tolist():
            pixels = self._embed(canvas, code, image_id)
            found = verify(self._engine, to_canvas(pixels), [self._key], recover=False)
            if found.finding == "intact" and found.reading.image_id == image_id:
                return Published(pixels, image_id)
        raise ProtectionError(
            f"the protection could not be read back from the picture made ({found.finding})"
        )

    def examine(self, received: Pixels, secret: int) -> Finding[ReleaseEvidence]:
        """Find what was changed in a copy of the picture with this id."""
        canvas = to_canvas(received)
        revealed = self._engine.reveal(canvas.image)
        expected, hidden = published_with(self._engine, self._key, secret, canvas, revealed)
        probability, shipped = localized(self._engine, canvas, revealed, expected, hidden)
        return Finding(
            received=received,
            probability=probability,
            mask=shipped if self._shipped else probability > PLAIN_THRESHOLD,
            evidence=ReleaseEvidence(canvas, hidden),
        )

    def restore(self, finding: Finding[ReleaseEvidence], mask: Mask) -> Pixels:
        """Recover as the product does, from a mask a little wider than the given one."""
        if not mask.any():
            return finding.received
        canvas, hidden = finding.evidence.canvas, finding.evidence.hidden
        wide = widen(canvas, mask)
        codes = hidden.without(erased_blocks(wide))
        return reconstruct(self._engine, canvas, mask, wide, codes)

    def _embed(self, canvas: Canvas, code: NDArray[np.float32], image_id: int) -> Pixels:
        """What `Guard` publishes under this id (tests/bench/test_contestants.py)."""
        options = self._engine.record.options
        keying = code_keying(options, self._key, image_id, canvas.grid, len(code))
        signs = template(self._key, image_id, *canvas.grid, scales=options.template_scales)
        payload = np.concatenate([scatter_code(code, *keying), signs])
        immunized = self._engine.embed(canvas.image, payload, 1.0)
        return to_pixels(immunized[:, : canvas.height, : canvas.width])
