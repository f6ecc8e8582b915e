"""What is recorded of a picture: the public record, its leaf, and the evidence beside it.

    PublishedPicture ── Record (public: numbers, ids, hashes) ──── canonical JSON ──► leaf
                    └── Evidence (PDQ, grid, thumbnail, salt) ─ salted hash ─┘

The record holds nothing that shows the picture, so the log can be public. The evidence does, and
may be erased on request: the leaf has a salted hash of it, which says nothing once the salt is
gone, and the tree stays whole.

Canonical JSON is RFC 8785 for what stands here: strings, whole numbers and null, keys in order.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from imuge.errors import RegistryError
from imuge.registry.merkle import leaf_hash

Kind: TypeAlias = Literal["published", "withdrawn"]

GRID_SIDE = 64
PDQ_BYTES = 32
SALT_BYTES = 32
MAX_THUMBNAIL_BYTES = 64 * 1024
MAX_TEXT_BYTES = {"publisher": 80, "note": 120, "model": 64, "format": 16, "manifest_id": 128}
_HEX = {"sha256_original": 64, "sha256_published": 64, "key_id": 8, "image_id": 12}
_LABEL = b"imuge/registry/1/evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows the picture, or finds it: kept beside the log, erased when it is withdrawn."""

    pdq: bytes  # 32 bytes, the perceptual hash that finds copies
    pdq_quality: int  # 0..100, PDQ's own
    grid: bytes = field(repr=False)  # 64x64 uint8 luminance averages of the frame, row by row
    thumbnail: bytes | None = field(repr=False, default=None)  # a small encoded picture

    def commitment(self, salt: bytes) -> str:
        """The salted hash that stands in the record, hexadecimal."""
        thumbnail = hashlib.sha256(self.thumbnail or b"").digest()
        grid = hashlib.sha256(self.grid).digest()
        parts = (_LABEL, salt, self.pdq, bytes([self.pdq_quality]), grid, thumbnail)
        return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A signed C2PA manifest store, kept because platforms strip it from copies."""

    manifest_id: str  # the label of its active manifest, urn:c2pa:...
    store: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the store, as it stands in the record."""
        return hashlib.sha256(self.store).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPicture:
    """All that a registry is told about one picture.

    Raises:
        RegistryError: a field has the wrong length or form.
    """

    key_id: str  # 8 hexadecimal digits
    image_id: str  # 12 hexadecimal digits
    sha256_original: str  # of the file given, 64 hexadecimal digits
    sha256_published: str  # of the file made, its Content Credentials included
    width: int  # pixels of the published picture
    height: int
    format: str  # JPEG, PNG, ...
    frame_side: int  # longer side of the frame, pixels
    model: str  # name.tag of the weights
    strength: float
    evidence: Evidence | None = None  # None for a sidecar: a registry takes none without
    publisher: str = ""
    note: str = ""
    replaces: int | None = None  # log index of the record that this one takes the place of
    manifest: Manifest | None = None

    def __post_init__(self) -> None:
        for name, digits in _HEX.items():
            value = getattr(self, name)
            if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
                raise RegistryError(f"expected {digits} hexadecimal digits for {name}: {value!r}")
        for name in ("publisher", "note", "model", "format"):
            check_text(name, getattr(self, name))
        if self.manifest is not None:
            check_text("manifest_id", self.manifest.manifest_id)
        evidence = self.evidence
        if evidence is None:
            return
        if len(evidence.pdq) != PDQ_BYTES or len(evidence.grid) != GRID_SIDE**2:
            raise RegistryError(
                f"expected a PDQ of {PDQ_BYTES} and a grid of {GRID_SIDE**2} bytes, got "
                f"{len(evidence.pdq)} and {len(evidence.grid)}; use gather_evidence"
            )
        if evidence.thumbnail is not None and len(evidence.thumbnail) > MAX_THUMBNAIL_BYTES:
            raise RegistryError(
                f"expected a thumbnail of at most {MAX_THUMBNAIL_BYTES} bytes, got "
                f"{len(evidence.thumbnail)}; make it smaller or leave it out"
            )

    def record(self, *, log_index: int, created_at: str, salt: bytes) -> "Record":
        """The public record, as it goes into the log."""
        return Record(
            log_index=log_index,
            kind="published",
            key_id=self.key_id,
            image_id=self.image_id,
            created_at=created_at,
            publisher=self.publisher,
            sha256_original=self.sha256_original,
            sha256_published=self.sha256_published,
            width=self.width,
            height=self.height,
            format=self.format,
            frame_side=self.frame_side,
            model=self.model,
            strength=f"{self.strength:g}",
            replaces=self.replaces,
            manifest_id=None if self.manifest is None else self.manifest.manifest_id,
            manifest_sha256=None if self.manifest is None else self.manifest.sha256,
            note=self.note,
            evidence=None if self.evidence is None else self.evidence.commitment(salt),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One public line of the log. A withdrawal names what it withdraws and has no picture."""

    log_index: int
    kind: Kind
    created_at: str  # UTC, 2026-11-26T09:57:21Z
    publisher: str
    note: str
    replaces: int | None = None  # of a withdrawal: the record withdrawn
    key_id: str | None = None
    image_id: str | None = None
    sha256_original: str | None = None
    sha256_published: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    frame_side: int | None = None
    model: str | None = None
    strength: str | None = None  # decimal text: numbers with a point have no one spelling in JSON
    manifest_id: str | None = None
    manifest_sha256: str | None = None
    evidence: str | None = None  # salted hash of what is kept beside the log

    def to_dict(self) -> dict[str, Any]:
        """The fields that are said, by name."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {name: value for name, value in pairs if value is not None}

    @property
    def leaf(self) -> bytes:
        """The hash of this record in the tree."""
        return leaf_hash(canonical(self.to_dict()))


def canonical(value: object) -> bytes:
    """JSON in the one spelling that is hashed and signed."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def check_text(name: str, value: str) -> None:
    """Refuse text that is too long for a receipt or that a database cannot keep.

    Raises:
        RegistryError: it is too long, or has control characters or half surrogates.
    """
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        length = None
    limit = MAX_TEXT_BYTES[name]
    if length is None or length > limit or any(ord(character) < 32 for character in value):
        raise RegistryError(
            f"expected {name} of at most {limit} bytes of UTF-8 in one line, got "
            f"{value[:40]!r}{f' of {length} bytes' if length else ''}; shorten it"
        )


def now() -> str:
    """UTC, as it stands in records: 2026-11-26T09:57:21Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
