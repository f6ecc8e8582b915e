"""What happens to an honest picture on its way: real encoders, scaling and gentle filters.

A chain is written as `jpeg:70,resize:0.7,webp:80` and runs from left to right:

    jpeg:Q  jpeg444:Q  webp:Q  avif:Q  png       encode and decode again
    resize:F  resize-back:F  long-edge:N            scale, scale and back, shrink to fit
    crop:F  rotate:D  flip  stretch:F  pad:N        cut, turn clockwise, mirror, widen, white rim
    screenshot  page:F                              on a phone between bars; on a page beside text
    blur:S  median:N  sharpen:A  noise:S            filters; sigmas in pixels and grey levels
    brightness:B  contrast:C  saturation:S  gamma:G    tones; 1 changes nothing

What moves pixels, `moves` below, moves a mask of the truth with them.

A platform's name, such as `facebook`, stands for its chain; `none` is the empty one.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from imuge.attacks import moves
from imuge.attacks.picture import check_picture
from imuge.errors import ConfigError, ImageError
from imuge.results import Pixels

Filter: TypeAlias = Callable[[Image.Image, float, np.random.Generator], Image.Image]

BEYOND = 8192.0  # added to positions, so that the ground around a picture is none of them
WELL_INSIDE = 0.45  # of a side, from the middle: there no filter meets the picture's edge
HALF = 127  # grey level of a mask above which a pixel that was scaled counts
EXAMPLE = "jpeg:70,resize:0.7,webp:80"

# Long edges: Facebook, Instagram and Twitter from the test table of phototacopodcast.com, WhatsApp
# from memory; all qualities are our assumption. Collected in November 2026; platforms change
# both without notice.
PLATFORMS = {
    "facebook": "long-edge:1920,jpeg:75",
    "instagram": "long-edge:1080,jpeg:75",
    "twitter": "long-edge:4096,jpeg:85",
    "whatsapp": "long-edge:1600,jpeg:70",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain: a name out of `STEPS` and its number, if it takes one."""

    name: str
    value: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}:{self.value:g}" if STEPS[self.name].limits else self.name


class EncodedFile(NamedTuple):
    """The content of a file and how its name should end."""

    data: bytes
    suffix: str  # with the dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A file format that a picture goes through."""

    format: str  # as Pillow names it
    suffix: str
    number: str = "the quality"
    example: float = 75
    limits: tuple[float, float] | None = (1, 100)
    whole: bool = True
    options: tuple[tuple[str, int], ...] = ()

    def encode(self, picture: Image.Image, value: float) -> EncodedFile:
        """Return the file; ImageError where the format cannot hold the picture."""
        options = dict(self.options) | ({"quality": int(value)} if self.limits else {})
        buffer = io.BytesIO()
        try:
            picture.save(buffer, self.format, **options)
        except (OSError, ValueError) as error:
            raise ImageError(
                f"cannot encode {picture.width}x{picture.height} pixels as {self.format}: {error}"
            ) from error
        return EncodedFile(buffer.getvalue(), self.suffix)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of size, sharpness or tone."""

    apply: Filter
    number: str = ""  # what it is
    example: float = 0.0
    limits: tuple[float, float] | None = None
    whole: bool = False
    moves: bool = False  # pixels to other places; such a change takes grey pictures, too


def parse_chain(text: str) -> tuple[Step, ...]:
    """Read a chain such as `jpeg:70,resize:0.7,webp:80`.

    Raises:
        ConfigError: a step is unknown, lacks its number, or the number is out of range.
    """
    text = text.strip()
    if text == "none":
        return ()
    return tuple(_parse_step(part.strip()) for part in PLATFORMS.get(text, text).split(","))


def resave(picture: Pixels, chain: Sequence[Step], *, seed: int = 0) -> Pixels:
    """Run a picture through a chain.

    Args:
        picture: (H, W, 3) uint8 RGB; left as it is.
        chain: Steps from `parse_chain`.
        seed: Of the noise; the same seed gives the same result.

    Returns:
        (H', W', 3) uint8 RGB, as a reader of the last file sees it.

    Raises:
        ImageError: `picture` is not uint8 RGB, or too large for one of the formats.
    """
    image = Image.fromarray(check_picture(picture))
    for index, step in enumerate(chain):
        kind = STEPS[step.name]
        if isinstance(kind, Encoder):
            image = Image.open(io.BytesIO(kind.encode(image, step.value).data)).convert("RGB")
        else:
            image = kind.apply(image, step.value, np.random.default_rng((seed, index)))
    return np.array(image)


def carried(mask: NDArray[np.bool_], chain: Sequence[Step], *, seed: int = 0) -> NDArray[np.bool_]:
    """Move the truth about a picture as a chain moves its pixels.

    Args:
        mask: (H, W), True where the picture was tampered with before the chain.
        chain: Steps from `parse_chain`.
        seed: That of the chain.

    Returns:
        (H', W'), of the size `resave` gives; what the chain adds around a picture is False.
    """
    image = Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    return np.asarray(_moved(image, chain, seed)) > HALF


def placed(size: tuple[int, int], chain: Sequence[Step], *, seed: int = 0) -> NDArray[np.float64]:
    """The map from a copy back to the picture it was made of, as a chain moves its pixels.

    Args:
        size: Height and width of the picture.
        chain: Steps from `parse_chain`.
        seed: That of the chain.

    Returns:
        (2, 3): where in the picture, x and y with pixels' centres at +½, a position (x, y, 1) in
        the copy was.
    """
    height, width = size
    planes = []
    for start in np.mgrid[0:height, 0:width][::-1]:  # positions: x, then y
        image = Image.fromarray((start + np.float32(0.5) + BEYOND).astype(np.float32))
        planes.append(np.asarray(_moved(image, chain, seed)))
    x, y = planes[0] - BEYOND, planes[1] - BEYOND
    inside = (np.abs(x / width - 0.5) < WELL_INSIDE) & (np.abs(y / height - 0.5) < WELL_INSIDE)
    rows, columns = np.nonzero(inside)
    at = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
    wanted = np.column_stack([x[inside], y[inside]])
    found: NDArray[np.float64] = np.linalg.lstsq(at, wanted.astype(float), rcond=None)[0].T
    return found


def _moved(image: Image.Image, chain: Sequence[Step], seed: int) -> Image.Image:
    """A plane, moved by those steps of a chain that move anything."""
    for index, step in enumerate(chain):
        kind = STEPS[step.name]
        if isinstance(kind, Change) and kind.moves:
            image = kind.apply(image, step.value, np.random.default_rng((seed, index)))
    return image


def resave_to_bytes(picture: Pixels, chain: Sequence[Step], *, seed: int = 0) -> EncodedFile:
    """Run a chain and return the file its last encoder wrote, so that nothing is encoded twice.

    Decoding the file gives `resave(picture, chain, seed=seed)` exactly. A chain that ends with
    another kind of step, and the empty one, give a PNG. Arguments and errors are those of `resave`.
    """
    last = STEPS[chain[-1].name] if chain else None
    if isinstance(last, Encoder):
        image = Image.fromarray(resave(picture, chain[:-1], seed=seed))
        return last.encode(image, chain[-1].value)
    return PNG.encode(Image.fromarray(resave(picture, chain, seed=seed)), 0)


def _parse_step(text: str) -> Step:
    name, colon, number = text.partition(":")
    if name not in STEPS:
        raise ConfigError(
            f"unknown step {name!r}; known are {', '.join(STEPS)}, and alone "
            f"none, {', '.join(PLATFORMS)}; an example is {EXAMPLE}"
        )
    kind = STEPS[name]
    if kind.limits is None:
        if colon:
            raise ConfigError(f"{name} takes no number, got {text!r}; write it as {name}")
        return Step(name)
    low, high = kind.limits
    try:
        value = float(number)
    except ValueError:
        value = np.nan
    if not low <= value <= high or (kind.whole and value != int(value)):
        wanted = "a whole number" if kind.whole else "a number"
        raise ConfigError(
            f"{name} needs {wanted} from {low:g} to {high:g}, {kind.number}, got {text!r}; "
            f"an example is {name}:{kind.example:g}"
        )
    return Step(name, value)


def _resize_back(image: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    return moves.resize(image, factor, rng).resize(image.size, Image.Resampling.BICUBIC)


def _blur(image: Image.Image, sigma: float, _rng: np.random.Generator) -> Image.Image:
    from scipy import ndimage  # here: the trainer runs without it, and re-saves without blurring

    planes = np.asarray(image, dtype=np.float32)
    return _from_planes(ndimage.gaussian_filter(planes, (sigma, sigma, 0), mode="nearest"))


def _median(image: Image.Image, size: float, _rng: np.random.Generator) -> Image.Image:
    from scipy import ndimage

    return Image.fromarray(ndimage.median_filter(np.asarray(image), (int(size), int(size), 1)))


def _noise(image: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    planes = np.asarray(image, dtype=np.float32)
    return _from_planes(planes + sigma * rng.standard_normal(planes.shape, dtype=np.float32))


def _gamma(image: Image.Image, exponent: float, _rng: np.random.Generator) -> Image.Image:
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return image.point(table * 3)


def _sharpen(image: Image.Image, amount: float, _rng: np.random.Generator) -> Image.Image:
    return image.filter(
        ImageFilter.UnsharpMask(radius=1.5, percent=round(100 * amount), threshold=0)
    )


def _tone(
    enhance: Callable[[Image.Image], ImageEnhance._Enhance],
    image: Image.Image,
    factor: float,
    _rng: np.random.Generator,
) -> Image.Image:
    return enhance(image).enhance(factor)


def _from_planes(planes: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(planes), 0, 255).astype(np.uint8))


PNG = Encoder(format="PNG", suffix=".png", limits=None)
_FACTOR, _PIXELS, _TONE = "the factor", "the sigma in pixels", "the factor; 1 changes nothing"
STEPS: dict[str, Encoder | Change] = {
    "jpeg": Encoder(format="JPEG", suffix=".jpg"),
    "jpeg444": Encoder(format="JPEG", suffix=".jpg", options=(("subsampling", 0),)),
    "webp": Encoder(format="WEBP", suffix=".webp"),
    "avif": Encoder(format="AVIF", suffix=".avif"),
    "png": PNG,
    "resize": Change(moves.resize, _FACTOR, 0.7, (0.05, 4), moves=True),
    "resize-back": Change(_resize_back, _FACTOR, 0.7, (0.05, 4)),
    "long-edge": Change(
        moves.long_edge, "pixels of the longer side", 1080, (16, 65_500), whole=True, moves=True
    ),
    "crop": Change(moves.crop, "the share of each side that is kept", 0.6, (0.05, 1), moves=True),
    "rotate": Change(moves.rotate, "degrees clockwise", 90, (-180, 180), moves=True),
    "flip": Change(moves.flip, moves=True),
    "stretch": Change(moves.stretch, "how many times wider it becomes", 1.2, (0.25, 4), moves=True),
    "pad": Change(moves.pad, "pixels of the rim", 8, (1, 4096), whole=True, moves=True),
    "screenshot": Change(moves.screenshot, moves=True),
    "page": Change(moves.page, "the share of the page's width", 0.7, (0.1, 1), moves=True),
    "blur": Change(_blur, _PIXELS, 1, (0.1, 20)),
    "median": Change(_median, "pixels of the window's side", 3, (2, 15), whole=True),
    "sharpen": Change(_sharpen, "the amount", 1, (0, 5)),
    "noise": Change(_noise, "the sigma in grey levels", 4, (0, 64)),
    "brightness": Change(partial(_tone, ImageEnhance.Brightness), _TONE, 1.2, (0.1, 4)),
    "contrast": Change(partial(_tone, ImageEnhance.Contrast), _TONE, 1.2, (0.1, 4)),
    "saturation": Change(partial(_tone, ImageEnhance.Color), _TONE, 1.2, (0, 4)),
    "gamma": Change(_gamma, "the exponent; 1 changes nothing", 1.2, (0.2, 5)),
}
