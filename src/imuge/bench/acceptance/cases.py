"""What the acceptance measurement does to a picture: masks, contents and processing.

After the construction that model.md's table was made with: blobs out of 5x5 noise, three kinds of
content, and twelve ways of processing, all of them on 8-bit pictures and through real encoders.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.pictures import SIDE
from imuge.results import Pixels

COARSE = 32  # pixels averaged on a side by the blurred fill


def interpolated(picture: Pixels, factor: float, method: Image.Resampling) -> Pixels:
    """Scale a picture by `factor` and back to its own size."""
    size = (picture.shape[1], picture.shape[0])
    small = (int(size[0] * factor), int(size[1] * factor))
    image = Image.fromarray(picture)
    return np.asarray(image.resize(small, method).resize(size, method))


def _chain(text: str) -> Callable[[Pixels, np.random.Generator], Pixels]:
    steps = parse_chain(text)
    return lambda picture, _rng: resave(picture, steps)


def _blur(picture: Pixels, _rng: np.random.Generator) -> Pixels:
    """Gaussian of sigma 0.8 cut to 3x3 pixels."""
    kernel = np.exp(-np.array([1, 0, 1]) / (2 * 0.8**2))
    soft = picture.astype(np.float64)
    for axis in (0, 1):
        soft = ndimage.convolve1d(soft, kernel / kernel.sum(), axis=axis, mode="mirror")
    return _rounded(soft)


def _rounded(picture: NDArray[np.floating]) -> Pixels:
    return picture.round().clip(0, 255).astype(np.uint8)


PROCESSING: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "none": _chain("none"),
    "JPEG 90": _chain("jpeg:90"),
    "JPEG 75": _chain("jpeg:75"),
    "JPEG 70": _chain("jpeg:70"),
    "JPEG 50": _chain("jpeg:50"),
    "WebP 80": _chain("webp:80"),
    "resize 0.7 bicubic": lambda p, _: interpolated(p, 0.7, Image.Resampling.BICUBIC),
    "resize 1.5 bilinear": lambda p, _: interpolated(p, 1.5, Image.Resampling.BILINEAR),
    "blur 0.8": _blur,
    "median 3x3": lambda p, _: ndimage.median_filter(p, (3, 3, 1), mode="mirror"),
    "noise 5": lambda p, rng: _rounded(p + rng.normal(0, 5, p.shape)),
    "contrast 1.15, brightness +0.05": lambda p, _: _rounded((p - 127.5) * 1.15 + 127.5 * 1.1),
}


def blob(area: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """5x5 noise, enlarged bicubically and cut at the quantile that leaves `area`."""
    noise = Image.fromarray(rng.standard_normal((5, 5)).astype(np.float32))
    field = np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    mask: NDArray[np.bool_] = field > np.quantile(field, 1 - area)
    return mask


def contents(published: Pixels, previous: Pixels) -> dict[str, Pixels]:
    """What is put into the mask: the previous picture, this one shifted, this one blurred."""
    height, width = published.shape[:2]
    coarse = Image.fromarray(published).reduce(COARSE)
    return {
        "splice": previous,
        "copy-move": np.roll(published, (height // 3, width // 4), (0, 1)),
        "blurred fill": np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)),
    }
