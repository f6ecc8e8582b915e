"""What is done to a picture in the bench: three grids of cases.

    immunize (strength) ─► publish as a file ─► tamper (kind, area, shape) ─► process ─► verify

`quick` shows in minutes whether anything broke; `standard` moves one axis at a time away from a
splice of a tenth of the picture; `full` crosses the axes with each other, for hours.
Pictures are tampered with at their own size and scaled afterwards, as platforms do; a copy that was
cut is only measured by its verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias, get_args

from imuge.attacks.resave import PLATFORMS, parse_chain

GridName: TypeAlias = Literal["quick", "standard", "full"]
GRIDS: tuple[GridName, ...] = get_args(GridName)

UNTOUCHED = "none"
AREA, SHAPE, PUBLISHED = 0.1, "blob", "png"
MAIN_PROCESS = "jpeg:75"

KINDS = (
    "splice",  # from another picture
    "splice, same key",  # from another picture protected with this key
    "splice, other key",
    "copy-move",
    "copy-move, flipped",
    "copy-move, scaled",
    "inpaint",
    "blur",
    "fill",
    "colour",
    "text",
    "sticker",
    "regenerate",  # the same content without the protection
)
AREAS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
SHAPES = ("blob", "box", "stroke", "object")
QUALITIES = (95, 90, 85, 80, 75, 70, 60, 50, 40)
JPEG_420 = tuple(f"jpeg:{quality}" for quality in QUALITIES)
JPEG_444 = tuple(f"jpeg444:{quality}" for quality in QUALITIES)
OTHER_PROCESSES = (
    "jpeg:90,jpeg:75",
    "webp:90",
    "webp:80",
    "webp:70",
    "webp:60",
    "avif:80",
    "avif:60",
    "resize-back:0.5",
    "resize-back:0.7",
    "resize-back:1.5",
    "resize-back:2",
    "blur:0.8",
    "median:3",
    "noise:5",
    "sharpen:1",
    "brightness:1.1",
    "contrast:1.2",
    "saturation:0.7",
    "gamma:1.2",
)
EDGES = (2048, 1600, 1280, 1080, 800, 720)  # pixels, of a copy's longer side
COPY_FORMATS = ("jpeg:75", "jpeg:50", "webp:80", "avif:60")
COPIES = tuple(f"long-edge:{edge},jpeg:75" for edge in EDGES)
ALL_COPIES = tuple(f"long-edge:{edge},{form}" for edge in EDGES for form in COPY_FORMATS)
SCALES = ("resize:0.8,jpeg:75", "resize:0.6,jpeg:75", "resize:0.5,jpeg:75", "resize:1.5,jpeg:75")
CROPS = ("crop:0.9", "crop:0.7", "crop:0.7,jpeg:75")
STRENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One way from a photograph to what is verified."""

    tamper: str = UNTOUCHED  # out of KINDS, or nothing is changed
    process: str = "none"  # a chain of `imuge.attacks.resave`
    area: float = AREA  # share of the picture that is tampered with
    shape: str = SHAPE
    published: str = PUBLISHED  # the chain of encoders by which the picture is published
    strength: float = 1.0

    @property
    def keeps_geometry(self) -> bool:
        """Whether the copy shows the whole picture, so that masks can be compared."""
        return self.process not in CROPS

    def applies_to(self, longer_side: int) -> bool:
        """Whether it is a case of its own for pictures of this longer side, pixels.

        Copies that are scaled down to a size say nothing new of pictures that are smaller.
        """
        if self.process not in ALL_COPIES:
            return True
        return parse_chain(self.process)[0].value < longer_side

    def __str__(self) -> str:
        text = f"{self.tamper}, {self.process}"
        if self.tamper != UNTOUCHED and (self.area, self.shape) != (AREA, SHAPE):
            text += f", {self.area:.1%} {self.shape}"
        if self.published != PUBLISHED:
            text += f", published as {self.published}"
        return text if self.strength == 1 else f"{text}, strength {self.strength:g}"


def grid(name: GridName) -> tuple[Case, ...]:
    """The cases of a grid, each once, in a fixed order."""
    return tuple(dict.fromkeys({"quick": _quick, "standard": _standard, "full": _full}[name]()))


def _quick() -> Iterable[Case]:
    copies = ("long-edge:1080,jpeg:75", "resize:0.8,jpeg:75")
    yield from (Case("splice", p) for p in ("none", "jpeg:90", "jpeg:75", "jpeg:50", *copies))
    yield from (Case(kind, MAIN_PROCESS) for kind in ("splice, same key", "copy-move", "inpaint"))
    yield from (Case("splice", MAIN_PROCESS, area) for area in (0.02, 0.3))
    yield from (Case(process=p) for p in ("none", "jpeg:75", "jpeg:50", "webp:80", *copies))


def _standard() -> Iterable[Case]:
    benign = (*JPEG_420, "jpeg444:75", *OTHER_PROCESSES, *COPIES, *SCALES, *PLATFORMS)
    yield from (Case(kind, MAIN_PROCESS) for kind in KINDS)
    yield from (Case(kind) for kind in ("splice", "copy-move", "inpaint", "regenerate"))
    yield from (Case("splice", process) for process in benign)
    yield from (Case("splice", MAIN_PROCESS, area) for area in AREAS)
    yield from (Case("splice", MAIN_PROCESS, shape=shape) for shape in SHAPES)
    yield from (Case("splice", MAIN_PROCESS, strength=strength) for strength in STRENGTHS)
    yield Case("splice", MAIN_PROCESS, published="jpeg:95")
    yield from (Case(process=process) for process in ("none", *benign, *CROPS))
    yield from (Case(process=MAIN_PROCESS, strength=strength) for strength in STRENGTHS)


def _full() -> Iterable[Case]:
    benign = (*JPEG_420, *JPEG_444, *OTHER_PROCESSES, *ALL_COPIES, *SCALES, *PLATFORMS)
    yield from _quick()
    yield from _standard()
    yield from (Case(kind, process) for kind in KINDS for process in benign)
    for kind, process, area, shape in product(KINDS, ("none", "jpeg:75", "jpeg:50"), AREAS, SHAPES):
        yield Case(kind, process, area, shape)
    for kind, process, strength in product(KINDS, ("none", "jpeg:75", "jpeg:50"), STRENGTHS):
        yield Case(kind, process, strength=strength)
    for kind, published in product(KINDS, ("jpeg:95", "jpeg:85", "webp:90")):
        yield Case(kind, MAIN_PROCESS, published=published)
    yield from (Case(process=process) for process in benign)
    for process, strength in product(("none", "jpeg:75", "jpeg:50"), STRENGTHS):
        yield Case(process=process, strength=strength)
