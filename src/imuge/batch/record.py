"""What became of one picture: a line of the manifest."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from imuge.batch.tasks import Command

FAILED = "failed"
IMMUNIZED = "immunized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished picture, or one that could not be finished and why. `name` identifies it."""

    name: str  # of the task
    input: str  # below the input folder, or as the list has it
    input_sha256: str | None = None  # None where it could not be read
    input_bytes: int | None = None
    input_mtime_ns: int | None = None
    options: dict[str, Any] = field(default_factory=dict)  # this picture's own, from the list
    output: str | None = None  # the immunized picture, below the output folder
    output_sha256: str | None = None
    files: dict[str, str] = field(default_factory=dict)  # of a report or a receipt; their SHA-256
    verdict: str | None = None  # of the input for verify, of the output for immunize
    key_id: str | None = None
    image_id: str | None = None
    psnr_db: float | None = None  # immunize
    tampered_area: float | None = None  # verify: a fraction, None: not judged
    width: int | None = None
    height: int | None = None
    seconds: float = 0.0  # of work, reading and encoding included
    log_index: int | None = None  # of the registry's record: made, or found by verify
    registry: str | None = None  # verify: found, not found; None where none was asked
    publisher: str | None = None  # as the record has it
    published_at: str | None = None  # UTC, as the record has it
    reference: str | None = None  # verify: agrees, differs, not comparable
    manifest: str | None = None  # verify: none, invalid, valid, trusted, recovered
    warnings: list[str] = field(default_factory=list)
    error: str | None = None  # one sentence; then there is no output and no verdict
    tool_version: str = ""

    @property
    def written(self) -> dict[str, str]:
        """Every file that belongs to this record, below the output folder, and its SHA-256."""
        own = {self.output: self.output_sha256} if self.output and self.output_sha256 else {}
        return own | self.files

    @property
    def megapixels(self) -> float:
        """How much picture was worked through."""
        return (self.width or 0) * (self.height or 0) / 1e6

    def outcome(self, command: Command) -> str:
        """The word under which a summary counts it: a verdict, `immunized`, or `failed`."""
        if self.error is not None or self.verdict is None:
            return FAILED
        return IMMUNIZED if command == "immunize" else self.verdict


_FIELDS = {item.name for item in fields(Record)}


def from_table(table: dict[str, Any]) -> Record:
    """The record that a line holds; fields that a newer imuge added are passed over.

    Raises:
        TypeError: it is no record.
    """
    return Record(**{name: value for name, value in table.items() if name in _FIELDS})


def to_line(value: dict[str, Any] | Record) -> bytes:
    """One line of JSON, ending included."""
    table = asdict(value) if isinstance(value, Record) else value
    try:
        return f"{json.dumps(table, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8: escaped, it comes back the same
        return f"{json.dumps(table)}\n".encode()
