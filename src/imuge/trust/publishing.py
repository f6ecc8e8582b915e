"""Publish a picture: sign it, record it, and let nothing out that is not recorded.

immunize ─► read back ─► sign ─► verify ─► SHA-256 of the final bytes ─► record ─► receipt

Immunizing and reading back is the guard's part, and comes in as a function: so every way to ask for
it (command, batch, service) publishes in the same order.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from imuge import provenance
from imuge.errors import ProvenanceError, TakenError
from imuge.image import MetadataPolicy, Picture, load
from imuge.image.leftovers import MANIFEST_DROPPED
from imuge.image.sniff import identify
from imuge.protection.verify import on_frame
from imuge.provenance import Mark, Signer
from imuge.registry import Evidence, Manifest, PublishedPicture, gather_evidence
from imuge.results import Immunized

if TYPE_CHECKING:
    from imuge.registry import Registry

Kept = TypeVar("Kept")
Immunize: TypeAlias = Callable[[], Immunized[bytes]]

DRAWS = 3  # image ids; among 2^48 the second is hardly ever needed
FINDABLE = 50  # PDQ's quality from which it says something


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How pictures are published."""

    registry: "Registry | None" = None
    signer: Signer | None = None
    publisher: str = ""
    note: str = ""
    thumbnail: bool = False  # whether a small picture is kept with the record
    algorithm: str | None = None  # name under which imuge's mark is listed as a soft binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A finished file that is not out yet, and what is to be recorded of it."""

    made: Immunized[bytes]
    file: bytes = field(repr=False)  # signed, where there is a signer
    picture: PublishedPicture
    warnings: tuple[str, ...] = ()


def publish(
    original: Picture,
    data: bytes,
    immunize: Immunize,
    terms: Terms,
    keep: Callable[[Draft], Kept],
    *,
    metadata: MetadataPolicy = "keep",
) -> tuple[Draft, Kept]:
    """Make a picture's file, sign it as the terms say, and hand it to be recorded.

    Args:
        original: What is published.
        data: Its file.
        immunize: Immunizes it; every call draws another image id.
        terms: Signing and recording.
        keep: Records and writes the draft; `TakenError` from it has another id drawn.
        metadata: As it is for `immunize`.

    Raises:
        TakenError: three ids in a row were taken.
        ProvenanceError: the signer or what was signed is no good; nothing was recorded.
        Whatever `immunize` and `keep` raise.
    """
    for left in reversed(range(DRAWS)):
        draft = _draft(original, data, immunize(), terms, metadata)
        try:
            return draft, keep(draft)
        except TakenError:
            if not left:
                raise
    raise AssertionError("the last draw returns or raises")


def _draft(
    original: Picture,
    data: bytes,
    made: Immunized[bytes],
    terms: Terms,
    metadata: MetadataPolicy,
) -> Draft:
    file, manifest = made.image, None
    verdict = made.verdict
    if terms.signer is not None:
        mark = Mark(key_id=made.key_id, image_id=made.image_id, model=verdict.model)
        signed = provenance.sign(
            file, data, mark, terms.signer, metadata=metadata, algorithm=terms.algorithm
        )
        if not np.array_equal(load(signed.file, limits=original.limits).pixels, verdict.image):
            raise ProvenanceError(
                "signing changed the picture, so nothing was kept; publish it without "
                "Content Credentials, or in another format"
            )
        file = signed.file
        manifest = Manifest(manifest_id=signed.manifest_id, store=signed.store)
    frame = on_frame(verdict)
    assert frame is not None, "what was read back has a message"
    evidence = None
    if terms.registry is not None:
        evidence = gather_evidence(verdict.image, frame.pixels, thumbnail=terms.thumbnail)
    picture = PublishedPicture(
        key_id=made.key_id,
        image_id=made.image_id,
        sha256_original=original.sha256,
        sha256_published=hashlib.sha256(file).hexdigest(),
        width=verdict.width,
        height=verdict.height,
        format=identify(file),
        frame_side=max(frame.shown.shape),
        model=verdict.model,
        strength=made.strength,
        publisher=terms.publisher,
        note=terms.note,
        evidence=evidence,
        manifest=manifest,
    )
    said = made.warnings
    if terms.signer is not None and metadata == "keep":  # then it is kept, inside the new one
        said = tuple(warning for warning in said if warning != MANIFEST_DROPPED)
    return Draft(
        made=replace(made, image=file, file=file, warnings=said),
        file=file,
        picture=picture,
        warnings=_published_before(terms, picture, evidence),
    )


def _published_before(
    terms: Terms, picture: PublishedPicture, evidence: Evidence | None
) -> tuple[str, ...]:
    """The first registration stands beside this one; whoever publishes should know of it."""
    if terms.registry is None or evidence is None:
        return ()
    same = [m for m in terms.registry.find_file(picture.sha256_original) if m.withdrawn is None]
    if same:
        number, when = same[0].record.log_index, same[0].record.created_at
        return (f"this original was published before, as record {number} of {when}",)
    if evidence.pdq_quality < FINDABLE:
        return ()
    return tuple(
        f"record {match.record.log_index} of {match.record.created_at} looks like this picture"
        for match in terms.registry.find_alike(evidence.pdq, limit=1)
    )
