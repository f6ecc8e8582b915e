"""The manifest on one machine: a file of JSON lines that only grows, each line safe on the disk.

    {"schema": "imuge.batch/1", "command": ..., ...}   the header: what the batch is
    {"name": "sub/a.jpg", ...}                         one line for every finished picture

A kill can leave the last line torn; it is cut off when the file is next opened, and its picture
done again. Where a picture was done again its last line counts, and the file is written anew
without the others when it is opened or closed.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imuge.batch.record import Record, from_table, to_line
from imuge.errors import ConfigError, ImageError
from imuge.files import reason, write_atomically

SCHEMA = "imuge.batch/1"
MANIFEST = "manifest.jsonl"
# Of the header, what must be the same for a batch to be resumed.
BINDING = ("schema", "command", "source", "options", "key_ids", "model_sha256")


class Journal:
    """An open manifest: the records so far, and a place for the next."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        """Open the manifest at `path`, or begin one.

        Raises:
            ConfigError: it is of another batch, or damaged.
            ImageError: it cannot be read or written.
        """
        self.path = path
        self.records: dict[str, Record] = {}
        self._superseded = False
        try:
            found = path.exists()
            self.header = self._resume(header) if found else header
            if not found or self._superseded:
                self._write_anew()
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise ImageError(f"cannot use {path}: {reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)
        if self._superseded and error is None:
            self._write_anew()

    def append(self, record: Record) -> None:
        """Add a record; when this returns, it is on the disk.

        Raises:
            ImageError: the disk refused; what it took of the line is cut off next time.
        """
        line = to_line(record)
        try:
            while line:
                line = line[os.write(self._handle, line) :]
            os.fsync(self._handle)
        except OSError as error:
            raise ImageError(
                f"cannot write {self.path}: {reason(error)}; run the same command again to go on"
            ) from error
        self._keep(record)

    def _keep(self, record: Record) -> None:
        self._superseded |= record.name in self.records
        self.records[record.name] = record

    def _resume(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Read what is there, and cut off a last line that a kill has torn."""
        data = self.path.read_bytes()
        header, records, whole = read_manifest(data, self.path)
        if header is None:  # torn in the header: nothing was done yet
            self._superseded = True
            return wanted
        check_same_batch(header, wanted, self.path)
        for record in records:
            self._keep(record)
        if whole < len(data):
            os.truncate(self.path, whole)
        return header | {"overwrite": header.get("overwrite") or wanted["overwrite"]}

    def _write_anew(self) -> None:
        lines = [to_line(self.header), *map(to_line, self.records.values())]
        write_atomically(self.path, b"".join(lines), overwrite=True)
        self._superseded = False


def read_manifest(data: bytes, where: object) -> tuple[dict[str, Any] | None, list[Record], int]:
    """Parse a manifest's content.

    Args:
        data: The whole file.
        where: What messages call it.

    Returns:
        The header, or None if not even that is whole; every record in order; and how many bytes
        are whole lines: the rest was torn by a kill.

    Raises:
        ConfigError: a whole line is damaged.
    """
    whole = data.rfind(b"\n") + 1
    header: dict[str, Any] | None = None
    records = []
    for number, line in enumerate(data[:whole].split(b"\n")[:-1], 1):
        try:
            table = json.loads(line)
            if header is None:
                header = dict(table)
            else:
                records.append(from_table(table))
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{where}, line {number}, is damaged; mend it, or begin again with --restart"
            ) from error
    return header, records, whole


def check_same_batch(header: dict[str, Any], wanted: dict[str, Any], where: object) -> None:
    """Refuse to mix two batches in one output folder.

    Raises:
        ConfigError: what must agree does not; the message says what differs.
    """
    for name in BINDING:
        if header.get(name) != wanted[name]:
            had, has = _shortest_difference(header.get(name), wanted[name])
            raise ConfigError(
                f"{where} is of a batch with {name} {had}, and this one has {has}; use the same "
                "settings to resume, another --out, or --restart to begin again"
            )


def _shortest_difference(had: Any, has: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
    return json.dumps(_other(had, has)), json.dumps(_other(has, had))


def _other(one: Any, other: Any) -> Any:  # noqa: ANN401 - JSON
    """What of one object is not the same in another, however deep."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    return {key: _other(one.get(key), other.get(key)) for key in keys}


def set_aside(path: Path) -> Path | None:
    """Give an earlier manifest another name, so that a new one can begin; it is kept.

    Raises:
        ImageError: the disk refused.
    """
    if not path.exists():
        return None
    number = 1
    while (old := path.with_name(f"{path.stem}.old-{number}{path.suffix}")).exists():
        number += 1
    try:
        return path.rename(old)
    except OSError as error:
        raise ImageError(f"cannot rename {path}: {reason(error)}") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep `folder` for this process until the block ends; the system lets go of it at any death.

    Raises:
        ConfigError: another process has it.
        ImageError: the disk refused.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ImageError(f"cannot use {folder}: {reason(error)}") from error
    try:
        _take(handle, folder)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    import fcntl  # not at the top: Windows has none, and the other commands work there

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 100, 0).decode("utf-8", "replace").strip()
        raise ConfigError(
            f"another run ({holder or 'unknown'}) is writing to {folder.parent}; wait for it, or "
            "give another --out"
        ) from error
    os.truncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
