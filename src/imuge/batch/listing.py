"""What a batch starts from: a folder of pictures, or a list of them as JSON lines or CSV."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args

from imuge.errors import ConfigError
from imuge.files import reason
from imuge.image import SUFFIXES, MetadataPolicy

LISTS = {".jsonl", ".ndjson", ".csv"}
COLUMNS = ("input", "output", "strength", "metadata")
NOT_A_PICTURE = "its ending is not a picture's"
LINKED_FOLDER = "linked folders are not followed"
LINKED_OUT = "the link leads out of the folder"
HIDDEN = "its name is hidden"
NO_FILE = "it is no ordinary file"
DANGLING = "a link that leads nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One picture to work on, as the folder or the list has it."""

    shown: str  # below the folder with /, or as the list has it
    source: str
    output: str | None = None  # the name the list asks for, below the output folder
    strength: float | None = None
    metadata: MetadataPolicy | None = None


@dataclass(slots=True)
class Listing:
    """What was found, in order of name, and what was left out and why."""

    root: str  # the folder, or that of the list
    found: list[Found] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # name: why


def list_source(source: Path, out: Path, globs: Sequence[str] = ()) -> Listing:
    """List a folder or read a list, as the path says.

    Raises:
        ConfigError: it is neither, or cannot be read.
    """
    check_source(source)
    if source.is_dir():
        return list_folder(source, out, globs)
    if globs:
        raise ConfigError("--glob chooses from a folder; a list names its pictures itself")
    return read_list(source)


def check_source(source: Path) -> None:
    """Refuse what is neither a folder nor a list; before a key is made for it, say.

    Raises:
        ConfigError: it is neither.
    """
    if not source.is_dir() and (source.suffix.lower() not in LISTS or not source.exists()):
        problem = "which is no folder" if source.exists() else "and there is nothing of that name"
        raise ConfigError(
            f"expected a folder of pictures or a list ending in {', '.join(sorted(LISTS))}, "
            f"got {source}, {problem}"
        )


def list_folder(folder: Path, out: Path | None, globs: Sequence[str] = ()) -> Listing:
    """List the pictures below a folder, judged by the endings of their names.

    Hidden folders are passed over, and so is the output folder where it lies inside. Pictures whose
    names are hidden, pipes, devices and links that lead nowhere are named as left out.
    Linked folders are not followed, linked files only where they stay inside.

    Args:
        folder: Where to look, sub-folders included.
        out: The output folder, which may not exist yet; None if it is on no disk.
        globs: Patterns such as *.jpg or scans/*.tif, matched from the right; none means all.

    Raises:
        ConfigError: a folder cannot be read.
    """
    listing = Listing(str(folder.resolve()))
    for path, entry in _walk(folder, PurePosixPath(), out and out.resolve(), listing):
        choose(listing, str(path), entry, globs)
    for name in [name for name in listing.skipped if globs and not _is_chosen(name, globs)]:
        del listing.skipped[name]
    listing.found.sort(key=lambda found: found.shown)
    return listing


def choose(listing: Listing, name: str, source: str, globs: Iterable[str]) -> None:
    """Take a file of a folder into the listing, if it is asked for and a picture."""
    if globs and not _is_chosen(name, globs):
        return
    if PurePosixPath(name).suffix.lower() in SUFFIXES:
        listing.found.append(Found(shown=name, source=source))
    else:
        listing.skipped[name] = NOT_A_PICTURE


def _is_chosen(name: str, globs: Iterable[str]) -> bool:
    return any(PurePosixPath(name).match(pattern) for pattern in globs)


def _walk(
    folder: Path, name: PurePosixPath, out: Path | None, listing: Listing
) -> Iterator[tuple[PurePosixPath, str]]:
    """Every file below `folder` that may be looked at: its name below the root, and its path."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"cannot list {folder}: {reason(error)}") from error
    for entry in entries:
        inner = name / entry.name
        if entry.name.startswith("."):
            if PurePosixPath(entry.name).suffix.lower() in SUFFIXES:  # as ._a.jpg is, of a Mac
                listing.skipped[str(inner)] = HIDDEN
            continue
        if entry.is_dir(follow_symlinks=False):
            if Path(entry.path).resolve() != out:
                yield from _walk(Path(entry.path), inner, out, listing)
        elif not entry.is_symlink():
            if entry.is_file():
                yield inner, entry.path
            else:
                listing.skipped[str(inner)] = NO_FILE
        elif not Path(entry.path).exists():  # or its links lead in a circle
            listing.skipped[str(inner)] = DANGLING
        elif entry.is_dir():
            listing.skipped[str(inner)] = LINKED_FOLDER
        elif not Path(entry.path).resolve().is_relative_to(listing.root):
            listing.skipped[str(inner)] = LINKED_OUT
        elif entry.is_file():
            yield inner, entry.path
        else:
            listing.skipped[str(inner)] = NO_FILE


def read_list(path: Path) -> Listing:
    """Read a list of pictures; relative paths are seen from the list's own folder.

    JSON lines: one object a line. CSV: the first line names the columns. Both know `input`
    and, where a picture asks for something of its own, `output`, `strength` and `metadata`.

    Raises:
        ConfigError: the list cannot be read, or a line is wrong; the message says which.
    """
    listing = Listing(str(path.resolve().parent))
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    rows = _csv_rows(text, path) if path.suffix.lower() == ".csv" else _json_rows(text, path)
    for number, row in rows:
        listing.found.append(_found(row, Path(listing.root), f"{path}, line {number}"))
    return listing


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: no JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise ConfigError(
                f'{path}, line {number}: expected an object such as {{"input": "a.jpg"}}'
            )
        yield number, row


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        for row in reader:
            if None in row:
                raise ConfigError(f"{path}, line {reader.line_num}: more fields than columns")
            yield reader.line_num, {name: value for name, value in row.items() if value}
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: no CSV ({error})") from error


def _found(row: dict[str, Any], folder: Path, where: str) -> Found:
    if unknown := sorted(row.keys() - set(COLUMNS)):
        raise ConfigError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(COLUMNS)}")
    for name in ("input", "output", "metadata"):
        if not isinstance(row.get(name, "text"), str):
            raise ConfigError(f"{where}: expected text for {name}, got {row[name]!r}")
    if not row.get("input"):
        raise ConfigError(f"{where}: there is no input; name a picture")
    metadata = row.get("metadata")
    if metadata not in {None, *get_args(MetadataPolicy)}:
        known = ", ".join(get_args(MetadataPolicy))
        raise ConfigError(f"{where}: expected one of {known} for metadata, got {metadata!r}")
    return Found(
        shown=row["input"],
        source=row["input"] if "://" in row["input"] else str(folder / row["input"]),
        output=row.get("output"),
        strength=_number(row.get("strength"), where),
        metadata=cast("MetadataPolicy | None", metadata),
    )


def _number(value: object, where: str) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(cast("str", value))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: expected a number for strength, got {value!r}") from error
