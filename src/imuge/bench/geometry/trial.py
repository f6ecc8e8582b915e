"""One copy: made as its move says, verified, and held against the truth.

All is scored in the copy's own pixels: where the published picture's lie there is known exactly,
and so is where the copy lies in its frame.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imuge.attacks.resave import carried, parse_chain, placed, resave
from imuge.attacks.retouch import tamper
from imuge.bench.geometry.cases import Move
from imuge.bench.grid.edits import read_back
from imuge.bench.grid.trials import Scores
from imuge.bench.pictures import covering
from imuge.bench.scores import f1, psnr_db
from imuge.engine import Engine
from imuge.image import from_array
from imuge.keys import Key
from imuge.protection.embed import prepare, publish
from imuge.protection.frame import published_frame
from imuge.protection.pilot import ORIENTATIONS
from imuge.protection.placement import Placement, edge_to_edge
from imuge.protection.places import Search
from imuge.protection.verify import Evidence, verify
from imuge.results import Pixels, Verdict

Mask = NDArray[np.bool_]
Map = NDArray[np.float64]

ACCUSING = ("tampered", "foreign")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A photograph, published, and another one to paste from."""

    original: Pixels
    published: Pixels
    other: Pixels
    image_id: int
    key: Key
    number: int  # of the picture: the seed of all that is drawn

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.original.shape[:2]
        return height, width


def subject(engine: Engine, key: Key, original: Pixels, other: Pixels, number: int) -> Subject:
    """Publish a photograph."""
    size = (original.shape[0], original.shape[1])
    image_id = int(np.random.default_rng(number).integers(2**48))
    made = publish(engine, original, prepare(engine, original), key, image_id)
    return Subject(
        original=original,
        published=np.asarray(made, np.uint8),
        other=covering(other, size),
        image_id=image_id,
        key=key,
        number=number,
    )


class Unmoved:
    """What becomes of a picture that was tampered with and saved, and not moved; each once."""

    def __init__(self, engine: Engine, of: Subject) -> None:
        self._engine, self._of = engine, of
        self._known: dict[bytes, Verdict] = {}

    def verdict(self, forged: Pixels, process: str) -> Verdict:
        """Of a picture after a process."""
        name = hashlib.sha256(forged.tobytes() + process.encode()).digest()
        if name not in self._known:
            copy = read_back(forged, process)
            self._known[name] = _verified(self._engine, self._of, copy, "off", recover=True)
        return self._known[name]


def scores(engine: Engine, of: Subject, move: Move, unmoved: Unmoved) -> Scores:
    """What became of a moved copy, tampered with and untouched, and of an unmoved one.

    Returns:
        `read`, whether the message was; `corner_error` in frame pixels, of the worst corner, where
        it was read; `f1` and `area_db`, and the same of the copy that was not moved as
        `plain_f1`, `plain_area_db`; `accused`, whether the untouched one was; `verdict`, of it.
    """
    chain = parse_chain(move.steps(of.number))
    back = placed(of.size, chain, seed=of.number)
    forged, mask = _tampered(of, back, chain_size(of, move))
    true = carried(mask, chain, seed=of.number)
    wanted = resave(of.original, chain, seed=of.number)

    def received(pixels: Pixels) -> Verdict:
        copy = read_back(resave(pixels, chain, seed=of.number), move.process)
        return _verified(engine, of, copy, move.search, recover=pixels is forged)

    changed = received(forged)
    untouched = received(of.published)
    read = changed.image_id == f"{of.image_id:012x}"
    plain = unmoved.verdict(forged, move.process)
    plain_mask = carried(plain.mask, chain, seed=of.number)
    plain_made = resave(_shown(plain), chain, seed=of.number)
    found: Scores = {
        "read": float(read),
        "f1": f1(changed.mask, true),
        "area_db": psnr_db(wanted, _shown(changed), true),
        "plain_f1": f1(plain_mask, true),
        "plain_area_db": psnr_db(wanted, plain_made, true),
        "accused": float(untouched.verdict in ACCUSING),
        "verdict": untouched.verdict,
    }
    if read and isinstance(changed.evidence, Evidence):
        found["corner_error"] = corner_error(changed.evidence.placement, of.size, back)
    return found


def chain_size(of: Subject, move: Move) -> tuple[int, int]:
    """Height and width of the moved copy."""
    moved = carried(np.zeros(of.size, bool), parse_chain(move.steps(of.number)), seed=of.number)
    return moved.shape[0], moved.shape[1]


def _tampered(of: Subject, back: Map, size: tuple[int, int]) -> tuple[Pixels, Mask]:
    """Splice a tenth of what the copy will show."""
    height, width = size
    corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)]) @ back.T
    limits = np.array(of.size[::-1])
    left, top = np.rint(corners.min(0)).astype(int).clip(0, limits)
    right, bottom = np.rint(corners.max(0)).astype(int).clip(0, limits)
    part = (slice(top, bottom), slice(left, right))
    rng = np.random.default_rng((of.number, 1))
    made = tamper(of.published[part], "splice", area=0.1, rng=rng, other=of.other[part])
    forged, mask = of.published.copy(), np.zeros(of.size, bool)
    forged[part], mask[part] = made.picture, made.mask
    return forged, mask


def _verified(
    engine: Engine, of: Subject, copy: Pixels, search: Search, *, recover: bool
) -> Verdict:
    return verify(engine, from_array(copy), [of.key], recover=recover, search=search)


def _shown(verdict: Verdict) -> Pixels:
    """What a user is shown as the picture before."""
    return verdict.image if verdict.recovered is None else verdict.recovered


def corner_error(placement: Placement, size: tuple[int, int], back: Map) -> float:
    """Frame pixels by which the corner of what is shown that is worst placed is off.

    Args:
        placement: Of the copy, as it was found.
        size: Height and width of the published picture.
        back: From the copy's pixels to the published picture's, (2, 3).
    """
    height, width = size
    whole = edge_to_edge(width, height, published_frame(width, height), ORIENTATIONS[0])
    across, down = placement.width, placement.height
    corners = np.array([(0, 0, 1), (across, 0, 1), (across, down, 1), (0, down, 1)], float)
    shown = (corners @ back.T).clip(0, (width, height))  # what lies around it has no place
    in_copy = (shown - back[:, 2]) @ np.linalg.inv(back[:, :2]).T
    return float(np.linalg.norm(placement.at(in_copy) - whole.at(shown), axis=1).max())
