"""The log: one line of JSON a request and one a job, with hashes and without names of files."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

Log: TypeAlias = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class Visit:
    """What is noted of one request, for its log line."""

    request_id: str
    address: str
    began: float
    token: str | None = None
    input_sha256: str | None = None
    verdict: str | None = None
    image_id: str | None = None
    job: str | None = None
    code: str | None = None
    detail: str = ""
    bytes_in: int = 0
    body_complete: bool = False
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


def print_line(record: Mapping[str, Any]) -> None:
    """Write one log record as a line of JSON on standard error."""
    line = json.dumps(record, ensure_ascii=True)
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the log


def now_text() -> str:
    """The time, as log lines have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
