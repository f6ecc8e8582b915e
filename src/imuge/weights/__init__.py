"""The released networks: one record a release and its ONNX files, read and checked.

A release lies in a folder `NAME.TAG/` with `record.json` and one file a graph. Every file is held
against the SHA-256 in the record before it is used; there is no fall-back and no download.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Self

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

DEFAULT_RELEASE = "lab.r3"
CALIBRATED_SIDE = 512  # pixels on a side of the frame that minimum areas are stated for
GRAPHS = ("encode", "embed", "reveal", "localize", "recover")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphRecord(_Record):
    """One ONNX file of a release."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WorkingPoint(_Record):
    """What a region needs, for pictures that read at least this clearly."""

    minimum_agreement: float = Field(ge=0.5, lt=1)  # fraction of beacon signs that agree
    threshold: float = Field(ge=0.5, lt=1)  # probability above which a pixel speaks for a region
    minimum_area: int = Field(ge=0)  # such pixels it needs on a frame of CALIBRATED_SIDE²
    # Mean evidence of content in windows of 1, 3, 5, 7 and 15 blocks, above which it is a region.
    evidence: tuple[float, ...] = Field(min_length=5, max_length=5)
    lost_area: int = Field(ge=0)  # pixels from which a piece that lost its protection is shown
    likeness: float = Field(ge=-1, le=1)  # of code and picture, below which they are strangers


class Acquittal(_Record):
    """What content must say for a piece without protection not to count as changed."""

    total: float = Field(ge=0)  # evidence, in all, for what was published
    relative: float  # mean evidence of a block, as a share of what is usual in the copy, at least
    strongest: float  # evidence of any window in it against that, at most
    doubt: float  # evidence of any one number of the code against it, at most: new colours are few
    wrong: (
        float  # share of what truly changed that was acquitted in calibration, mean of the copies
    )


class Calibration(_Record):
    """The working points, and what they were set from."""

    points: tuple[WorkingPoint, ...] = Field(min_length=1)  # for the clearest pictures first
    acquittal: Acquittal
    bound: float  # share of untouched pictures that may show any region, under any processing
    reached: float  # the most of those kept to it, as found on the calibration pictures
    held_out: float  # and as points chosen on half of them reached on the other half
    pictures: int
    frames: dict[str, int]  # how many of them were published on frames of each side
    kept: dict[str, float]  # processing under which the bound was kept, and the share found
    beyond: dict[str, float]  # and those under which no point keeps it
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

    def point(self, agreement: float) -> WorkingPoint:
        """The working point for a picture that reads this clearly."""
        return next((p for p in self.points if agreement >= p.minimum_agreement), self.points[-1])


class Options(BaseModel):
    """What in a network's config the product must know to feed it; sizes it reads off the graphs.

    The defaults are those of `lab.r3`, whose config names none of them.
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
