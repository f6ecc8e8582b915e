"""A copy's pixels brought to its frame, and numbers on the frame brought to the copy's own pixels.

copy ─ quarter turns, mirroring undone ─┬─ scaled, exactly (to_frame) ─────────────────┬─► frame
                                        └─ scaled to the frame's density, then turned ─┘
beyond its rim: reflected
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.image.picture import Samples
from imuge.protection.frame import Frame, to_frame
from imuge.protection.placement import Placement

Array: TypeAlias = NDArray[np.float32]

STRAIGHT = 0.02  # frame pixels of skew across a copy that are no turn
EDGE = 0.02  # frame pixels of a frame's pixel that a copy must cover to show it
MARGIN = 16  # pixels around a copy that are reflected before it is turned


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
    move = _scaled if _is_straight(turned) else _turned
    moved, there = move(upright, turned, size, threads)
    return filled(moved, there), there


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


def _is_straight(placement: Placement) -> bool:
    """Whether an upright copy's axes are the frame's: its rows and columns map one by one."""
    (_, b), (d, _) = placement.matrix
    return bool(max(abs(b) * placement.height, abs(d) * placement.width) < STRAIGHT)


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


def filled(moved: Array, there: NDArray[np.bool_]) -> Array:
    """Fill what is not there by reflection at the nearest point that is.

    Args:
        moved: (h, w, C).
        there: (h, w), True where something is; where nothing is, all stays.
    """
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
    if resampling == Image.Resampling.BICUBIC and _enlarges(placement):
        return _enlarged(image, placement)
    (a, b), (d, e) = placement.matrix
    data = (a, b, placement.offset[0], d, e, placement.offset[1])
    size = (placement.width, placement.height)
    return image.transform(size, Image.Transform.AFFINE, data, resampling)


def _enlarges(placement: Placement) -> bool:
    """Whether a copy is upright in its frame, and its pixels are no larger than the frame's."""
    scales = np.diag(placement.matrix)
    return _is_straight(placement) and bool(np.all((scales > 0) & (scales <= 1)))


def _enlarged(image: Image.Image, placement: Placement) -> Image.Image:
    """`to_copy` for what `_enlarges`, as a scaling: a third of the time of a general map."""
    scales, offset = np.diag(placement.matrix), placement.offset
    size = (placement.width, placement.height)
    # Pixels of the copy whose centres lie on the frame; their outer edges may lie beyond it.
    first, last = (
        np.ceil((edge - offset) / scales - 0.5).astype(int).clip(0, size)
        for edge in (np.zeros(2), np.array(image.size))
    )
    width, height = last - first
    if width <= 0 or height <= 0:
        return Image.new(image.mode, size)
    pixels = np.asarray(image)
    padded = np.pad(pixels, [(1, 1), (1, 1), (0, 0)][: pixels.ndim], mode="edge")
    box = (*(offset + scales * first + 1), *(offset + scales * last + 1))
    part = Image.fromarray(padded).resize((width, height), Image.Resampling.BICUBIC, box=box)
    if part.size == size:
        return part
    made = Image.new(image.mode, size)
    made.paste(part, (int(first[0]), int(first[1])))
    return made
