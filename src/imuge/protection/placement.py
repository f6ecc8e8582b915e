"""A placement: the map from a copy to the frame on which its picture was published.

The copy's pixel position X (centres at +½) lies at frame position A X + d. Frame positions are
counted in frame pixels from the upper left corner; x stands before y.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine.canvas import SIDE_MULTIPLE
from imuge.protection.frame import LARGEST_SIDE, Frame, fitted_frame, whole_frame

Numbers: TypeAlias = NDArray[np.float64]

NEAR = 4.0  # frame pixels at the corners within which a copy may lie edge to edge
SNAP = 0.35  # frame pixels at the corners below which a copy is taken to lie so
LONGEST = LARGEST_SIDE["fine"]  # frame pixels, of any published frame


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


def edges_near(
    placement: Placement, sizes: Sequence[tuple[int, int]]
) -> tuple[Placement, tuple[int, int]] | None:
    """The placement edge to edge that a copy's own comes near, and its frame's size.

    Args:
        placement: Of the copy.
        sizes: Height and width of the frames to compare with; of squares only the side counts, and
            the copy's shape gives the rest.
    """
    orientation = placement.orientation
    width, height = (np.abs(orientation) @ (placement.width, placement.height)).astype(int)
    for wanted in sizes:
        plain = whole_frame(width, height, max(wanted))
        frame = plain if wanted[0] == wanted[1] else fitted_frame(width, height, wanted)
        edges = edge_to_edge(placement.width, placement.height, frame, orientation)
        if apart(edges, placement) < NEAR:
            return edges, frame.size
    return None


def apart(one: Placement, other: Placement) -> float:
    """Frame pixels, along an axis, by which two placements differ at the worst corner."""
    return float(np.abs(one.corners() - other.corners()).max())


def window_shown(
    placement: Placement, limits: tuple[int, int] = (LONGEST, LONGEST)
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Start and size, rows before columns, of the part of a frame that a copy shows.

    Args:
        placement: Of the copy.
        limits: Height and width of the frame, if they are known.
    """
    corners = placement.corners()
    low = np.maximum(corners.min(0), 0) // SIDE_MULTIPLE * SIDE_MULTIPLE
    high = np.minimum(np.ceil(corners.max(0)), limits[::-1])
    start, size = low.astype(int), np.maximum(high - low, SIDE_MULTIPLE).astype(int)
    return (int(start[1]), int(start[0])), (int(size[1]), int(size[0]))
