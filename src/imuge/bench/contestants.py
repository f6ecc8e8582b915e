"""Whatever is measured beside the release, behind one small interface; and the release itself.

    host ─ immunize ─► pixels, secret … received ─ examine ─► Examination ─ restore ─► picture

Conventions: pictures are uint8 (H, W, 3), RGB; masks bool (H, W), True where tampered. A contestant
that has nothing to embed publishes the host; one that cannot do a step raises an `ImugeError` that
says why. Networks in torch: `imuge.bench.contestant_networks`.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imuge.bench.pictures import mask_at, picture_at, values_at
from imuge.bench.scores import Mask
from imuge.bench.told import examine_told, mask_on_frame
from imuge.engine import Engine
from imuge.engine.canvas import Canvas
from imuge.errors import ProtectionError
from imuge.guard import strengths_tried
from imuge.image import from_array
from imuge.keys import Key, Message
from imuge.protection.code import HiddenCode
from imuge.protection.embed import prepare, publish
from imuge.protection.frame import Detail, geometry_of
from imuge.protection.hidden_copy import render_untouched
from imuge.protection.in_copy import in_copy, probability_in_copy
from imuge.protection.locate import REGION_PROBABILITY, plain_regions
from imuge.protection.placement import Placement
from imuge.protection.places import Search
from imuge.protection.recover import recover, widen
from imuge.protection.tone import tone_of
from imuge.protection.verify import Evidence, probability_of, verify
from imuge.results import Finding, Pixels, Verdict

Secret = TypeVar("Secret")
Traces = TypeVar("Traces")  # what restoring needs


@dataclass(frozen=True, slots=True)
class Published(Generic[Secret]):
    """A picture as it is published."""

    pixels: Pixels  # of the host's size
    secret: Secret  # what examining needs beside the picture: an image id, a layout, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination(Generic[Traces]):
    """What a contestant found in a received picture."""

    received: Pixels
    probability: NDArray[np.float32]  # (H, W) in [0, 1], of having been tampered with
    mask: Mask  # at the working point that `describe` names
    evidence: Traces
    verdict: Finding | None = None  # None where the contestant gives none
    identified: bool | None = None  # whether the message names this picture; None: there is none

    def at_size(self, size: tuple[int, int]) -> Self:
        """The same in the pixels of the published picture, of `size` (H, W), to be scored there.

        Of a copy that was scaled; one that was cut cannot be held against what was published.
        """
        return replace(
            self,
            received=picture_at(self.received, size),
            probability=values_at(self.probability, size),
            mask=mask_at(self.mask, size),
        )


class Contestant(Protocol[Secret, Traces]):
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

    def examine(self, received: Pixels, secret: Secret) -> Examination[Traces]:
        """Find what was changed in a copy of a picture published with this secret.

        Raises:
            ImugeError: it cannot, and why.
        """

    def restore(self, finding: Examination[Traces], mask: Mask) -> Pixels:
        """The received picture with what was there before inside a mask.

        Args:
            finding: From `examine`.
            mask: (H, W) of the received picture, True = to be recovered: the mask found, or the
                true one.

        Returns:
            (H, W, 3); outside the mask, and a seam around it, it is the received picture.

        Raises:
            ImugeError: it cannot, and why.
        """


class OneSize:
    """What those share that have neither a key of their own nor a strength."""

    takes_strength = False

    def stranger(self) -> Self:
        """Itself: everybody who has the system can do the same."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTraces:
    """What the release recovers from."""

    placement: Placement
    canvas: Canvas  # the copy on its frame
    code: HiddenCode | None  # None where none could be found
    on_frame: Mask  # what was found, before it was drawn in the copy's own pixels
    found: Mask  # and after


class ReleaseContestant:
    """The release, as it is shipped or as its networks alone could be used.

    Args:
        engine: The release; two contestants may share one.
        key: A full key.
        shipped: Whether pictures are verified as the product does: with the key alone, to a
            verdict, at the shipped working points. Else it is told the message, takes copies to
            be whole, and masks are made at probability 0.5 without a minimum area.
        detail: On which frames pictures are published.
    """

    restores = True
    takes_strength = True

    def __init__(
        self, engine: Engine, key: Key, *, shipped: bool, detail: Detail = "normal"
    ) -> None:
        self.name = engine.record.name if shipped else f"{engine.record.name}, plain point"
        self._engine = engine
        self._key = key
        self._shipped = shipped
        self._detail: Detail = detail

    def stranger(self) -> Self:
        """The same release under another key."""
        other = Key.from_secret("stranger", bytes(reversed(range(32))))
        return type(self)(self._engine, other, shipped=self._shipped, detail=self._detail)

    def describe(self) -> dict[str, Any]:
        """The release, the key and the working point."""
        calibration = self._engine.record.calibration.fingerprint
        return {
            "architecture": "imuge",
            "parameters": None,
            "sha256": self._engine.sha256,
            "release": self._engine.record.name,
            "key": self._key.key_id,
            "detail": self._detail,
            "working_point": "shipped" if self._shipped else f"probability {REGION_PROBABILITY}",
            "calibration": calibration if self._shipped else None,
            "onnxruntime": onnxruntime.__version__,
        }

    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[Message]:
        """Protect a picture as `Guard` does, but under image ids that follow from the seed.

        Raises:
            ImageError: the picture is of a size that is not taken.
            ProtectionError: its protection cannot be read back.
        """
        picture = from_array(host)
        prepared = prepare(self._engine, picture.samples, self._detail)
        tried = strengths_tried(strength)
        ids = np.random.default_rng(seed).integers(2**48, size=len(tried))
        for image_id, used in zip(ids.tolist(), tried, strict=True):
            pixels = publish(
                self._engine, picture.samples, prepared, self._key, image_id, strength=used
            )
            found = self._verdict(np.asarray(pixels, np.uint8), search="off")
            if found.verdict == "intact" and found.image_id == f"{image_id:012x}":
                return Published(found.image, Message(image_id, geometry_of(prepared.frame)))
        raise ProtectionError(
            f"the protection could not be read back from the picture made ({found.verdict})"
        )

    def examine(self, received: Pixels, secret: Message) -> Examination[ReleaseTraces | None]:
        """Find what was changed in a copy of the picture with this message."""
        if self._shipped:
            return self._verify(received, secret)
        told = examine_told(self._engine, received, self._key, secret)
        shown = plain_regions(told.located.probability)
        found = in_copy(shown, told.placement)
        return Examination(
            received=received,
            probability=probability_in_copy(shown, told.placement),
            mask=found.mask,
            evidence=ReleaseTraces(
                placement=told.placement,
                canvas=told.canvas,
                code=told.located.code,
                on_frame=shown.mask,
                found=found.mask,
            ),
        )

    def _verify(self, received: Pixels, secret: Message) -> Examination[ReleaseTraces | None]:
        """What the product says, which is not told the message."""
        verdict = self._verdict(received, search="quick")
        probability = probability_of(verdict)
        if probability is None:
            probability = np.zeros(verdict.mask.shape, np.float32)
        return Examination(
            received=received,
            probability=probability,
            mask=verdict.mask,
            evidence=_traces(verdict),
            verdict=verdict.verdict,
            identified=verdict.image_id == f"{secret.image_id:012x}",
        )

    def _verdict(self, pixels: Pixels, *, search: Search) -> Verdict:
        picture = from_array(pixels)
        return verify(self._engine, picture, [self._key], recover=False, search=search)

    def restore(self, finding: Examination[ReleaseTraces | None], mask: Mask) -> Pixels:
        """Recover as the product does, from a mask a little wider than the given one."""
        traces = finding.evidence
        if traces is None or traces.code is None or not mask.any():
            return finding.received
        on_frame = traces.on_frame
        if mask is not traces.found:
            size = (traces.canvas.height, traces.canvas.width)
            on_frame = mask_on_frame(mask, traces.placement, size)
        canvas, code = traces.canvas, traces.code
        told = render_untouched(self._engine, canvas, on_frame, code)
        tone = tone_of(canvas, told, code, widen(canvas, on_frame))
        return recover(
            self._engine, canvas, on_frame, code, finding.received, traces.placement, tone
        )


def _traces(verdict: Verdict) -> ReleaseTraces | None:
    """What a verdict was drawn from; None where no message was read."""
    evidence = verdict.evidence
    if not isinstance(evidence, Evidence):
        return None
    size = (evidence.canvas.height, evidence.canvas.width)
    return ReleaseTraces(
        placement=evidence.placement,
        canvas=evidence.canvas,
        code=evidence.located.code,
        on_frame=np.zeros(size, bool) if evidence.shown is None else evidence.shown.mask,
        found=verdict.mask,
    )
