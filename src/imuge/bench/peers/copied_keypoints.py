"""Copy-move: keypoints that look alike in two places, and the move that takes one to the other.

    grey ─ SIFT ─► matches with itself ─ RANSAC ─► similarity ─► picture moved onto itself ─► alike?

After Lowe 2004 (keypoints), Fischler and Bolles 1981 (RANSAC), and Amerini et al., "A SIFT-based
forensic method for copy-move attack detection", IEEE TIFS 2011; scikit-image does the first two.
Both the original and the copy are marked, for nothing here tells which is which: where only the
copy counts as tampered, precision is about one half.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from imuge.bench.peers.optional import imported
from imuge.results import Pixels

RATIO = 0.6  # of the nearest descriptor's distance to the second's, at most; Amerini's
NEAREST = 24  # pixels between two places, at least
MOVES = 4  # looked for; a copy that is wrapped round the frame has as many
INLIERS = 5  # matches that agree on a move, at least
WITHIN = 2.0  # pixels, of a match from where its move takes it
TRIALS = 500  # of RANSAC
SCALES = (0.5, 2.0)  # of a move; beyond them it has collapsed
WINDOW = 11  # pixels on a side, compared with those of the moved picture
GREY_LEVELS = 3.0  # contrast below which two windows are not alike but merely plain
# Correlation from which a window is part of a copy, the working point. For the best F1 on copies in
# 7 training pictures (`photographs(train, side=512, count=8)` but for the texture of tiles among
# them), clean and JPEG 75, with at most 5 % of the untouched ones marked: F1 0.37, 0.4 %.
ALIKE = 0.3

Array = NDArray[np.float32]
Points = NDArray[np.float64]  # (N, 2), x and y in pixels


def copied_keypoints(received: Pixels) -> Array:
    """How alike a picture is to itself, moved as its keypoints say.

    Args:
        received: (H, W, 3).

    Returns:
        (H, W) in [0, 1]: the correlation of windows, the largest over all moves; 0 except in
        pieces of correlation above `ALIKE` that hold a matched keypoint.

    Raises:
        ConfigError: scikit-image is not installed.
    """
    grey = received.astype(np.float32).mean(axis=2)
    alike: Array = np.zeros_like(grey)
    for move, places, moved in _moves(*_matches(grey)):
        for matrix, points in ((move, places), (np.linalg.inv(move), moved)):
            alike = np.maximum(alike, _around(points, _correlation(grey, matrix)))
    return alike


def _matches(grey: Array) -> tuple[Points, Points]:
    """Places that look alike, pair by pair."""
    sift = imported("skimage.feature", package="scikit-image").SIFT()
    try:
        sift.detect_and_extract(grey / 255)
    except RuntimeError:  # scikit-image's word for a picture without keypoints
        return np.empty((0, 2)), np.empty((0, 2))
    points = sift.keypoints[:, ::-1].astype(np.float64)
    # To itself, to the nearest and to the second; infinite where there are not so many.
    distances, indices = cKDTree(sift.descriptors).query(sift.descriptors, k=3)
    first = np.flatnonzero(distances[:, 1] < RATIO * distances[:, 2])
    first = first[indices[first, 1] < len(points)]
    places, others = points[first], points[indices[first, 1]]
    apart = np.linalg.norm(places - others, axis=1) > NEAREST
    return places[apart], others[apart]


def _moves(places: Points, others: Points) -> Iterator[tuple[Points, Points, Points]]:
    """Similarities that many matches agree on, each in one direction.

    Yields:
        The (3, 3) matrix of the move, and the two places of every match that agrees.
    """
    measure = imported("skimage.measure", package="scikit-image")
    similarity = imported("skimage.transform", package="scikit-image").SimilarityTransform
    # A match is found from either end: only in both directions do all agree on one move.
    start, end = np.concatenate([places, others]), np.concatenate([others, places])
    for _ in range(MOVES):
        if len(start) < 2 * INLIERS:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that nothing agrees
            move, inliers = measure.ransac(
                (start, end),
                similarity,
                min_samples=2,
                residual_threshold=WITHIN,
                max_trials=TRIALS,
                is_model_valid=lambda model, *_: SCALES[0] < model.scale < SCALES[1],
                rng=0,
            )
        if inliers is None or len(np.unique(start[inliers], axis=0)) < INLIERS:
            return
        yield move.params, start[inliers], end[inliers]
        left = ~inliers & (np.linalg.norm(move(end) - start, axis=1) > WITHIN)
        start, end = start[left], end[left]


def _correlation(grey: Array, matrix: NDArray[Any]) -> Array:
    """Correlation of every window with the one that the matrix takes it to, -1..1."""
    # SciPy counts rows first.
    linear, offset = matrix[:2, :2][::-1, ::-1], matrix[:2, 2][::-1]
    moved = ndimage.affine_transform(grey, linear, offset, order=1)

    def local(values: Array) -> Array:
        mean: Array = ndimage.uniform_filter(values, WINDOW)
        return mean

    here, there = grey - local(grey), moved - local(moved)
    contrast = np.sqrt((local(here**2) * local(there**2)).clip(0))
    alike: Array = local(here * there) / (contrast + GREY_LEVELS**2)
    return alike


def _around(points: Points, correlation: Array) -> Array:
    """The correlation in the pieces above `ALIKE` that hold one of the points, else 0."""
    pieces, _ = ndimage.label(correlation > ALIKE)
    columns, rows = points.round().astype(int).T
    held = np.unique(pieces[rows, columns])
    kept: Array = np.where(np.isin(pieces, held[held > 0]), correlation, 0).clip(0, 1)
    return kept
