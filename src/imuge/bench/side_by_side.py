"""Every case of every picture, the same for every contestant.

    immunize ─► 8 bits ─► tamper ─► process with real encoders ─► examine, restore ─► scores

The masks and processing are those of `imuge.bench.acceptance`, and one more content is pasted:
another picture that the same contestant protected, under a secret of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge.bench.acceptance import AREAS, SIGNIFICANT
from imuge.bench.cases import PROCESSING, SIDE, blob, contents
from imuge.bench.contestants import Contestant, Finding, Published
from imuge.bench.inpainting import inpainted
from imuge.bench.metrics import auc, iou, precision, recall
from imuge.bench.pictures import Photograph
from imuge.bench.scores import Mask, f1, psnr_db, ssim
from imuge.errors import ImugeError
from imuge.results import Pixels

PROCESSES = (
    "none",
    "JPEG 90",
    "JPEG 75",
    "JPEG 50",
    "WebP 80",
    "resize 0.7 bicubic",
    "blur 0.8",
)
HOST_SEED, DONOR_SEED = 2_000_000, 3_000_000  # and the number of the picture
MASK_SEED = 2  # the acceptance's

AnyContestant: TypeAlias = Contestant[Any, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one contestant reached."""

    rows: dict[str, list[dict[str, float]]]  # every metric of every case, picture by picture
    cannot: dict[str, str] = field(default_factory=dict)  # by picture: why it is left out

    def averages(self) -> dict[str, dict[str, float]]:
        """Mean over pictures of every metric, and `pictures`, how many there were."""
        return {
            name: {
                "pictures": len(values),
                **{key: float(np.mean([value[key] for value in values])) for key in values[0]},
            }
            for name, values in self.rows.items()
        }


def mask_of(number: int, side: int) -> Mask:
    """The true mask of a picture, (side, side): the acceptance's, every second pixel at 256."""
    step = SIDE // side
    whole = blob(AREAS[number % len(AREAS)], np.random.default_rng([MASK_SEED, number]))
    return np.ascontiguousarray(whole[::step, ::step])


def measure_picture(
    contestant: AnyContestant, pictures: Sequence[Photograph], number: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """Every case of one picture.

    Yields:
        The row and its metrics: `immunized`; each tampering and processing, `splice, JPEG 75`; each
        processing of the untouched picture, `untouched, JPEG 75`.

    Raises:
        ImugeError: the contestant cannot protect or examine the picture, or the one pasted.
    """
    original, previous = pictures[number].pixels, pictures[number - 1].pixels
    published = contestant.immunize(original, seed=HOST_SEED + number)
    yield (
        "immunized",
        {"psnr_db": psnr_db(original, published.pixels), "ssim": ssim(original, published.pixels)},
    )
    donor = contestant.immunize(previous, seed=DONOR_SEED + number)
    true = mask_of(number, len(original))
    pasted = {**contents(published.pixels, previous), "protected splice": donor.pixels}
    for kind, content in pasted.items():
        forged = np.where(true[..., None], content, published.pixels)
        for process, received in _processed(forged):
            finding = contestant.examine(received, published.secret)
            yield f"{kind}, {process}", _scores(contestant, finding, original, true)
    for process, received in _processed(published.pixels):
        yield f"untouched, {process}", _alarms(contestant, published, received)


def _processed(picture: Pixels) -> Iterator[tuple[str, Pixels]]:
    rng = np.random.default_rng(0)  # none of these processes draws
    for name in PROCESSES:
        yield name, PROCESSING[name](picture, rng)


def _scores(
    contestant: AnyContestant, finding: Finding[Any], original: Pixels, true: Mask
) -> dict[str, float]:
    """Localization and recovery of one received picture; PSNR is to the clean original."""
    shown = {"attacked": finding.received, **inpainted(finding.received, true)}
    if contestant.restores:
        shown["found"] = contestant.restore(finding, finding.mask)
        shown["given"] = contestant.restore(finding, true)
    scores = {
        "f1": f1(finding.mask, true),
        "iou": iou(finding.mask, true),
        "precision": precision(finding.mask, true),
        "recall": recall(finding.mask, true),
        "auc": auc(finding.probability, true),
    }
    for name, picture in shown.items():
        scores[f"{name}_whole_db"] = psnr_db(original, picture)
        scores[f"{name}_area_db"] = psnr_db(original, picture, true)
    return scores


def _alarms(
    contestant: AnyContestant, published: Published[Any], received: Pixels
) -> dict[str, float]:
    """What is falsely marked in an untouched picture."""
    mask = contestant.examine(received, published.secret).mask
    return {
        "false_area": float(mask.mean()),
        "alarm": float(mask.mean() > SIGNIFICANT),
        "any": float(mask.any()),
    }


def measure(
    contestants: Sequence[AnyContestant], pictures: Sequence[Photograph], *, console: Console
) -> dict[str, Measured]:
    """Every case of every picture and contestant; a picture counts whole or not at all."""
    measured = {one.name: Measured(defaultdict(list)) for one in contestants}
    turns = [(number, one) for number in range(len(pictures)) for one in contestants]
    for number, contestant in track(turns, "side by side", console=console):
        into = measured[contestant.name]
        try:
            found = list(measure_picture(contestant, pictures, number))
        except ImugeError as error:
            into.cannot[pictures[number].name] = str(error)
            continue
        for row, scores in found:
            into.rows[row].append(scores)
    return measured
