"""One job as a worker does it: a picture and what is wanted of it in, a record and files out.

Pure functions of a `Guard`; neither HTTP nor processes are known here.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from PIL import Image

from imuge.errors import (
    ConfigError,
    ImageError,
    ImugeError,
    KeyFileError,
    ProtectionError,
    ProvenanceError,
    RegistryError,
    TooLargeError,
    UnsupportedError,
)
from imuge.guard import Detail, Guard, Search
from imuge.image import FORMATS, Limits, MetadataPolicy, Picture, heif, load, sniff
from imuge.keys import Key
from imuge.registry import sidecar
from imuge.registry.records import now
from imuge.report.write import page_and_pictures
from imuge.results import Immunized, Verdict
from imuge.serve.coarse import coarse_record
from imuge.serve.desk import NOTHING, Desk
from imuge.serve.jpeg_scans import MOST_SCANS, count_scans
from imuge.trust.origin import Sources, with_provenance
from imuge.trust.publishing import Draft, Terms, publish

Kind: TypeAlias = Literal["immunize", "verify"]
HiddenCopyWish: TypeAlias = Literal["false", "true", "tampered"]  # never, always, of such copies
HIDDEN_COPIES: tuple[HiddenCopyWish, ...] = get_args(HiddenCopyWish)
IMMUNIZE_FILES = ("immunized", "receipt")
VERIFY_FILES = (
    *("report", "mask", "overlay", "recovered", "hidden-copy", "uncropped", "thumbnail"),
)
TOO_MUCH_MEMORY = (
    "the picture needs more memory than the service gives to one job; use a smaller one"
)
NOT_PUBLISHED = {
    "immunize": "the picture could not be signed or recorded, so nothing was published; try again, "
    "and tell the service's operator",
    "verify": "registry or credentials could not be asked; try again, and tell the service's "
    "operator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """What is wanted of one picture; the fields of a request, checked."""

    kind: Kind
    max_pixels: int
    strength: float = 1.0
    detail: Detail = "normal"
    format: str | None = None
    metadata: MetadataPolicy = "keep"
    replace: bool = False
    key: str | None = None  # 8 hexadecimal digits; None is the service's first key
    recover: bool = True
    hidden_copy: HiddenCopyWish = "false"
    uncrop: bool = False
    search: Search = "quick"
    coarse: bool = False  # the answer of the role verify-coarse
    note: str = ""  # a line for the registry's record
    files: bool = False  # whether the files beside the verdict are wanted

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON takes it."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a result, in memory."""

    name: str  # as in the path of the request for it
    media_type: str
    ending: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a job gave."""

    record: Mapping[str, Any]  # what the caller gets
    verdict: str
    image_id: str | None
    files: tuple[File, ...] = ()


class JobError(Exception):
    """A job that ended without an outcome, with the code and the sentence for its caller."""

    def __init__(self, code: str, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail  # for the operator's log alone


def perform(guard: Guard, task: JobTask, data: bytes, desk: Desk = NOTHING) -> Outcome:
    """Do one job.

    Args:
        guard: With the service's keys, the default one first.
        task: What is wanted.
        data: The bytes of the picture's file.
        desk: What signs, records and is asked.

    Raises:
        JobError: the picture or the wish was refused, or there was not enough memory.
    """
    try:
        _check_scans(data)
        picture = load(data, limits=Limits(max_pixels=task.max_pixels))
        if task.kind == "immunize":
            return _immunize(guard, task, picture, data, desk.terms)
        return _verify(guard, task, picture, data, desk.sources)
    except (RegistryError, ProvenanceError) as error:
        # What it says may name hosts and paths: for the operator.
        raise JobError("unavailable", NOT_PUBLISHED[task.kind], detail=str(error)) from error
    except ImugeError as error:
        raise JobError(code_of(error), str(error)) from error
    except MemoryError as error:
        raise JobError("too_large", TOO_MUCH_MEMORY, detail="memory") from error
    except Exception as error:
        if "alloc" in str(error).lower():  # ONNX Runtime has no type of its own for it
            raise JobError("too_large", TOO_MUCH_MEMORY, detail="memory") from error
        raise


def megapixels_of(data: bytes) -> float:
    """The size of a picture by its header; 0 where it says none, and `perform` will tell why."""
    try:
        kind = sniff.identify(data)
        opened = heif.read(data) if kind == "HEIF" else Image.open(io.BytesIO(data), formats=[kind])
        with opened as image:
            return image.width * image.height / 1e6
    except Exception:  # hostile files raise nearly every type there is
        return 0.0


def _check_scans(data: bytes) -> None:
    """Refuse a JPEG that would be decoded over and over.

    Raises:
        ImageError: it has too many scans.
    """
    if count_scans(data, MOST_SCANS) > MOST_SCANS:
        raise ImageError(
            f"the JPEG has more than {MOST_SCANS} scans, and each costs a pass over the whole "
            "picture; save it anew and send that"
        )


def code_of(error: ImugeError) -> str:
    """The error code for what imuge refused."""
    codes: tuple[tuple[type[ImugeError], str], ...] = (
        (ProtectionError, "protection"),
        (TooLargeError, "too_large"),
        (UnsupportedError, "unsupported_media"),
        (ImageError, "unprocessable"),
        (KeyFileError, "invalid_request"),
        (ConfigError, "invalid_request"),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), "internal")


def _immunize(guard: Guard, task: JobTask, picture: Picture, data: bytes, terms: Terms) -> Outcome:
    def immunize() -> Immunized[bytes]:
        return guard.immunize(
            picture,
            task.strength,
            detail=task.detail,
            key=_key(guard, task.key),
            replace=task.replace,
            format=task.format,
            metadata=task.metadata,
        )

    def keep(draft: Draft) -> tuple[bytes, int | None]:
        if terms.registry is None:
            return sidecar(draft.picture, now()), None
        receipt = terms.registry.publish(draft.picture)
        return receipt.to_json(), receipt.record.log_index

    wanted = replace(terms, note=task.note)
    draft, (receipt, number) = publish(
        picture, data, immunize, wanted, keep, metadata=task.metadata
    )
    made, form = draft.made, FORMATS[task.format or picture.format]
    record = {
        "image_id": made.image_id,
        "key_id": made.key_id,
        "key_name": made.key_name,
        "psnr_db": round(made.psnr_db, 3),
        "strength": made.strength,
        "format": form.name,
        "log_index": number,
        "warnings": [*made.warnings, *draft.warnings],
        "verdict": made.verdict.to_dict(),
    }
    ending = form.suffix.removeprefix(".")
    return Outcome(
        record=record,
        verdict=made.verdict.verdict,
        image_id=made.image_id,
        files=(
            File(name="immunized", media_type=form.media_type, ending=ending, content=draft.file),
            File(name="receipt", media_type="application/json", ending="json", content=receipt),
        ),
    )


def _key(guard: Guard, key_id: str | None) -> Key | None:
    """The service's key with this id; None leaves the choice to the guard."""
    if key_id is None:
        return None
    for key in guard.keys:
        if key.key_id == key_id:
            return key
    raise KeyFileError(f"there is no key {key_id} in this service; /v1/keys lists them")


def _verify(
    guard: Guard, task: JobTask, picture: Picture, data: bytes, sources: Sources | None
) -> Outcome:
    recover = task.recover and not task.coarse
    verdict = guard.verify(
        picture,
        recover=recover,
        uncrop=task.uncrop and not task.coarse,
        search=task.search,
    )
    if task.hidden_copy in ("true", verdict.verdict) and not task.coarse:
        verdict = guard.hidden_copy(verdict)
    if sources is not None:
        verdict = with_provenance(verdict, data, sources)
    return Outcome(
        record=coarse_record(verdict) if task.coarse else verdict.to_dict(),
        verdict=verdict.verdict,
        image_id=None if task.coarse else verdict.image_id,
        files=tuple(_evidence(verdict)) if task.files and not task.coarse else (),
    )


def _evidence(verdict: Verdict) -> list[File]:
    """The report and the pictures of one verdict; nothing in them comes from the file's name."""
    # By the hash a report can be told apart; the name a file had is no business of a service.
    name = f"sha256-{(verdict.input_sha256 or '')[:12]}"
    page, pictures = page_and_pictures(verdict, name, made=datetime.now(UTC), linked=False)
    thumbnail = None if verdict.provenance is None else verdict.provenance.thumbnail
    report = File(
        name="report",
        media_type="text/html; charset=utf-8",
        ending="html",
        content=page,
    )
    return [
        report,
        *(
            File(name=what, media_type="image/png", ending="png", content=content)
            for what, content in pictures.items()
        ),
        *(
            File(name="thumbnail", media_type="image/webp", ending="webp", content=small)
            for small in [thumbnail]
            if small is not None
        ),
    ]
