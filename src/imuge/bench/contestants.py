"""Whatever is measured beside the release, behind one small interface; and the release itself.

    host ─ immunize ─► pixels, secret … received ─ examine ─► Examination ─ restore ─► picture

Conventions: pictures are uint8 (H, W, 3), RGB; masks bool (H, W), True where tampered. A contestant
that has nothing to embed publishes the host; one that cannot do a step raises an `ImugeError` that
says why. Networks in torch: `imuge.bench.contestant_networks`.
"""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imuge.bench.scores import Mask
from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.errors import ProtectionError
from imuge.guard import DRAWS, Guard
from imuge.image import from_array
from imuge.keys import Key
from imuge.protection.code import HiddenCode
from imuge.protection.embed import embed
from imuge.protection.locate import locate
from imuge.protection.recover import recover
from imuge.protection.verify import hidden_code
from imuge.results import Finding, Pixels

PLAIN_THRESHOLD = 0.5  # probability above which a pixel counts, where nothing was calibrated

Secret = TypeVar("Secret")
Evidence = TypeVar("Evidence")


@dataclass(frozen=True, slots=True)
class Published(Generic[Secret]):
    """A picture as it is published."""

    pixels: Pixels  # of the host's size
    secret: Secret  # what examining needs beside the picture: an image id, a layout, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination(Generic[Evidence]):
    """What a contestant found in a received picture."""

    received: Pixels
    probability: NDArray[np.float32]  # (H, W) in [0, 1], of having been tampered with
    mask: Mask  # at the working point that `describe` names
    evidence: Evidence  # what restoring needs
    verdict: Finding | None = None  # None where the contestant gives none
    identified: bool | None = None  # whether the message names this picture; None: there is none


class Contestant(Protocol[Secret, Evidence]):
    """Protects, examines and restores pictures; the same calls give the same results."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    @property
    def restores(self) -> bool:
        """Whether `restore` recovers anything; False for those that only locate."""

    @property
    def takes_strength(self) -> bool:
        """Whether `immunize` can do with a strength other than 1."""

    def stranger(self) -> Self:
        """The same system in other hands: under another key, or itself where it has no keys."""

    def describe(self) -> dict[str, Any]:
        """Facts for the report, fit for JSON.

        Returns:
            At least `architecture`; `parameters`, their number or None where it is not known;
            `sha256` of the weights or None; and `working_point` in words.
        """

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[Secret]:
        """Protect a picture.

        Args:
            host: (H, W, 3).
            seed: Of all that is drawn at random, 0 or more.
            strength: Scales the change; other than 1 only where `takes_strength`.

        Raises:
            ImugeError: it cannot, and why.
        """

    def examine(self, received: Pixels, secret: Secret) -> Examination[Evidence]:
        """Find what was changed in a copy of a picture published with this secret.

        Raises:
            ImugeError: it cannot, and why.
        """

    def restore(self, finding: Examination[Evidence], mask: Mask) -> Pixels:
        """The received picture with what was there before inside a mask.

        Args:
            finding: From `examine`.
            mask: (H, W), True = to be recovered: the mask found, or the true one.

        Returns:
            (H, W, 3); outside the mask it is the received picture, bit for bit.

        Raises:
            ImugeError: it cannot, and why.
        """


class OneSize:
    """What those share that have neither a key of their own nor a strength."""

    takes_strength = False

    def stranger(self) -> Self:
        """Itself: everybody who has the system can do the same."""
        return self


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """What the release recovers from."""

    canvas: Canvas
    code: HiddenCode | None  # None where none could be found


class ReleaseContestant:
    """The release, as it is shipped or as its networks alone could be used.

    Args:
        engine: The release; two contestants may share one.
        key: A full key.
        shipped: Whether pictures are verified as the product does: with the key alone, to a
            verdict, at the shipped working points. Else it is told the image id, and masks are
            made at probability 0.5 without a minimum area.
    """

    restores = True
    takes_strength = True

    def __init__(self, engine: Engine, key: Key, *, shipped: bool) -> None:
        self.name = engine.record.name if shipped else f"{engine.record.name}, plain point"
        self._engine = engine
        self._key = key
        self._guard = Guard(key, engine=engine)
        self._shipped = shipped

    def stranger(self) -> Self:
        """The same release under another key."""
        other = Key.from_secret("stranger", bytes(reversed(range(32))))
        return type(self)(self._engine, other, shipped=self._shipped)

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

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[int]:
        """Protect a picture as `Guard` does, but under image ids that follow from the seed.

        Raises:
            ImageError: the picture is of a size that is not taken.
            ProtectionError: its protection cannot be read back.
        """
        canvas = to_canvas(from_array(host).pixels)
        code = self._engine.encode(canvas.image)
        ids = np.random.default_rng(seed).integers(2**32, size=DRAWS)
        for image_id in ids.tolist():
            pixels = embed(self._engine, canvas, code, self._key, image_id, strength)
            found = self._guard.verify(pixels, recover=False)
            if found.verdict == "intact" and found.image_id == f"{image_id:08x}":
                return Published(pixels, image_id)
        raise ProtectionError(
            f"the protection could not be read back from the picture made ({found.verdict})"
        )

    def examine(self, received: Pixels, secret: int) -> Examination[ReleaseEvidence]:
        """Find what was changed in a copy of the picture with this id."""
        if self._shipped:
            return self._verify(received, secret)
        canvas = to_canvas(received)
        revealed = self._engine.reveal(canvas.image)
        located = locate(self._engine, canvas, revealed, self._key, secret)
        return Examination(
            received=received,
            probability=located.probability,
            mask=located.probability > PLAIN_THRESHOLD,
            evidence=ReleaseEvidence(canvas, located.code),
        )

    def _verify(self, received: Pixels, secret: int) -> Examination[ReleaseEvidence]:
        """What the product says, which is not told the image id."""
        found = self._guard.verify(received, recover=False)
        probability = found.probability
        if probability is None:
            probability = np.zeros(found.mask.shape, np.float32)
        return Examination(
            received=received,
            probability=probability,
            mask=found.mask,
            evidence=ReleaseEvidence(to_canvas(received), hidden_code(found)),
            verdict=found.verdict,
            identified=found.image_id == f"{secret:08x}",
        )

    def restore(self, finding: Examination[ReleaseEvidence], mask: Mask) -> Pixels:
        """Recover as the product does, from a mask a little wider than the given one."""
        canvas, code = finding.evidence.canvas, finding.evidence.code
        if code is None:
            return finding.received
        return recover(self._engine, canvas, mask, code)
