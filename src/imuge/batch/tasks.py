"""What a batch is made of: what holds for all of it, and one task for every picture."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from imuge.image import MAX_PIXELS, Limits, MetadataPolicy
from imuge.protection.frame import Detail
from imuge.protection.places import Search
from imuge.trust.options import AskOptions, PublishOptions

Command: TypeAlias = Literal["immunize", "verify"]
ReportChoice: TypeAlias = Literal["none", "tampered", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """What is to be done with every picture; a batch is resumed only under the same spec."""

    command: Command
    strength: float = 1.0  # immunize: 0.25..3
    detail: Detail = "normal"  # immunize
    replace: bool = False  # immunize: also what is protected already
    metadata: MetadataPolicy = "keep"  # immunize
    format: str | None = None  # immunize: as in `imuge.image.SUFFIXES`; None means by the ending
    reports: ReportChoice = "none"  # verify: for which pictures a report is written
    search: Search = "quick"  # verify
    publish: PublishOptions | None = None  # immunize: sign, record, give receipts
    ask: AskOptions | None = None  # verify: ask credentials and the registry
    max_pixels: int = MAX_PIXELS  # of a picture

    @property
    def limits(self) -> Limits:
        """What is taken, as `Guard` and `load` want it."""
        return Limits(max_pixels=self.max_pixels)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    """One picture of a batch."""

    name: str  # below the output folder, with /; what immunize writes, or how reports' names begin
    source: str  # the path to read
    shown: str  # how records name the input: below its folder, or as the list has it
    strength: float | None = None  # where the list asks for another than the spec
    metadata: MetadataPolicy | None = None
    replaces: int | None = None  # the registry's record of what an earlier run made of it

    @property
    def options(self) -> dict[str, Any]:
        """What this picture's line in the list asks for beyond the spec."""
        asked = {"strength": self.strength, "metadata": self.metadata}
        return {name: value for name, value in asked.items() if value is not None}
