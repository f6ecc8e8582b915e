"""Which processing the training pictures meet, how often and how strongly; read from TOML.

    [distort]
    simulator = "exact"         # or "smooth", or "distilled" with simulator_weights = "a file"
    quality = [40, 95]

    [distort.chains]            # shares, in any unit; a table of chains replaces the default one
    none = 0.1
    jpeg = 0.5
    "resize+jpeg" = 0.4

A chain is written `resize+jpeg` and runs from left to right. Its steps, and their ranges:

    jpeg  jpeg444         JPEG with chroma halved and in full: quality
    resize  resize-linear    to another size and back, bicubic and bilinear: factor
    blur  median3  median5  noise  sharpen    each by the range of its name, both medians: median
    tone                  brightness, contrast, saturation, gamma
    misalign              what a crop or scale leaves when it is undone: shift, stretch
    webp  avif            saved by a real encoder at the crop's own size, each by its own range
    grown-jpeg  grown-webp  grown-avif    enlarged, saved, scaled back, as a copy of a frame is:
                          quality, webp or avif, and grow, phase
    none                  nothing; stands alone

The last five go through files (`encoders`), which no CUDA graph can record. With
`real_encoders = false` grown-jpeg has the simulator inside, and the other four are refused.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from imuge.errors import ConfigError
from imuge.train.attacks.jpeg import DISTILLED, SIMULATORS

Range: TypeAlias = tuple[float, float]

# The ranges that each step draws from, one number for each.
STEPS: dict[str, tuple[str, ...]] = {
    "jpeg": ("quality",),
    "jpeg444": ("quality",),
    "resize": ("factor",),
    "resize-linear": ("factor",),
    "blur": ("blur",),
    "median3": ("median",),
    "median5": ("median",),
    "noise": ("noise",),
    "sharpen": ("sharpen",),
    "tone": ("brightness", "contrast", "saturation", "gamma"),
    "misalign": ("shift", "shift", "stretch", "stretch"),
    "webp": ("webp",),
    "avif": ("avif",),
    "grown-jpeg": ("quality", "grow", "phase", "phase"),
    "grown-webp": ("webp", "grow", "phase", "phase"),
    "grown-avif": ("avif", "grow", "phase", "phase"),
}
# Those that nothing but an encoder can do, and the one that a simulator can do, too.
ENCODED = frozenset({"webp", "avif", "grown-webp", "grown-avif"})
GROWN_JPEG = "grown-jpeg"

# Platforms encode once more and scale down what is large (`resave.PLATFORMS`), so most chains end
# with JPEG. Honest copies must stay quiet, too: every step also occurs where nothing hides it.
CHAINS = {
    "none": 0.10,
    "jpeg": 0.26,
    "jpeg444": 0.09,
    "jpeg+jpeg": 0.07,
    "resize": 0.04,
    "resize+jpeg": 0.10,
    "resize-linear+jpeg": 0.03,
    "misalign+jpeg": 0.05,
    "blur": 0.03,
    "blur+jpeg": 0.02,
    "median3": 0.02,
    "median5": 0.01,
    "noise": 0.04,
    "noise+jpeg": 0.03,
    "sharpen+jpeg": 0.03,
    "tone": 0.04,
    "tone+jpeg": 0.04,
}


class Drawing(NamedTuple):
    """How the numbers of a range are drawn."""

    mildest: float  # where the curriculum begins
    limits: Range  # what a range may hold
    logarithmic: bool = False  # drawn evenly over ratios instead of differences


DRAWING: dict[str, Drawing] = {
    "quality": Drawing(95, (1, 100)),
    "factor": Drawing(1, (0.1, 4), logarithmic=True),
    "blur": Drawing(0, (0, 20)),
    "median": Drawing(0, (0, 1)),
    "noise": Drawing(0, (0, 64)),
    "sharpen": Drawing(0, (0, 5)),
    "brightness": Drawing(0, (-1, 1)),
    "contrast": Drawing(1, (0.1, 4), logarithmic=True),
    "saturation": Drawing(1, (0, 4)),
    "gamma": Drawing(1, (0.2, 5), logarithmic=True),
    "shift": Drawing(0, (-8, 8)),
    "stretch": Drawing(1, (0.9, 1.1)),
    "webp": Drawing(95, (1, 100)),
    "avif": Drawing(95, (1, 100)),
    "grow": Drawing(1, (0.5, 4), logarithmic=True),
    "phase": Drawing(0, (0, 15)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DistortMix:
    """Shares of the chains and ranges of their numbers, both ends included."""

    simulator: str = "exact"  # one of `jpeg.SIMULATORS`, or `jpeg.DISTILLED`
    simulator_weights: str = ""  # the latter's file, from where the command is run
    chains: Mapping[str, float] = field(default_factory=lambda: dict(CHAINS))  # shares, any unit
    quality: Range = (40, 95)  # of JPEG; most often about 82
    factor: Range = (0.5, 2)  # side of the picture in between, as a share of its own
    blur: Range = (0.3, 1.2)  # sigma, pixels
    median: Range = (1, 1)  # weight of the filtered picture; the rest is the picture itself
    noise: Range = (0.5, 6)  # sigma, grey levels
    sharpen: Range = (0.2, 1)  # times what a blur of 1.5 pixels takes away
    brightness: Range = (-0.1, 0.1)  # added, pixels in [0, 1]
    contrast: Range = (0.8, 1.25)
    saturation: Range = (0.7, 1.3)
    gamma: Range = (0.8, 1.25)
    shift: Range = (-0.75, 0.75)  # pixels
    stretch: Range = (0.99, 1.01)
    real_encoders: bool = True  # in grown-jpeg; false: the simulator, so that graphs can record it
    webp: Range = (45, 95)  # quality
    avif: Range = (35, 90)  # quality
    grow: Range = (0.95, 2.5)  # side of the copy, as a share of the frame's
    # Of an encoder's grid against the crop, pixels: a crop may lie anywhere in its frame.
    phase: Range = (0, 15)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if self.simulator not in (*SIMULATORS, DISTILLED):
            raise ConfigError(
                f"unknown JPEG simulator {self.simulator!r}; known are "
                f"{', '.join((*SIMULATORS, DISTILLED))}"
            )
        if (self.simulator == DISTILLED) != bool(self.simulator_weights):
            raise ConfigError(
                f"expected distort.simulator_weights with the simulator {DISTILLED} and with no "
                f"other, got {self.simulator_weights!r} with {self.simulator}; "
                "python -m imuge.train.jpeg makes such weights"
            )
        shares = self.chains.values()
        if not all(0 <= share < math.inf for share in shares) or not sum(shares) > 0:
            raise ConfigError(
                f"expected distort.chains with shares of 0 or more, one above 0, got {self.chains}"
            )
        for chain in self.chains:
            _check_chain(chain)
        if not self.real_encoders and (files := sorted(ENCODED & self.steps)):
            raise ConfigError(
                f"expected distort.real_encoders for the steps {', '.join(files)}, which have no "
                "simulator, got false"
            )
        for name, drawing in DRAWING.items():
            low, high = getattr(self, name)
            least, most = drawing.limits
            if not least <= low <= high <= most:
                raise ConfigError(
                    f"expected distort.{name} as two numbers from {least:g} to {most:g}, the "
                    f"smaller first, got {[low, high]}"
                )

    @property
    def steps(self) -> frozenset[str]:
        """Every step of the chains that occur."""
        occurring = [chain for chain, share in self.chains.items() if share > 0]
        return frozenset(step for chain in occurring for step in steps_of(chain))

    @property
    def uses_files(self) -> bool:
        """Whether samples go through real encoders, which cannot be recorded in a CUDA graph."""
        through_files = ENCODED | {GROWN_JPEG} if self.real_encoders else ENCODED
        return bool(through_files & self.steps)

    @property
    def max_factor(self) -> float:
        """The greatest size of a scaled picture, as a share of its own; the curriculum's too."""
        return max(self.factor[1], DRAWING["factor"].mildest)

    @property
    def max_grow(self) -> float:
        """The same of a copy beside its frame."""
        return max(self.grow[1], DRAWING["grow"].mildest)


class Stage(NamedTuple):
    """One step, run once for the samples of every chain that has it next."""

    step: str
    chains: tuple[int, ...]  # by their position in the mix
    first: int  # where its numbers begin among those of a sample


@lru_cache
def plan(chains: tuple[str, ...]) -> tuple[Stage, ...]:
    """Order the steps of all chains so that few are run: on a GPU each costs its launches.

    A step that other chains need later waits for them: all last JPEGs become one.
    """
    left = [steps_of(chain) for chain in chains]
    stages = []
    first = 0
    while any(left):
        ready = dict.fromkeys(rest[0] for rest in left if rest)
        step = min(ready, key=lambda name: sum(rest[1:].count(name) for rest in left))
        users = tuple(index for index, rest in enumerate(left) if rest[:1] == (step,))
        left = [rest[1:] if index in users else rest for index, rest in enumerate(left)]
        stages.append(Stage(step, users, first))
        first += len(STEPS[step])
    return tuple(stages)


def steps_of(chain: str) -> tuple[str, ...]:
    """The steps of a chain, none for `none`."""
    return () if chain == "none" else tuple(chain.split("+"))


def _check_chain(chain: str) -> None:
    steps = steps_of(chain)
    if unknown := set(steps) - STEPS.keys():
        raise ConfigError(
            f"unknown steps in the chain {chain!r}: {', '.join(sorted(unknown))}; "
            f"known are {', '.join(STEPS)}, and alone none"
        )
    if steps.count("noise") > 1:
        raise ConfigError(
            f"the chain {chain!r} has noise twice; once with a larger range is enough"
        )
