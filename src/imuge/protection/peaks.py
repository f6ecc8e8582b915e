"""Where a key's waves stand out in a copy's spectrum: all scales and turns, or stretches, at once.

    excess power ─┬─ on log radius x angle ──► a scale and a turn are a shift ──┐
                  └─ on log |x| x log |y| ───► two scales are a shift ──────────┴─► sum at the waves

On such maps a change of the copy moves all waves alike, so one sum of 48 shifted maps tells how
much stands out under every scale and turn (log-polar registration: Reddy and Chatterji 1996). The
maps know no key; they are made once for a copy.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.protection.pilot import (
    CAP,
    NYQUIST,
    RADII,
    WAVES,
    Array,
    Numbers,
    Spectrum,
    Waves,
    power_at,
)

Numbered: TypeAlias = NDArray[np.int64]

SCALES = (0.2, 2.2)  # frame pixels for each of the searched ones
SCALE_STEP = 0.0025  # of its logarithm
ANGLES = 1200  # steps of half a turn
LARGEST_STRETCH = 2.0
FEWEST_WAVES = 24  # as if at least so many had been seen, where a scale takes most out of sight
PLAUSIBLE = 5.0  # standard deviations from which a scale is worth a look
LOWEST = 0.004  # cycles a frame pixel along an axis; what is less counts as so much
MOST = 2  # hits of a key and a copy
MOST_UPRIGHT = 2  # more of them, that are not turned
UPRIGHT_PLAUSIBLE = 3.5  # standard deviations; of upright scales there are fewer, so chance is less
UPRIGHT_STEPS = 1  # of a turn to each side that still count as none
NEAR = 9  # steps within which only the best counts
MIRRORS = (np.eye(2), np.diag([-1.0, 1.0]))
QUARTERS = (np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]]))
# Polishing: how many steps to each side, and how fine they are, as shares and radians.
POLISH_STEPS = 3
POLISH = (1e-3, 4e-4, 1.5e-4)


@dataclass(frozen=True, slots=True)
class Hit:
    """A map from the searched copy to the frame, but for its place, under which waves stand out."""

    score: float  # standard deviations
    matrix: Numbers  # (2, 2), frame pixels for each searched one; or its opposite
    upright: bool = False  # looked for as it is; its opposite is upside down


class Maps:
    """The two maps of a copy's spectrum, each made when it is first asked for."""

    def __init__(self, seen: Spectrum) -> None:
        self.seen = seen

    @cached_property
    def polar(self) -> Array:
        """Excess power less its mean, (log radii, half a turn); 0 beyond what the copy shows."""
        return _polar(self.seen)

    @cached_property
    def oblong(self) -> Array:
        """The same, (2, log |y|, log |x|): where both have one sign, and where they have not."""
        return _oblong(self.seen)


def hits(maps: Maps, keyed: Waves, *, stretches: bool = False, most: int = MOST) -> list[Hit]:
    """Scales and turns at which a key's waves stand out, with and without mirroring, best first.

    Most parts are cut and not turned, and in a small one a turn by chance stands out as far as the
    truth: so the best upright scales come after them, once more where they are among them.

    Args:
        maps: Of the copy.
        keyed: The key's waves.
        stretches: Whether to look for unlike scales of both axes, too, which are upright.
        most: How many at the most, besides `MOST_UPRIGHT`; none below `PLAUSIBLE`.
    """
    found, upright = _turned(maps, keyed, most)
    if stretches:
        found += _stretched(maps, keyed, most)
    best = sorted(found, key=lambda hit: -hit.score)[:most]
    return best + upright


def strength(seen: Spectrum, keyed: Waves, matrix: Numbers) -> float:
    """How far a key's waves stand out under one map, as `hits` scores it, standard deviations.

    Args:
        seen: Of the copy.
        keyed: The key's waves.
        matrix: (2, 2), frame pixels for each searched one.
    """
    across, down = matrix.T @ (keyed.u, keyed.v)
    visible = np.maximum(np.abs(across), np.abs(down)) < NYQUIST
    excess = power_at(seen.excess, seen.bins, across[visible], down[visible]) - seen.mean
    return float(excess.sum() / (seen.spread * np.sqrt(max(len(excess), FEWEST_WAVES))))


def _turned(maps: Maps, keyed: Waves, most: int) -> tuple[list[Hit], list[Hit]]:
    """Every turn, one scale for both axes; and those that are upright and not mirrored."""
    seen, polar = maps.seen, maps.polar
    radius = _steps(np.hypot(keyed.u, keyed.v) / RADII[0])
    angle = np.rint(np.arctan2(keyed.v, keyed.u) / np.pi * ANGLES).astype(int)
    count = _scale_count()
    rows = np.flatnonzero(_radii() < NYQUIST)[-1]
    visible = (radius[:, None] + np.arange(count) <= rows).sum(0)
    doubled = np.concatenate([polar, polar], axis=1)
    found, upright = [], []
    for mirror in MIRRORS:
        # Mirrored, a wave of angle a lies at π - a, and turns go the other way.
        sense = int(mirror[0, 0])
        score = np.zeros((count, ANGLES), np.float32)
        for first, start in zip(radius, (sense * angle) % ANGLES, strict=True):
            score += doubled[first : first + count, start : start + ANGLES]
        score /= seen.spread * np.sqrt(np.maximum(visible, FEWEST_WAVES))[:, None]
        for row, column in _tops(score, ("nearest", "wrap"), most):
            turn = -sense * np.pi * column / ANGLES
            scale = SCALES[0] * np.exp(SCALE_STEP * row)
            matrix = scale * _rotation(turn) @ mirror
            found.append(Hit(float(score[row, column]), matrix))
        if sense > 0:
            upright = _upright(score)
    return found, upright


def _upright(score: Array) -> list[Hit]:
    """The best scales of (scales, turns) without a turn."""
    columns = np.arange(-UPRIGHT_STEPS, UPRIGHT_STEPS + 1)
    best = score[:, columns].max(1)
    highest = ndimage.maximum_filter1d(best, 2 * NEAR + 1)
    rows = np.flatnonzero((best == highest) & (best > UPRIGHT_PLAUSIBLE))
    rows = rows[np.argsort(-best[rows], kind="stable")][:MOST_UPRIGHT]
    scales = SCALES[0] * np.exp(SCALE_STEP * rows)
    return [
        Hit(float(score), scale * np.eye(2), upright=True)
        for score, scale in zip(best[rows], scales, strict=True)
    ]


def _stretched(maps: Maps, keyed: Waves, most: int) -> list[Hit]:
    """Upright, unlike scales of both axes."""
    seen, oblong = maps.seen, maps.oblong
    count = _scale_count()
    unlike = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) * SCALE_STEP
    found = []
    for quarter in QUARTERS:
        for mirror in MIRRORS:
            plain = quarter @ mirror
            f = np.array([keyed.u, keyed.v]).T @ plain  # before the copy's own axes were scaled
            start = np.array([_steps(np.abs(f[:, axis]) / LOWEST) for axis in (0, 1)])
            quadrant = (f.prod(1) < 0).astype(int)
            score = np.zeros((count, count), np.float32)
            for across, down, sign in zip(*start, quadrant, strict=True):
                score += oblong[sign, down : down + count, across : across + count]
            score[unlike > np.log(LARGEST_STRETCH)] = 0
            score /= seen.spread * np.sqrt(WAVES)
            for row, column in _tops(score, ("nearest", "nearest"), most):
                down, across = SCALES[0] * np.exp(SCALE_STEP * np.array([row, column]))
                found.append(Hit(float(score[row, column]), plain @ np.diag([across, down])))
    return found


def _polar(seen: Spectrum) -> Array:
    radii, angles = _radii(), np.pi * np.arange(ANGLES) / ANGLES
    across, down = np.outer(radii, np.cos(angles)), np.outer(radii, np.sin(angles))
    found = power_at(seen.excess, seen.bins, across, down) - seen.mean
    found[radii >= NYQUIST] = 0
    return found


def _oblong(seen: Spectrum) -> Array:
    count = _scale_count() + int(np.ceil(np.log(RADII[1] / LOWEST) / SCALE_STEP)) + 2
    along = LOWEST * SCALES[0] * np.exp(SCALE_STEP * np.arange(count))
    within = along < NYQUIST
    across, down = (
        np.broadcast_to(along, (count, count)),
        np.broadcast_to(along[:, None], (count, count)),
    )
    both = np.stack([power_at(seen.excess, seen.bins, across, sign * down) for sign in (1, -1)])
    return np.where(within & within[:, None], both - seen.mean, 0).astype(np.float32)


def polished(seen: Spectrum, keyed: Waves, hit: Hit) -> Numbers:
    """The map near a hit under which the waves are strongest, on the spectrum between its bins.

    An upright one stays upright: in a small part so few waves stand out that noise would turn and
    stretch it.
    """
    excess = np.minimum(seen.power / seen.noise, 3 * CAP)

    def strengths(matrices: Numbers) -> Array:
        f = np.array([keyed.u, keyed.v]).T @ matrices
        flip = np.where(f[..., 0] < 0, -1.0, 1.0)
        places = [(flip * f[..., 1] * seen.bins) % seen.bins, flip * f[..., 0] * seen.bins]
        there = ndimage.map_coordinates(excess, places, order=1, mode="grid-wrap")
        summed: Array = np.where(np.abs(f).max(-1) < NYQUIST, there, 0).sum(-1)
        return summed

    best, best_strength = hit.matrix, strengths(hit.matrix[None])[0]
    for step in POLISH:
        for moves in ((_SCALE, _STILL),) if hit.upright else ((_SCALE, _TURN), (_ACROSS, _DOWN)):
            around = best + best @ (
                step * (_GRID[:, :1, None] * moves[0] + _GRID[:, 1:, None] * moves[1])
            )
            found = strengths(around)
            top = int(np.argmax(found))
            if found[top] > best_strength:
                best, best_strength = around[top], found[top]
    return best


_SCALE, _TURN = np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])
_ACROSS, _DOWN = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
_STILL = np.zeros((2, 2))
_STEPS = np.arange(-POLISH_STEPS, POLISH_STEPS + 1)
_GRID = np.stack(np.meshgrid(_STEPS, _STEPS, indexing="ij"), -1).reshape(-1, 2)


def _tops(score: Array, modes: tuple[str, str], most: int) -> list[tuple[int, int]]:
    """The highest points of a map that are the highest near them."""
    rows, columns = np.nonzero(score > PLAUSIBLE)
    order = np.argsort(-score[rows, columns])
    kept: list[tuple[int, int]] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        apart = [max(abs(row - r), _apart(column - c, score.shape[1], modes[1])) for r, c in kept]
        if not apart or min(apart) > NEAR:
            kept.append((int(row), int(column)))
        if len(kept) == most:
            break
    return kept


def _apart(steps: int, count: int, mode: str) -> int:
    return min(steps % count, -steps % count) if mode == "wrap" else abs(steps)


def _rotation(angle: float) -> Numbers:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _steps(ratio: Numbers) -> Numbered:
    return np.rint(np.log(np.maximum(ratio, 1)) / SCALE_STEP).astype(int)


def _scale_count() -> int:
    return int(np.log(SCALES[1] / SCALES[0]) / SCALE_STEP)


def _radii() -> Numbers:
    """Cycles a searched pixel, of the polar map's rows."""
    count = _scale_count() + int(np.ceil(np.log(RADII[1] / RADII[0]) / SCALE_STEP)) + 2
    radii: Numbers = RADII[0] * SCALES[0] * np.exp(SCALE_STEP * np.arange(count))
    return radii
