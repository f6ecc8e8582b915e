"""Where a copy lies in the frame it was published on, and its pixels brought there.

    copy ─ spectrum ─► scale, turn (peaks at the waves) ─► offset (their phases) ─► placement
                                                                                       │
    frame ◄──────── warp, one resampling from the copy's own pixels ◄── refine ◄───────┘

A placement is an affine map: the copy's pixel position X (centres at +½) lies at frame position
A X + d. Sub-pixel errors cost: 0.3 frame pixels up to a decibel of recovery, so every placement is
refined by the phases of the waves in a grid of windows, where tampered windows are outliers.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.protection.frame import Frame, Samples, to_frame
from imuge.protection.pilot import Spectrum, Waves, amplitudes

Array: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.float64]

WINDOWS = 4  # a side of the grid in which local displacement is measured
REACH = 2.0  # frame pixels, of the search in every window
STEP = 0.25
SURE = 5.0  # standard deviations; a window below tells nothing
ROUNDS = 3
STRAIGHT = 0.02  # frame pixels of skew across a copy that are no turn
EDGE = 0.02  # frame pixels of a frame's pixel that a copy must cover to show it
MARGIN = 16  # pixels around a copy that are reflected before it is turned
SNAP = 0.6  # frame pixels at the corners below which a copy is taken to lie edge to edge
RIM = 8  # frame pixels inside a copy's cut edge in which nothing is judged


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


def refined(spectrum: Spectrum, keyed: Waves, placement: Placement) -> Placement:
    """Correct a placement by the waves' phases in a grid of windows.

    Args:
        spectrum: Of the copy.
        keyed: The key's waves.
        placement: Right to about two frame pixels.

    Returns:
        The placement with an affine correction fitted to the windows that read clearly; as given
        where too few do.
    """
    for _ in range(ROUNDS):
        centres, moved, sure = _displacements(spectrum, keyed, placement)
        kept = sure > SURE
        if kept.sum() < 3:
            return placement
        change = _robust_affine(centres[kept], moved[kept], sure[kept])
        linear, shift = change[:, :2], change[:, 2]
        placement = replace(
            placement, matrix=placement.matrix + linear, offset=placement.offset + shift
        )
        if np.abs(np.column_stack([moved[kept]])).max() < STEP / 4:
            break
    return placement


def _displacements(
    spectrum: Spectrum, keyed: Waves, placement: Placement
) -> tuple[Numbers, Numbers, Numbers]:
    """Windows' centres in the copy (N, 2), displacement in frame pixels (N, 2), certainty (N,)."""
    height, width = spectrum.detail.shape
    ratio = np.array(spectrum.ratio)
    centres, moved, sure = [], [], []
    steps = np.arange(-REACH, REACH + STEP / 2, STEP)
    for rows, columns in _windows(height, width):
        seen = amplitudes(spectrum, keyed, placement.matrix, placement.offset, rows, columns)
        across = np.exp(-2j * np.pi * np.outer(keyed.u, steps))
        down = np.exp(-2j * np.pi * np.outer(steps, keyed.v))
        fit = np.real(down @ (seen[:, None] * across)) / np.sqrt((np.abs(seen) ** 2).sum() / 2)
        row, column = divmod(int(fit.argmax()), fit.shape[1])
        centre = np.array([(columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2])
        centres.append(centre / ratio)
        moved.append((_peak(fit[row, :], column, steps), _peak(fit[:, column], row, steps)))
        sure.append(fit[row, column])
    return np.array(centres), np.array(moved), np.array(sure)


def _windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Overlapping windows that cover a copy: the whole, then a grid with half its step between."""
    places = []
    for first in range(2 * WINDOWS - 1):
        for second in range(2 * WINDOWS - 1):
            top, left = first * height // (2 * WINDOWS), second * width // (2 * WINDOWS)
            rows = slice(top, top + height // WINDOWS)
            places.append((rows, slice(left, left + width // WINDOWS)))
    return places


def _peak(values: Numbers, place: int, steps: Numbers) -> float:
    """The maximum of a parabola through the largest value and its neighbours."""
    if place in (0, len(values) - 1):
        return float(steps[place])
    before, at, after = values[place - 1 : place + 2]
    bend = before - 2 * at + after
    return float(steps[place] + (STEP * 0.5 * (before - after) / bend if bend < 0 else 0.0))


def _robust_affine(points: Numbers, moved: Numbers, weights: Numbers) -> Numbers:
    """(2, 3): an affine map from points to displacements; far outliers lose their say.

    With few windows, or all on a line, only a shift is fitted.
    """
    centre, spread = points.mean(0), max(float(np.ptp(points, axis=0).max()), 1.0)
    plain = (points - centre) / spread
    columns = np.column_stack([plain, np.ones(len(points))])
    if len(points) < 6 or np.linalg.svd(plain - plain.mean(0), compute_uv=False)[-1] < 0.3:
        columns = columns * np.array([0, 0, 1.0])
    trust = weights**2
    fitted = np.zeros((3, 2))
    for _ in range(8):
        root = np.sqrt(trust)[:, None]
        fitted, *_ = np.linalg.lstsq(columns * root, moved * root, rcond=None)
        errors = np.linalg.norm(moved - columns @ fitted, axis=1)
        scale = max(1.5 * float(np.median(errors)), 0.02)
        trust = weights**2 / (1 + (errors / scale) ** 2) ** 2
    linear = fitted[:2].T / spread
    return np.column_stack([linear, fitted[2] - linear @ centre])


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
    upright, turned = _upright(pixels, placement, _quarter(placement.matrix))
    skew = max(abs(turned.matrix[0, 1]) * turned.height, abs(turned.matrix[1, 0]) * turned.width)
    move = _scaled if skew < STRAIGHT else _turned
    moved, there = move(upright, turned, size, threads)
    return _filled(moved, there), there


def _quarter(matrix: Numbers) -> Numbers:
    """The orientation, of eight, that is nearest to a placement's matrix."""
    plain = np.zeros((2, 2))
    if abs(matrix[0, 0]) + abs(matrix[1, 1]) >= abs(matrix[0, 1]) + abs(matrix[1, 0]):
        plain[0, 0], plain[1, 1] = np.sign(matrix[0, 0]), np.sign(matrix[1, 1])
    else:
        plain[0, 1], plain[1, 0] = np.sign(matrix[0, 1]), np.sign(matrix[1, 0])
    return plain


def _upright(
    pixels: Samples, placement: Placement, orientation: Numbers
) -> tuple[Samples, Placement]:
    """The copy with quarter turns and mirroring undone, and the placement of that."""
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
