"""What the design promises of the release `lab.r3`: the table of model.md, 30 pictures, 512x512."""

from typing import NamedTuple


class Promise(NamedTuple):
    """Averages over the pictures at probability 0.5 without minimum area; None: not stated."""

    f1: float
    whole_db: float
    area_db: float
    given_area_db: float | None


PROMISED = {
    "splice, none": Promise(0.995, 32.9, 24.4, 25.3),
    "splice, JPEG 90": Promise(0.994, 30.2, 22.1, 22.7),
    "splice, JPEG 75": Promise(0.989, 28.9, 21.5, 22.2),
    "splice, JPEG 70": Promise(0.990, 28.6, 21.4, 22.0),
    "splice, JPEG 50": Promise(0.975, 27.2, 20.1, 21.0),
    "splice, WebP 80": Promise(0.983, 29.4, 21.4, 22.1),
    "splice, resize 0.7 bicubic": Promise(0.993, 29.6, 24.1, 24.6),
    "splice, resize 1.5 bilinear": Promise(0.995, 30.5, 24.5, 25.0),
    "splice, blur 0.8": Promise(0.994, 29.2, 24.3, 24.7),
    "splice, median 3x3": Promise(0.987, 27.9, 22.7, 23.5),
    "splice, noise 5": Promise(0.992, 29.7, 22.9, 23.9),
    "splice, contrast 1.15, brightness +0.05": Promise(0.976, 25.3, 23.7, 24.5),
    "copy-move, none": Promise(0.992, 33.0, 24.6, None),
    "copy-move, JPEG 75": Promise(0.982, 29.0, 21.6, None),
    "copy-move, JPEG 50": Promise(0.957, 27.1, 20.1, None),
    "blurred fill, none": Promise(0.992, 33.4, 25.1, None),
    "blurred fill, JPEG 75": Promise(0.982, 29.2, 22.0, None),
    "blurred fill, JPEG 50": Promise(0.932, 27.5, 20.6, None),
}
