"""Where a copy lies in the frame it was published on.

    copy ─ spectrum ─► scale, turn (peaks at the waves) ─► offset (their phases) ─► placement
                                                                                       │
                                straightened ◄──────────────────────────── refined ◄───┘

Sub-pixel errors cost: 0.3 frame pixels up to a decibel of recovery, so every placement is refined
by the phases of the waves in a grid of windows, where tampered windows are outliers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.protection.frame import SIDES, whole_frame
from imuge.protection.peaks import Hit, Maps, hits, polished, strength
from imuge.protection.pilot import (
    ORIENTATIONS,
    Spectrum,
    Waveform,
    Waves,
    amplitudes,
    cell_amplitudes,
    coherence,
    shifts,
    without_shouting,
)
from imuge.protection.placement import LONGEST, Placement, edge_to_edge

Numbers: TypeAlias = NDArray[np.float64]

# Finding
SURE = 9.0  # standard deviations of a hit that chance hardly makes
FOUND = 7.0  # standard deviations of a place, likewise
PLACED = 5.6  # standard deviations of a place from which it is read: one by chance has up to 5.4
SMALL = 384.0  # frame pixels along an axis up to which a part is a small one
SMALL_SHARE = 0.4  # of its frame's longer side that a small upright part shows at least
SMALL_PLACED = 4.6  # standard deviations of its place: such frames have fewer, so chance has less
LEAST_SHOWN = 96.0  # frame pixels along an axis that a copy must show
OVERLAP = 20.0  # frame pixels that a copy may seem to reach beyond its frame
# Refining
WINDOWS = 4  # a side of the grid in which local displacement is measured
REACH = 2.0  # frame pixels, of the first search in every window
STEP = 0.5
ROUNDS = 4
COHERENT = 3.5  # standard deviations from which a window has a say; unshifted chance is about 1
PHASE_SPREAD = 1.0  # radians beyond which a wave is an outlier
PLAIN_SPREAD = 0.5  # frame pixels at the corners, of what rounding does to the shape of a copy
DOUBT = 0.15  # mean standard deviations by which windows may prefer a placement to a plainer one
NUDGE, NUDGE_STEP = 0.8, 0.1  # frame pixels
STRETCHES = 1 + 0.0004 * np.arange(-3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A placement that a key's waves speak for."""

    score: float  # standard deviations, `coherence`
    placement: Placement
    upright: bool = False  # a small part that was cut and not turned


def candidates(
    maps: Maps,
    keyed: Waves,
    width: int,
    height: int,
    *,
    stretches: bool = False,
    most: int = 4,
) -> list[Candidate]:
    """Where a copy may lie in its frame, likeliest first.

    Args:
        maps: Of the copy's spectrum.
        keyed: The key's waves.
        width: Of the copy, pixels.
        height: Of the copy, pixels.
        stretches: Whether its axes may have unlike scales.
        most: How many to give at the most; none where no waves stand out.
    """
    size = (width, height)
    stood_out = hits(maps, keyed, stretches=stretches)
    found = [
        candidate
        for hit in stood_out
        if not hit.upright
        for candidate in _parts(maps.seen, keyed, hit, size)
    ]
    if max((candidate.score for candidate in found), default=0) < FOUND:
        found += [
            candidate
            for hit in stood_out
            if hit.upright
            for candidate in _small_parts(maps.seen, keyed, hit, size)
        ]
    return sorted(found, key=lambda candidate: -candidate.score)[:most]


def whole_candidates(seen: Spectrum, keyed: Waves, width: int, height: int) -> list[Candidate]:
    """Where a whole, upright copy lies in any frame, where the waves leave no doubt.

    Most copies are whole, and this asks nine frames where `candidates` searches all scales and
    turns, for each key anew.

    Args:
        seen: Spectrum of the copy.
        keyed: The key's waves.
        width: Of the copy, pixels.
        height: Of the copy, pixels.
    """
    found = []
    for side in SIDES:
        edges = edge_to_edge(width, height, whole_frame(width, height, side), ORIENTATIONS[0])
        matrix = edges.matrix / seen.ratio
        if (score := strength(seen, keyed, matrix)) > SURE:
            found += _parts(seen, keyed, Hit(score, matrix), (width, height))
    return [candidate for candidate in found if candidate.score > FOUND]


def _parts(seen: Spectrum, keyed: Waves, hit: Hit, size: tuple[int, int]) -> list[Candidate]:
    """Where a copy may lie in any frame, as it is and upside down, or a frame in it."""
    matrix = polished(seen, keyed, hit) * seen.ratio
    middle, reach = matrix @ size / 2, np.abs(matrix) @ size / 2
    amplitude = amplitudes(seen, keyed, matrix, np.zeros(2))
    # A turn by 180° has the same spectrum, and the opposite phases.
    opposite = np.conj(amplitude * np.exp(1j * keyed.phase)) * np.exp(-1j * keyed.phase)
    senses = [(1.0, amplitude), (-1.0, opposite)]
    places = _places(senses, keyed, middle, [_span(one, LONGEST) for one in reach])
    if hit.score > SURE and max(places)[0] < FOUND:
        # The waves are there, and the copy is no part of a frame: a frame is part of the copy.
        places += _places(senses, keyed, middle, [_wide_span(one) for one in reach])
    return _likely(places, matrix, size, PLACED)


def _small_parts(seen: Spectrum, keyed: Waves, hit: Hit, size: tuple[int, int]) -> list[Candidate]:
    """The same of a small part that was cut and not turned, in frames of which it shows much."""
    matrix = polished(seen, keyed, hit) * seen.ratio
    middle = matrix @ size / 2
    longest = 2 * float(middle.max())
    if longest > SMALL:
        return []
    senses = [(1.0, amplitudes(seen, keyed, matrix, np.zeros(2)))]
    spans = [_span(reach, longest / SMALL_SHARE) for reach in middle]
    places = _places(senses, keyed, middle, spans)
    return _likely(places, matrix, size, SMALL_PLACED, upright=True)


def _likely(
    places: list[tuple[float, float, float, float]],
    matrix: Numbers,
    size: tuple[int, int],
    least: float,
    *,
    upright: bool = False,
) -> list[Candidate]:
    """Those above so many standard deviations."""
    width, height = size
    return [
        Candidate(
            score=score,
            placement=Placement(
                matrix=sense * matrix, offset=np.array([x, y]), width=width, height=height
            ),
            upright=upright,
        )
        for score, sense, x, y in places
        if score > least
    ]


def _places(
    senses: Sequence[tuple[float, Waveform]],
    keyed: Waves,
    middle: Numbers,
    spans: Sequence[Numbers],
) -> list[tuple[float, float, float, float]]:
    """Standard deviations, sense and offset of the likeliest places, for every sense."""
    return [
        (score, sense, x, y)
        for sense, amplitude in senses
        for score, x, y in shifts(
            amplitude, keyed, *(span - sense * at for span, at in zip(spans, middle, strict=True))
        )
    ]


def _span(reach: float, longest: float) -> Numbers:
    """Where along one axis the middle of a copy may lie that is within frames of up to a side."""
    return np.arange(reach - OVERLAP, max(longest - reach, reach) + OVERLAP)


def _wide_span(reach: float) -> Numbers:
    """The same of a copy that shows something else, too."""
    return np.arange(LEAST_SHOWN - reach, LONGEST - LEAST_SHOWN + reach)


def refined(seen: Spectrum, keyed: Waves, placement: Placement) -> Placement:
    """Correct a placement by the phases of the waves in a grid of windows.

    Args:
        seen: Spectrum of the copy.
        keyed: The key's waves.
        placement: Right to about two frame pixels.

    Returns:
        The placement with an affine correction: first a common shift, then Gauss-Newton steps on
        all phases, in which windows without coherent waves have no say. As given where too few
        windows have any.
    """
    steps = np.arange(-REACH, REACH + STEP / 2, STEP)
    whole = amplitudes(seen, keyed, placement.matrix, placement.offset)
    _, x, y = shifts(whole, keyed, steps, steps, most=1)[0]
    placement = replace(placement, offset=placement.offset + np.array([x, y]))
    for _ in range(ROUNDS):
        points, found = local_amplitudes(seen, keyed, placement)
        sure = np.array([coherence(one) for one in found])
        if (sure > COHERENT).sum() < 3:
            return placement
        weights = np.abs(found) * np.where(sure > COHERENT, sure, 0)[:, None] ** 2
        change = _phase_fit(keyed, points, found, weights)
        linear, shift = change[:, :2], change[:, 2]
        placement = replace(
            placement, matrix=placement.matrix + linear, offset=placement.offset + shift
        )
    return placement


def straightened(seen: Spectrum, keyed: Waves, placement: Placement) -> Placement:
    """The plainest placement that is near, if the waves say hardly less for it.

    Most parts are cut, not turned, and scaled alike on both axes; of a small one the phases alone
    tell the rest only roughly.
    """
    alike = placement.orientation * placement.scale
    upright = placement.matrix * np.abs(placement.orientation)
    for matrix in (alike, upright):
        plain = _best_of_shape(seen, keyed, placement, matrix)
        if hardly_worse(seen, keyed, plain, placement):
            return plain
    return placement


def _best_of_shape(
    seen: Spectrum, keyed: Waves, placement: Placement, matrix: Numbers
) -> Placement:
    """The placement of this shape on which the waves agree best, near the one given."""
    middle = np.array([placement.width, placement.height]) / 2
    at = placement.matrix @ middle + placement.offset
    steps = np.arange(-NUDGE, NUDGE + NUDGE_STEP / 2, NUDGE_STEP)
    found = []
    for stretch in STRETCHES:
        grown = matrix * stretch
        offset = at - grown @ middle
        amplitude = amplitudes(seen, keyed, grown, offset)
        score, x, y = shifts(amplitude, keyed, steps, steps, most=1)[0]
        found.append((score, replace(placement, matrix=grown, offset=offset + np.array([x, y]))))
    return max(found, key=lambda one: one[0])[1]


def hardly_worse(seen: Spectrum, keyed: Waves, plain: Placement, placement: Placement) -> bool:
    """Whether the waves say hardly less for a plainer placement, in every part of a copy.

    Windows are asked each for itself: in the whole, the middle outshouts corners that are off.
    """
    for_plain, best = (
        np.mean([coherence(one) for one in local_amplitudes(seen, keyed, place)[1]])
        for place in (plain, placement)
    )
    return bool(for_plain > best - DOUBT)


def local_amplitudes(
    seen: Spectrum, keyed: Waves, placement: Placement
) -> tuple[Numbers, Waveform]:
    """Amplitudes in overlapping windows of a copy.

    Returns:
        The windows' centres in the copy's pixels, (N, 2), and the waves' amplitudes, (N, 48).
    """
    height, width = seen.detail.shape
    cells = 2 * WINDOWS
    rows, columns = (np.linspace(0, side, cells + 1).astype(int) for side in (height, width))
    each = cell_amplitudes(seen, keyed, placement.matrix, placement.offset, rows, columns)
    windows = each[:-1, :-1] + each[:-1, 1:] + each[1:, :-1] + each[1:, 1:]
    found = np.array([without_shouting(one) for one in windows.reshape(-1, each.shape[-1])])
    middles = np.meshgrid((columns[:-2] + columns[2:]) / 2, (rows[:-2] + rows[2:]) / 2)
    points = np.column_stack([middle.ravel() for middle in middles])
    return points / np.array(seen.ratio), found


def _phase_fit(keyed: Waves, points: Numbers, found: Waveform, weights: Numbers) -> Numbers:
    """(2, 3): the affine displacement that best explains the phases, outliers weighted down.

    A slight pull keeps small parts, which tell little of it, from being sheared or stretched.
    """
    phase = np.angle(found)
    trust = weights * np.exp(-((phase / PHASE_SPREAD) ** 2))
    middle, spread = points.mean(0), max(float(np.ptp(points, axis=0).max()), 1.0)
    plain = (points - middle) / spread
    waves = 2 * np.pi * np.column_stack([keyed.u, keyed.v])
    around = np.column_stack([plain, np.ones(len(points))])  # x, y, 1
    slopes = np.einsum("ki,pj->pkij", waves, around).reshape(*phase.shape, 6)
    root = np.sqrt(trust)[..., None]
    # Of the linear part: rotation and common scale are free, stretch and shear are pulled to 0.
    pull = np.array([[1, 0, 0, 0, -1, 0], [0, 1, 0, 1, 0, 0]]) / PLAIN_SPREAD
    rows = np.vstack([(slopes * root).reshape(-1, 6), pull * np.sqrt(trust.mean())])
    wanted = np.concatenate([(phase * root[..., 0]).ravel(), np.zeros(2)])
    fitted = np.linalg.lstsq(rows, wanted, rcond=None)[0].reshape(2, 3)
    linear = fitted[:, :2] / spread
    return np.column_stack([linear, fitted[:, 2] - linear @ middle])
