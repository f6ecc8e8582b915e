"""Receipts: proof, to be checked offline, that a picture stands in a registry's log.

    {"schema": "imuge.receipt/1",
     "record": {...},                 the public record, whose canonical JSON is the leaf
     "proof": ["<base64>", ...],      from the leaf to the root, nearest neighbour first
     "checkpoint": "<signed note>"}   size and root of the tree, signed by the registry

Nothing in a receipt is secret, and checking one takes the registry's verifier key alone. What it
proves and what not: docs/registry.md.
"""

import base64
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from imuge.errors import ReceiptError
from imuge.registry.merkle import included
from imuge.registry.notes import Checkpoint, VerifierKey
from imuge.registry.records import PublishedPicture, Record

SCHEMA: Literal["imuge.receipt/1"] = "imuge.receipt/1"
SIDECAR_SCHEMA = "imuge.sidecar/1"
SUFFIX = ".receipt.json"
MAX_BYTES = 1 << 14
_MAX_PROOF = 64


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    schema_: Literal["imuge.receipt/1"] = Field(alias="schema")
    record: dict[str, StrictStr | StrictInt]
    proof: list[str] = Field(max_length=_MAX_PROOF)
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A record, its way to the root, and the signed checkpoint of that root."""

    record: Record
    proof: tuple[bytes, ...]  # 32 bytes each
    checkpoint: str  # signed note

    def to_dict(self) -> dict[str, Any]:
        """As it is written to a file."""
        proof = [base64.b64encode(step).decode("ascii") for step in self.proof]
        record = self.record.to_dict()
        return {
            "schema": SCHEMA,
            "record": record,
            "proof": proof,
            "checkpoint": self.checkpoint,
        }

    def to_json(self) -> bytes:
        """The receipt's file: one line a part, below 2 kB."""
        parts = (
            f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
            for name, value in self.to_dict().items()
        )
        return ("{" + ",\n ".join(parts) + "}\n").encode()

    @classmethod
    def parse(cls, data: bytes) -> "Receipt":
        """Read a receipt's file; nothing of it is believed yet.

        Raises:
            ReceiptError: it is too long, not JSON, or not a receipt of version 1.
        """
        if len(data) > MAX_BYTES:
            raise ReceiptError(
                f"the receipt is {len(data)} bytes long and a receipt below {MAX_BYTES}; "
                "name another file"
            )
        with suppress(ValidationError, ValueError, TypeError, RecursionError):
            document = _Document.model_validate_json(data)
            record = Record(**document.record)  # type: ignore[arg-type]  # the leaf's hash tells
            if isinstance(record.log_index, int):
                return cls(
                    record=record,
                    proof=tuple(base64.b64decode(step, validate=True) for step in document.proof),
                    checkpoint=document.checkpoint,
                )
        raise ReceiptError(f"this is not a receipt ({SCHEMA}); name the file ending in {SUFFIX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedReceipt:
    """What a receipt proves: this record stands in the log that this checkpoint commits to."""

    record: Record
    checkpoint: Checkpoint
    file_agrees: bool | None  # None where no file was given


def receipt_path(path: Path) -> Path:
    """Where the receipt of `path` lies: beside it, photo.jpg.receipt.json."""
    return path.with_name(path.name + SUFFIX)


def verify_receipt(
    receipt: Receipt, key: VerifierKey, *, file: bytes | None = None
) -> CheckedReceipt:
    """Check a receipt offline.

    Args:
        receipt: As read from its file.
        key: The registry's verifier key, from where the registry publishes it: a key that came
            with the receipt proves nothing.
        file: The picture's file, to see whether it is the one recorded.

    Raises:
        ReceiptError: the checkpoint is not signed by `key`, the record is not in its tree, or the
            file is another one.
    """
    checkpoint = key.checkpoint(receipt.checkpoint)
    record = receipt.record
    if not included(record.leaf, record.log_index, checkpoint.size, receipt.proof, checkpoint.root):
        raise ReceiptError(
            "the record is not in the log that the checkpoint commits to, so the receipt was "
            f"altered; ask the registry for the receipt of record {record.log_index}"
        )
    if file is not None:
        found = hashlib.sha256(file).hexdigest()
        if found != record.sha256_published:
            raise ReceiptError(
                f"the receipt holds, but for another file: it records SHA-256 "
                f"{record.sha256_published}, and this file has {found}; a re-saved copy differs too"
            )
    return CheckedReceipt(
        record=record, checkpoint=checkpoint, file_agrees=None if file is None else True
    )


def sidecar(picture: PublishedPicture, created_at: str) -> bytes:
    """The note that goes with a picture where there is no registry: the same facts, unproved.

    Returns:
        JSON of the schema `imuge.sidecar/1`. It has no log index, and nobody signed it.
    """
    record = picture.record(log_index=0, created_at=created_at, salt=b"").to_dict()
    facts = {name: value for name, value in record.items() if name not in {"log_index", "evidence"}}
    whole = {"schema": SIDECAR_SCHEMA, "record": facts}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode() + b"\n"
