"""Where a copy lies in the frame it was published on, and its pixels brought there.

    copy ─ spectrum ─► scale, turn (peaks at the waves) ─► offset (their phases) ─► placement
                                                                                       │
    frame ◄──────── warp, one resampling from the copy's own pixels ◄── refine ◄───────┘

A placement is an affine map: the copy's pixel position X (centres at +½) lies at frame position
A X + d. Sub-pixel errors cost: 0.3 frame pixels up to a decibel of recovery, so every placement is
refined by the phases of the waves in a grid of windows, where tampered windows are outliers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.image.picture import Samples
from imuge.protection.frame import Frame, to_frame
from imuge.protection.peaks import Maps, hits, polished
from imuge.protection.pilot import (
    Spectrum,
    Waveform,
    Waves,
    amplitudes,
    cell_amplitudes,
    coherence,
    shifts,
    without_shouting,
)

Array: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.float64]

# Finding
SURE = 9.0  # standard deviations of a hit that chance hardly makes
FOUND = 7.0  # standard deviations of a place, likewise
PLACED = 5.6  # standard deviations of a place from which it is read: one by chance has up to 5.4
LEAST_SHOWN = 96.0  # frame pixels along an axis that a copy must show
OVERLAP = 20.0  # frame pixels that a copy may seem to reach beyond its frame
LARGEST_FRAME = 1536  # frame pixels, of a longer side that is published
# Refining
WINDOWS = 4  # a side of the grid in which local displacement is measured
REACH = 2.0  # frame pixels, of the first search in every window
STEP = 0.5
ROUNDS = 4
COHERENT = 3.5  # standard deviations from which a window has a say; unshifted chance is about 1
PHASE_SPREAD = 1.0  # radians beyond which a wave is an outlier
PLAIN_SPREAD = 0.5  # frame pixels at the corners, of what rounding does to the shape of a copy
SNAP = 0.35  # frame pixels at the corners below which a copy is taken to lie edge to edge
DOUBT = 0.15  # mean standard deviations by which windows may prefer a placement to a plainer one
NUDGE, NUDGE_STEP = 0.8, 0.1  # frame pixels
STRETCHES = 1 + 0.0004 * np.arange(-3, 4)
# Warping
STRAIGHT = 0.02  # frame pixels of skew across a copy that are no turn
EDGE = 0.02  # frame pixels of a frame's pixel that a copy must cover to show it
MARGIN = 16  # pixels around a copy that are reflected before it is turned


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The map from a copy to its frame.

    Attributes:
        matrix: (2, 2), frame pixels for each of the copy's, rows and columns in the order x, y.
        offset: (2,), frame position of the copy's upper left corner.
        width: Of the copy, pixels.
        height: Of the copy, pixels.
    """

    matrix: Numbers
    offset: Numbers
    width: int
    height: int

    def corners(self) -> Numbers:
        """The copy's outline in frame pixels, (4, 2): upper left, and on clockwise in the copy."""
        width, height = self.width, self.height
        return self.at(np.array([(0, 0), (width, 0), (width, height), (0, height)], float))

    def at(self, points: Numbers) -> Numbers:
        """Frame positions of points (N, 2) of the copy."""
        mapped: Numbers = points @ self.matrix.T + self.offset
        return mapped

    def back(self, points: Numbers) -> Numbers:
        """Positions in the copy of points (N, 2) of the frame."""
        mapped: Numbers = (points - self.offset) @ np.linalg.inv(self.matrix).T
        return mapped

    def moved(self, across: float, down: float) -> "Placement":
        """The same in a frame that is counted from elsewhere."""
        return replace(self, offset=self.offset + np.array([across, down]))

    def part(self, rows: slice, columns: slice) -> "Placement":
        """Of a part of the copy, as if it had been cut out."""
        return replace(
            self,
            offset=self.offset + self.matrix @ np.array([columns.start, rows.start]),
            width=columns.stop - columns.start,
            height=rows.stop - rows.start,
        )

    def showing(self, there: NDArray[np.bool_]) -> tuple[slice, slice]:
        """Rows and columns of the copy that show what is marked on the frame, (h, w).

        A pixel more on the frame is taken, which interpolation reaches; empty where nothing is.
        """
        if not there.any():
            return slice(0, 0), slice(0, 0)
        (top, bottom), (left, right) = (
            np.flatnonzero(there.any(axis))[[0, -1]] + np.array([-1, 2]) for axis in (1, 0)
        )
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
        limits = np.array([self.width, self.height])
        points = self.back(corners)
        low = np.floor(points.min(0)).clip(0, limits).astype(int)
        high = np.ceil(points.max(0)).clip(0, limits).astype(int)
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    @property
    def orientation(self) -> Numbers:
        """The one of `ORIENTATIONS` that is nearest."""
        plain = np.zeros((2, 2))
        (a, b), (c, d) = self.matrix
        if abs(a) + abs(d) >= abs(b) + abs(c):
            plain[0, 0], plain[1, 1] = np.sign(a), np.sign(d)
        else:
            plain[0, 1], plain[1, 0] = np.sign(b), np.sign(c)
        return plain

    @property
    def scale(self) -> float:
        """Frame pixels for each of the copy's, the geometric mean of both axes."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    @property
    def mirrored(self) -> bool:
        """Whether the copy is a mirror image."""
        return bool(np.linalg.det(self.matrix) < 0)

    @property
    def turn(self) -> float:
        """How far the copy was turned clockwise, degrees in -180..180, before any mirroring."""
        matrix = self.matrix @ np.diag([-1.0, 1.0]) if self.mirrored else self.matrix
        return float(-np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def edge_to_edge(width: int, height: int, frame: Frame, orientation: Numbers) -> Placement:
    """The placement of a whole copy that was turned by quarters or mirrored.

    Args:
        width: Of the copy, pixels.
        height: Of the copy, pixels.
        frame: Of the picture, with how much of it the picture covers.
        orientation: (2, 2), one of `imuge.protection.pilot.ORIENTATIONS`.
    """
    extent = np.array([frame.across, frame.down])
    # Along each axis of the frame the copy's own extent in that direction.
    size = np.abs(orientation) @ np.array([width, height], float)
    matrix = orientation * (extent / size)[:, None]
    reached = np.minimum(0, matrix @ np.array([width, 0])) + np.minimum(
        0, matrix @ np.array([0, height])
    )
    return Placement(matrix=matrix, offset=-reached, width=width, height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A placement that a key's waves speak for."""

    score: float  # standard deviations, `coherence`
    placement: Placement


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
    seen = maps.seen
    size = np.array([width, height], float)
    found = []
    for hit in hits(maps, keyed, stretches=stretches):
        matrix = polished(seen, keyed, hit) * seen.ratio
        middle, reach = matrix @ size / 2, np.abs(matrix) @ size / 2
        amplitude = amplitudes(seen, keyed, matrix, np.zeros(2))
        # A turn by 180° has the same spectrum, and the opposite phases.
        opposite = np.conj(amplitude * np.exp(1j * keyed.phase)) * np.exp(-1j * keyed.phase)
        both = ((1.0, amplitude), (-1.0, opposite))
        places = _places(both, keyed, middle, [_span(one) for one in reach])
        if hit.score > SURE and max(places)[0] < FOUND:
            # The waves are there, and the copy is no part of a frame: a frame is part of the copy.
            places += _places(both, keyed, middle, [_wide_span(one) for one in reach])
        found += [
            Candidate(
                score=score,
                placement=Placement(
                    matrix=sense * matrix, offset=np.array([x, y]), width=width, height=height
                ),
            )
            for score, sense, x, y in places
        ]
    likely = [candidate for candidate in found if candidate.score > PLACED]
    return sorted(likely, key=lambda candidate: -candidate.score)[:most]


def _places(
    both: Sequence[tuple[float, Waveform]],
    keyed: Waves,
    middle: Numbers,
    spans: Sequence[Numbers],
) -> list[tuple[float, float, float, float]]:
    """Standard deviations, sense and offset of the likeliest places, for either sense."""
    return [
        (score, sense, x, y)
        for sense, amplitude in both
        for score, x, y in shifts(
            amplitude, keyed, *(span - sense * at for span, at in zip(spans, middle, strict=True))
        )
    ]


def _span(reach: float) -> Numbers:
    """Where along one axis the middle of a copy may lie that is within the largest frame."""
    return np.arange(reach - OVERLAP, max(LARGEST_FRAME - reach, reach) + OVERLAP)


def _wide_span(reach: float) -> Numbers:
    """The same of a copy that shows something else, too."""
    return np.arange(LEAST_SHOWN - reach, LARGEST_FRAME - LEAST_SHOWN + reach)


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


def warp(
    pixels: Samples, placement: Placement, size: tuple[int, int], *, threads: int = 1
) -> tuple[Array, NDArray[np.bool_]]:
    """Bring a copy's pixels to the frame.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        placement: Where they belong.
        size: Height and width of the frame.
        threads: How many bands to work on at once.

    Returns:
        (h, w, 3) float32 in about 0..255, what lies outside the copy filled by reflection; and
        (h, w) bool, True where the copy shows the frame.
    """
    upright, turned = _upright(pixels, placement)
    skew = max(abs(turned.matrix[0, 1]) * turned.height, abs(turned.matrix[1, 0]) * turned.width)
    move = _scaled if skew < STRAIGHT else _turned
    moved, there = move(upright, turned, size, threads)
    return _filled(moved, there), there


def _upright(pixels: Samples, placement: Placement) -> tuple[Samples, Placement]:
    """The copy with quarter turns and mirroring undone, and the placement of that."""
    orientation = placement.orientation
    flips = orientation.sum(1)  # along x and y of the upright copy
    crossed = pixels.transpose(1, 0, 2) if orientation[0, 0] == 0 else pixels
    upright = crossed[:: int(flips[1]), :: int(flips[0])]
    height, width = upright.shape[:2]
    # A position p in the upright copy is orientationᵀ (p - start) in the copy as it came.
    start = np.where(flips < 0, np.array([width, height], float), 0.0)
    matrix = placement.matrix @ orientation.T
    offset = placement.offset - matrix @ start
    return upright, Placement(matrix=matrix, offset=offset, width=width, height=height)


def _scaled(
    pixels: Samples, placement: Placement, size: tuple[int, int], threads: int
) -> tuple[Array, NDArray[np.bool_]]:
    """A copy whose axes are the frame's: one exact, antialiased scaling."""
    start = placement.offset
    extent = np.diag(placement.matrix) * (placement.width, placement.height)
    limits = np.array([size[1], size[0]])
    first = np.floor(start + EDGE).astype(int)
    last = np.ceil(start + extent - EDGE).astype(int)
    left, top = start - first
    part = Frame(
        width=int(last[0] - first[0]),
        height=int(last[1] - first[1]),
        across=float(extent[0]),
        down=float(extent[1]),
        left=float(left),
        top=float(top),
    )
    scaled = to_frame(pixels, part, threads=threads)
    low, high = first.clip(0, limits), last.clip(0, limits)
    moved = np.zeros((*size, scaled.shape[2]), np.float32)
    there = np.zeros(size, bool)
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    moved[rows, columns] = scaled[
        low[1] - first[1] : high[1] - first[1], low[0] - first[0] : high[0] - first[0]
    ]
    there[rows, columns] = True
    return moved, there


def _turned(
    pixels: Samples, placement: Placement, size: tuple[int, int], threads: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Scale to the frame's density first (antialiased), then move by a bicubic map."""
    density = np.linalg.norm(placement.matrix, axis=0)
    across = max(1, round(placement.width * density[0]))
    down = max(1, round(placement.height * density[1]))
    near = Frame(width=across, height=down, across=float(across), down=float(down))
    dense = to_frame(pixels, near, threads=threads)
    matrix = placement.matrix * (placement.width / across, placement.height / down)
    inverse = np.linalg.inv(matrix)
    start = -inverse @ placement.offset + MARGIN
    padded = np.pad(dense, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")
    data = (*inverse[0], start[0], *inverse[1], start[1])
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).transform(
            (size[1], size[0]), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC
        )
        for plane in np.moveaxis(padded, 2, 0)
    ]
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    points = placement.back(np.column_stack([x.ravel(), y.ravel()]))
    limits = np.array([placement.width, placement.height])
    there = np.all((points > 0) & (points < limits), axis=1).reshape(size)
    return np.stack([np.asarray(plane) for plane in planes], 2), there


def _filled(moved: Array, there: NDArray[np.bool_]) -> Array:
    """Fill what the copy does not show by reflection at the nearest point that it does."""
    if there.all() or not there.any():
        return moved
    rows, columns = np.nonzero(~there)
    nearest = ndimage.distance_transform_edt(~there, return_distances=False, return_indices=True)
    at = nearest[:, rows, columns]
    beyond = [
        (2 * edge - place).clip(0, limit - 1)
        for edge, place, limit in zip(at, (rows, columns), there.shape, strict=True)
    ]
    seen = there[beyond[0], beyond[1]]
    filled = moved.copy()
    filled[rows, columns] = np.where(
        seen[:, None], moved[beyond[0], beyond[1]], moved[at[0], at[1]]
    )
    return filled


def unwarp(values: Array, placement: Placement) -> Array:
    """Bring numbers on the frame, (h, w), to the copy's own pixels, (H, W), bicubically.

    What the copy shows beyond the frame is 0.
    """
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.array(to_copy(image, placement, Image.Resampling.BICUBIC))


def to_copy(image: Image.Image, placement: Placement, resampling: Image.Resampling) -> Image.Image:
    """Bring a plane on the frame to the copy's own pixels; 0 beyond the frame."""
    (a, b), (d, e) = placement.matrix
    data = (a, b, placement.offset[0], d, e, placement.offset[1])
    size = (placement.width, placement.height)
    return image.transform(size, Image.Transform.AFFINE, data, resampling)
