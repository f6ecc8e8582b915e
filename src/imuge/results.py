"""What `Guard` returns: frozen records of one immunization or one verification.

Masks are True and probabilities are near 1 where a picture was **tampered** with. Pictures are
uint8 arrays of shape (H, W, 3), RGB, upright. Areas are fractions of the picture unless the name
says pixels.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError
from imuge.files import write_atomically

Finding: TypeAlias = Literal["intact", "tampered", "degraded", "foreign", "unprotected"]
RegionKind: TypeAlias = Literal["changed", "protected again", "protection lost"]
ContentCheck: TypeAlias = Literal["differs", "agrees", "not checked"]
HiddenCopyCheck: TypeAlias = Literal["agrees", "disagrees", "not checked"]
ManifestCheck: TypeAlias = Literal["not asked", "none", "invalid", "valid", "trusted", "recovered"]
RegistryCheck: TypeAlias = Literal["not asked", "not found", "found"]
ReferenceCheck: TypeAlias = Literal["not comparable", "agrees", "differs"]
Pixels: TypeAlias = NDArray[np.uint8]

EXIT_STATUS: dict[Finding, int] = {
    "intact": 0,
    "tampered": 10,
    "degraded": 11,
    "foreign": 12,
    "unprotected": 13,
}
# Of several pictures the first of these that was found counts: a stray file hides no alarm.
GRAVEST_FIRST: tuple[Finding, ...] = (
    "tampered",
    "foreign",
    "degraded",
    "unprotected",
    "intact",
)
REGION_WORDS: dict[RegionKind, str] = {
    "changed": "changed",
    "protected again": "changed, protected again",
    "protection lost": "protection lost, content as published: no tampering",
}
ODDS_WORDS = (  # odds to one that it is a change, from which evidence is called so; else "weak"
    (10_000, "very strong"),
    (100, "strong"),
    (10, "moderate"),
)
SCHEMA = "imuge.verdict/2"

PictureType = TypeVar("PictureType")


def gravest_status(findings: Iterable[Finding]) -> int:
    """The exit status for several pictures: that of the gravest finding, 0 where there is none."""
    found = set(findings)
    return next((EXIT_STATUS[word] for word in GRAVEST_FIRST if word in found), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One connected piece of the picture in which something happened after it was immunized.

    Two witnesses speak about it: the template that was embedded beside the content, and the hidden
    code, which tells what the content was. "changed": the template is gone, and the content
    differs or cannot be told. "protected again": the content differs though the template is there.
    "protection lost": the template is gone and the content still agrees; this is no tampering.

    Example:
        >>> from imuge import Guard, Region
        >>> (region,) = Guard("newsdesk").verify("suspicious.png").regions
        >>> left, top, right, bottom = region.box
        >>> isinstance(region, Region), right - left > 60, region.mean_probability > 0.5
        (True, True, True)
    """

    box: tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom excluded
    area_pixels: int
    area: float  # fraction of the picture
    mean_probability: float | None  # over its pixels, 0..1; None where the mark does not show it
    found_by: Literal["mark", "reference"] = "mark"
    kind: RegionKind = "changed"
    content: ContentCheck = "not checked"  # what is seen, with what the hidden code tells
    template_agreement: float | None = None  # share of its signs that agree; 0.5 by chance
    content_agreement: float | None = None  # share of its blocks where content agrees
    odds: float | None = None  # natural log of the odds that it is a change; None: not weighed

    @property
    def counts(self) -> bool:
        """Whether it makes a picture `tampered`."""
        return self.kind != "protection lost"

    @property
    def evidence(self) -> str | None:
        """How strong the evidence for a change is, in a word or two; None where not weighed."""
        if self.odds is None:
            return None
        enough = (word for least, word in ODDS_WORDS if self.odds >= math.log(least))
        return next(enough, "weak")

    @property
    def in_words(self) -> str:
        """What happened to it, and what the two witnesses say."""
        if self.found_by == "reference":
            return "differs from the registry's record"
        told = []
        if self.counts and self.evidence is not None:
            told.append(f"evidence {self.evidence}")
        if self.template_agreement is not None:
            told.append(f"template agrees {self.template_agreement:.0%}")
        if self.kind == "changed" and self.content == "not checked":
            told.append("content not checked")
        elif self.content_agreement is not None:
            told.append(f"content agrees {self.content_agreement:.0%}")
        return REGION_WORDS[self.kind] + (f" ({', '.join(told)})" if told else "")


def first_to_look_at(regions: Iterable[Region]) -> tuple[Region, ...]:
    """The same regions, those with the most evidence first.

    Those that count come before those that do not, weighed ones before others, highest odds first;
    what is alike in that goes by area, largest first.
    """

    def rank(region: Region) -> tuple[bool, float, int]:
        weight = math.inf if region.odds is None else -region.odds
        return not region.counts, weight, -region.area_pixels

    return tuple(sorted(regions, key=rank))


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a copy lies in what was published. None of it is tampering."""

    frame: tuple[int, int]  # width and height of the frame on which the picture was published
    scale: float  # frame pixels for each of the copy's
    turn: float  # degrees clockwise, -180..180
    mirrored: bool
    stretch: float  # how much wider than it was published, over how much higher; 1 where alike
    outline: tuple[tuple[float, float], ...]  # the copy's corners, fractions of what was published
    share: float  # of the published picture that the copy shows, 0..1
    placed_by: Literal["pilot", "edges"]  # found, or taken to be whole and upright
    # Where the copy shows something around it: the published picture's corners in its pixels.
    within: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who published a picture, as its Content Credentials and the registry tell it.

    None of it says that a picture is true: a manifest says what its signer says, a record what
    was registered.
    """

    manifest: ManifestCheck  # "recovered": the copy had none, and the registry's holds
    signer: str | None = None  # of a manifest whose signature holds
    signed_at: str | None = None  # of its time-stamp; without one nobody vouches for a date
    bindings_agree: bool | None = None  # whether it names the mark in the pixels; None: not known
    registry: RegistryCheck = "not asked"
    registry_name: str | None = None
    record: Mapping[str, str | int] | None = None  # the public record
    withdrawn: str | None = None  # when the record was withdrawn, UTC
    same_file: bool | None = None  # whether these are the bytes recorded; None without a record
    reference: ReferenceCheck = "not comparable"  # the copy with the record's reference grid
    reference_difference: float | None = None  # grey levels, where they differ most
    sentences: tuple[str, ...] = ()  # the above for a person

    thumbnail: bytes | None = field(repr=False, compare=False, default=None)  # the record's, WebP


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one picture says about itself under the keys it was checked with.

    A verdict never says that a picture is authentic: whoever holds the key can immunize anything,
    and protection can be removed.

    Example:
        >>> from imuge import Guard, Verdict
        >>> verdict: Verdict = Guard("newsdesk").verify("published.png")
        >>> verdict.verdict, verdict.exit_status, verdict.geometry.share
        ('intact', 0, 1.0)
        >>> verdict.to_dict()["schema"]
        'imuge.verdict/...'
    """

    verdict: Finding
    sentence: str  # the verdict for a person, one sentence
    key_name: str | None  # None where no key's protection was found
    key_id: str | None  # 8 hexadecimal digits
    image_id: str | None  # 12 hexadecimal digits, drawn when the picture was immunized
    presence_p: float  # probability of a beacon this strong without protection, corrected
    tag_p: float | None  # false-acceptance probability of the authentication tag, corrected
    identity_p: float | None  # probability of both at once, corrected once
    layout_p: float | None  # probability of a layout agreement this good by chance
    corrected_for: dict[str, int]  # how many keys and alignments were tried
    tampered_area: float | None  # None where nothing could be judged
    regions: tuple[Region, ...]  # as `first_to_look_at` orders them: most evidence first
    hidden_copy: HiddenCopyCheck
    hidden_copy_agreement: float | None  # correlation of detail in the code, -1..1
    geometry: Geometry | None  # None where no message was read
    width: int
    height: int
    model: str  # name.tag of the weights
    model_sha256: str
    minimum_area: int | None  # pixels of this copy from which a certain change is reported
    small_spots: int  # pieces, more likely tampered than not, that are too small or too doubtful
    input_sha256: str | None  # of the file; None for pixels that never were a file
    tool_version: str
    warnings: tuple[str, ...] = ()
    provenance: Provenance | None = None  # None where neither credentials nor registry were asked

    image: Pixels = field(repr=False, compare=False)  # the picture as it was checked
    mask: NDArray[np.bool_] = field(repr=False, compare=False)  # (H, W), of regions that count
    # (H, W), where the protection is lost and the content agrees; None where nothing was judged
    lost_mask: NDArray[np.bool_] | None = field(repr=False, compare=False, default=None)
    recovered: Pixels | None = field(repr=False, compare=False, default=None)
    hidden_copy_image: Pixels | None = field(repr=False, compare=False, default=None)
    # The whole published picture on its frame, what was cut away as its hidden code tells it.
    uncropped: Pixels | None = field(repr=False, compare=False, default=None)
    # What `Guard.recover` and `Guard.hidden_copy` go on from; for imuge's own eyes.
    evidence: object = field(repr=False, compare=False, default=None)

    @property
    def exit_status(self) -> int:
        """The command's exit status for this verdict (docs/protocol.md)."""
        return EXIT_STATUS[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """The stable, versioned record that `--json` prints: everything but the pictures."""
        record: dict[str, Any] = {"schema": SCHEMA}
        for item in fields(self):
            if not item.compare:
                continue
            value = getattr(self, item.name)
            if item.name == "regions":
                value = [_record(region) for region in value]
            elif isinstance(value, Geometry | Provenance):
                value = _record(value)
            record[item.name] = _plain(value)
        return record

    def to_json(self) -> str:
        """`to_dict` as indented JSON text, in ASCII: any terminal and any log can take it."""
        return json.dumps(self.to_dict(), indent=2)


def _record(item: Region | Geometry | Provenance) -> dict[str, Any]:
    return {part.name: _plain(getattr(item, part.name)) for part in fields(item) if part.compare}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values are of any type
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Immunized(Generic[PictureType]):
    """A picture that now carries its own protection.

    `image` has the type that was given: an array for an array, a PIL image for a PIL image, the
    encoded file as bytes for bytes or a path, a binary file object for a file object.

    Example:
        >>> from pathlib import Path
        >>> from imuge import Guard, Immunized
        >>> made: Immunized[bytes] = Guard("newsdesk").immunize(Path("photo.jpg"), format="PNG")
        >>> made.image == made.file, len(made.image_id), made.verdict.verdict
        (True, 12, 'intact')
        >>> made.save("out.png").name
        'out.png'
    """

    image: PictureType = field(repr=False)
    file: bytes | None = field(repr=False)  # the encoded file; None for arrays and PIL images
    key_name: str
    key_id: str
    image_id: str
    strength: float
    psnr_db: float  # fidelity to the picture given, on the pixels that are published
    verdict: Verdict  # of the published pixels, read back from the encoded file where there is one
    warnings: tuple[str, ...] = ()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the encoded file under `path`, all of it or nothing.

        Raises:
            ImageError: the picture was given as an array or PIL image, so there is no file; or
                `path` exists and `overwrite` is false; or the disk refused.
        """
        if self.file is None:
            raise ImageError(
                "expected a picture that came as a file, got one that came as pixels; "
                "save .image with your own library, losslessly or as JPEG of quality 95 or better"
            )
        return write_atomically(Path(path), self.file, overwrite=overwrite)
