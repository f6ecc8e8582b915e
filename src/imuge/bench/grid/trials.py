"""Every case of one photograph under one contestant, and the scores of each.

The order is the protocol's: immunize, round to 8 bits, publish as a file, tamper, process with real
encoders, read the file back, examine. Recovery is held against the clean original, beside the copy
as it was received and beside plain inpainting with the true mask. Pictures are tampered with at the
size at which they were published, and everything is scored in the pixels of that size.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from imuge.attacks.retouch import Tampered
from imuge.bench.contestants import Contestant, Examination, Published
from imuge.bench.grid import edits
from imuge.bench.grid.cases import UNTOUCHED, Case
from imuge.bench.inpainting import smooth_fill
from imuge.bench.pictures import Photograph, covering, mask_at, picture_at
from imuge.bench.scores import (
    SIGNIFICANT,
    Mask,
    auc,
    f1,
    false_alarm_area,
    iou,
    ms_ssim,
    precision,
    psnr_db,
    recall,
    region_scores,
    ssim,
)
from imuge.errors import ImugeError
from imuge.results import Pixels

AnyContestant: TypeAlias = Contestant[Any, Any]
# Numbers and, under `verdict`, a word.
Scores: TypeAlias = dict[str, float | str]

HOST, DONOR = 2, 3  # parts of the seeds


class Subject:
    """A photograph, the one that content is pasted from, and what a contestant made of both.

    Args:
        contestant: Protects them.
        photograph: The one that is tampered with.
        other: Where content from elsewhere comes from; scaled to cover the first.
        seed: Of all that is drawn at random, 0 or more.
    """

    def __init__(
        self, contestant: AnyContestant, photograph: Photograph, other: Photograph, *, seed: int
    ) -> None:
        self.contestant = contestant
        self.original = photograph.pixels
        self._donor = other.pixels
        self._seed = seed
        self._published: dict[float, Published[Any]] = {}
        self._edited: tuple[Case, Tampered] | None = (
            None  # the last; encoding large files takes long
        )
        self._fidelity: dict[float, Scores] = {}

    @cached_property
    def other(self) -> Pixels:
        """The other photograph, of the first one's size."""
        return self._fitted(self._donor)

    def _edit(self, case: Case) -> Tampered:
        """The published file after tampering, before processing."""
        if self._edited is None or self._edited[0] != case:
            file = edits.read_back(self.published(case.strength).pixels, case.published)
            self._edited = case, edits.apply(case, file, self, seed=(self._seed,))
        return self._edited[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the photograph, and of what is published."""
        height, width = self.original.shape[:2]
        return height, width

    def published(self, strength: float) -> Published[Any]:
        """The photograph, protected; a strength is computed once.

        Raises:
            ImugeError: the contestant cannot.
        """
        if strength not in self._published:
            self._published[strength] = self.contestant.immunize(
                self.original, seed=self._part(HOST), strength=strength
            )
        return self._published[strength]

    def fidelity(self, strength: float) -> Scores:
        """How near the published picture is to the photograph."""
        if strength not in self._fidelity:
            pair = self.original, self.published(strength).pixels
            self._fidelity[strength] = {
                "psnr_db": psnr_db(*pair),
                "ssim": ssim(*pair),
                "ms_ssim": ms_ssim(*pair),
            }
        return self._fidelity[strength]

    @cached_property
    def same_key(self) -> Pixels:
        """The other photograph, protected by the same hands."""
        made = self.contestant.immunize(self._donor, seed=self._part(DONOR))
        return self._fitted(made.pixels)

    @cached_property
    def other_key(self) -> Pixels:
        """The other photograph, protected by other hands."""
        stranger = self.contestant.stranger()
        return self._fitted(stranger.immunize(self._donor, seed=self._part(DONOR)).pixels)

    def forged(self, case: Case) -> tuple[Pixels, Mask]:
        """What comes back as a file, and the true mask in the published picture's own pixels."""
        made = self._edit(replace(case, process="none"))
        return edits.read_back(made.picture, case.process), made.mask

    def _fitted(self, pixels: Pixels) -> Pixels:
        return covering(pixels, self.size)

    def _part(self, number: int) -> int:
        return number * 1_000_000 + self._seed


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one case, or why there are none."""

    case: Case
    scores: Scores
    cannot: str | None = None


def measure(
    subject: Subject, cases: Iterable[Case], *, step: Callable[[], None] = lambda: None
) -> Iterator[Row]:
    """Measure all cases that the contestant can do; `step` is called after each.

    Yields:
        A row a case, in their order. Cases of another strength are passed over where the
        contestant has only one, and copies scaled down where the picture is smaller already.
    """
    longer = max(subject.original.shape[:2])
    for case in cases:
        able = case.strength == 1 or subject.contestant.takes_strength
        if able and case.applies_to(longer):
            try:
                yield Row(case, scores_of(subject, case))
            except ImugeError as error:
                yield Row(case, {}, str(error))
        step()


def scores_of(subject: Subject, case: Case) -> Scores:
    """The scores of one case.

    Returns:
        Always: `psnr_db`, `ssim`, `ms_ssim` of what was published; `verdict` (a word) and
        `identified` where the contestant gives them. Of tampered pictures also localization and
        recovery; of untouched ones `false_area` (fraction), `alarm` (more than a thousandth of
        the picture marked), `any`. Where a part was cut out there are no masks to compare.

    Raises:
        ImugeError: the contestant cannot protect or examine the picture.
    """
    published = subject.published(case.strength)
    received, true = subject.forged(case)
    finding = subject.contestant.examine(received, published.secret)
    scores = dict(subject.fidelity(case.strength))
    if finding.verdict is not None:
        scores["verdict"] = finding.verdict
    if finding.identified is not None:
        scores["identified"] = float(finding.identified)
    if not case.keeps_geometry:
        return scores
    seen = finding.at_size(subject.size)
    if case.tamper == UNTOUCHED:
        return scores | alarms(seen.mask, true)
    return scores | localization(seen, true) | recovery(subject, finding, true)


def alarms(mask: Mask, true: Mask) -> Scores:
    """What is marked in an untouched picture."""
    area = false_alarm_area(mask, true)
    return {"false_area": area, "alarm": float(area > SIGNIFICANT), "any": float(mask.any())}


def localization(finding: Examination[Any], true: Mask) -> Scores:
    """How well the mask and the probability tell what was tampered with."""
    regions = region_scores(finding.mask, true)
    return {
        "f1": f1(finding.mask, true),
        "iou": iou(finding.mask, true),
        "precision": precision(finding.mask, true),
        "recall": recall(finding.mask, true),
        "false_area": false_alarm_area(finding.mask, true),
        "auc": auc(finding.probability, true),
        "region_precision": regions.precision,
        "region_recall": regions.recall,
    }


def recovery(subject: Subject, finding: Examination[Any], true: Mask) -> Scores:
    """PSNR to the clean original, decibels, whole and in the true mask, of what can be shown.

    `attacked` is the copy as received, `inpainted` the true mask filled from its surroundings,
    `found` and `given` what the contestant recovers in the mask it found and in the true one.
    """
    received = picture_at(finding.received, subject.size)
    shown = {"attacked": received, "inpainted": smooth_fill(received, true)}
    if subject.contestant.restores:
        shown["found"] = restored(subject, finding, finding.mask)
        shown["given"] = restored(subject, finding, true)
    scores: Scores = {}
    for name, picture in shown.items():
        scores[f"{name}_whole_db"] = psnr_db(subject.original, picture)
        scores[f"{name}_area_db"] = psnr_db(subject.original, picture, true)
    return scores


def restored(subject: Subject, finding: Examination[Any], mask: Mask) -> Pixels:
    """What the contestant recovers in a mask of the copy or of the published picture.

    Returns:
        (H, W, 3), of the published picture's size.
    """
    height, width = finding.received.shape[:2]
    made = subject.contestant.restore(finding, mask_at(mask, (height, width)))
    return picture_at(made, subject.size)
