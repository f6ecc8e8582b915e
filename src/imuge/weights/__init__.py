"""The released networks: one record a release and its ONNX files, read and checked.

A release lies in a folder `NAME.TAG/` with `record.json` and one file a graph. Every file is held
against the SHA-256 in the record before it is used; there is no fall-back and no download.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from imuge.errors import WeightsError
from imuge.files import reason, write_atomically

DEFAULT_RELEASE = "lab.r5"
CALIBRATED_SIDE = 512  # pixels on a side of the frame that minimum areas are stated for
GRAPHS = ("encode", "embed", "reveal", "localize", "recover")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphRecord(_Record):
    """One ONNX file of a release."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WorkingPoint(_Record):
    """What the content must say, in pictures that read at least this clearly."""

    minimum_agreement: float = Field(ge=0.5, lt=1)  # fraction of beacon signs that agree
    # Mean evidence of content in windows of 3, 5, 7 and 15 blocks, above which it is a region.
    evidence: tuple[float, ...] = Field(min_length=4, max_length=4)
    lost_area: int = Field(ge=0)  # pixels from which a piece that lost its protection is shown


class Weighing(_Record):
    """A logistic regression that tells how likely a piece is a change.

    It is linear in its features, each brought from `low`..`high` to -1..1, and in the products of
    any two of them, in the order of `numpy.triu_indices`.
    """

    features: tuple[str, ...] = Field(min_length=1)
    low: tuple[float, ...]
    high: tuple[float, ...]
    weights: tuple[float, ...]
    constant: float
    least: float  # natural logarithm of the odds from which a piece is a region
    # By regressions of other pictures: the share of copies, untouched or framed, in which a region
    # is found after each processing, and the F1 on changed ones.
    false: dict[str, float]
    f1: dict[str, float]

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        count = len(self.features)
        if len(self.low) != count or len(self.high) != count:
            raise ValueError(f"low and high must have {count} numbers, one for each feature")
        if any(low >= high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError("low must be below high")
        if len(self.weights) != count + count * (count + 1) // 2:
            raise ValueError(f"{count} features and their products need as many weights")
        return self


class Calibration(_Record):
    """The working points, and what they were set from."""

    points: tuple[WorkingPoint, ...] = Field(min_length=1)  # for the clearest pictures first
    # For pictures that read at least so clearly, the clearest first: the mean evidence of content
    # above which code and picture are strangers.
    strangers: tuple[tuple[float, Annotated[float, Field(lt=0)]], ...] = Field(min_length=1)
    both: Weighing  # by what localizer and content say
    alone: Weighing  # by what the localizer says
    bound: float  # share of untouched pictures that may show any region, under any processing
    pictures: int
    frames: dict[str, int]  # how many of them were published on frames of each side
    command: str

    @field_validator("points")
    @classmethod
    def _clearest_first(cls, points: tuple[WorkingPoint, ...]) -> tuple[WorkingPoint, ...]:
        lows = [point.minimum_agreement for point in points]
        if lows != sorted(set(lows), reverse=True):
            raise ValueError("the working points must be ordered, the clearest pictures first")
        return points

    @property
    def minimum_agreement(self) -> float:
        """Pictures that read less clearly than this are outside what was calibrated."""
        return self.points[-1].minimum_agreement

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell this calibration from others."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def point(self, agreement: float) -> WorkingPoint:
        """The working point for a picture that reads this clearly."""
        return next((p for p in self.points if agreement >= p.minimum_agreement), self.points[-1])

    def strangers_above(self, agreement: float) -> float:
        """The mean evidence above which a picture that reads this clearly is not the code's own."""
        wanted = (most for low, most in self.strangers if agreement >= low)
        return next(wanted, self.strangers[-1][1])


class Options(BaseModel):
    """What in a network's config the product must know to feed it; sizes it reads off the graphs.

    The defaults are those of the shipped release, whose config names none of them.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    keyed_signs: StrictBool = False  # each block's code is turned by keyed signs
    code_evidence: StrictBool = False  # localize compares the hidden copy with the picture
    template_scales: tuple[int, ...] = (1, 1, 1, 1, 1, 1)  # blocks on a side that share a sign


class ReleaseRecord(_Record):
    """What is known of a release: the content of its `record.json`."""

    name: str = Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")  # architecture.tag
    licence: str
    source: str  # where the weights come from
    source_sha256: str
    config: dict[str, StrictBool | StrictInt | StrictStr | tuple[StrictInt, ...]]  # of the networks
    graphs: dict[str, GraphRecord]
    calibration: Calibration
    scores: dict[str, Any]  # as the named command measured them

    @model_validator(mode="after")
    def _known_options(self) -> Self:
        assert self.options  # a malformed one raises
        return self

    @cached_property
    def options(self) -> Options:
        """What of the config decides how the networks are fed."""
        return Options.model_validate(self.config)


@dataclass(frozen=True, slots=True)
class Release:
    """A checked release: its record and the bytes of its graphs."""

    record: ReleaseRecord
    graphs: dict[str, bytes]

    @property
    def sha256(self) -> str:
        """One hash for all graphs: that of their hashes, joined in the order of `GRAPHS`."""
        joined = "".join(self.record.graphs[name].sha256 for name in GRAPHS)
        return hashlib.sha256(joined.encode()).hexdigest()


def release_folder(name: str = DEFAULT_RELEASE) -> Path:
    """Where the release of this name lies in the installed package."""
    return Path(str(resources.files(__package__))) / name


def read_record(folder: Path) -> ReleaseRecord:
    """Read `record.json` of a release.

    Raises:
        WeightsError: it is missing, malformed or lacks a graph.
    """
    path = folder / "record.json"
    try:
        record = ReleaseRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError(
            f"cannot read {path}: {reason(error)}; install imuge again or name another release"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise WeightsError(f"{path} is not a release record: {where}: {first['msg']}") from error
    if missing := set(GRAPHS) - record.graphs.keys():
        raise WeightsError(f"{path} lacks the graphs {', '.join(sorted(missing))}")
    return record


def write_record(record: ReleaseRecord, folder: Path) -> Path:
    """Write `record.json` of a release, replacing what was there."""
    text = record.model_dump_json(indent=2) + "\n"
    return write_atomically(folder / "record.json", text.encode(), overwrite=True)


def load_release(folder: Path | None = None) -> Release:
    """Read a release and hold every file against its record.

    Args:
        folder: The release's folder; None means the one shipped with imuge.

    Raises:
        WeightsError: a file is missing, altered, or the record is malformed.
    """
    folder = release_folder() if folder is None else folder
    record = read_record(folder)
    graphs = {}
    for name in GRAPHS:
        expected = record.graphs[name]
        if Path(expected.file).name != expected.file:
            raise WeightsError(f"{folder} names the file {expected.file!r} outside its own folder")
        path = folder / expected.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeightsError(
                f"cannot read weights {path}: {reason(error)}; install imuge again"
            ) from error
        if (found := hashlib.sha256(data).hexdigest()) != expected.sha256:
            raise WeightsError(
                f"{path} has SHA-256 {found[:16]}…, its record says {expected.sha256[:16]}…; "
                "the file was altered or cut short: install imuge again"
            )
        graphs[name] = data
    return Release(record, graphs)
