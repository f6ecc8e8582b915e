"""Files on local disks, S3, Google Cloud Storage and the like, through pyarrow (extra `[ray]`).

A place is a path or a URI: photos, file:///data/photos, s3://bucket/photos, gs://bucket/photos;
any other scheme is asked of fsspec. Credentials are found as those libraries find them.
"""

import posixpath
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pyarrow import ArrowException
from pyarrow.fs import (
    FileInfo,
    FileSelector,
    FileSystem,
    FileType,
    FSSpecHandler,
    LocalFileSystem,
    PyFileSystem,
)

from imuge.errors import ConfigError, ImageError
from imuge.image.limits import MAX_BYTES

# Where an object appears whole when it is closed, and a rename would copy it.
_WHOLE_WHEN_CLOSED = {"s3", "gcs", "abfs"}


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder somewhere: what is read and written below it, by names with /."""

    filesystem: Any
    root: str

    @property
    def is_local(self) -> bool:
        """Whether it lies on a disk of this machine."""
        return isinstance(self.filesystem, LocalFileSystem)

    def path(self, name: str) -> str:
        """The full path of a name, as the file system has it."""
        return posixpath.join(self.root, name)

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """Read a whole file.

        Raises:
            ImageError: it is missing, cannot be read, or has more than `limit` bytes.
        """
        try:
            with self.filesystem.open_input_stream(self.path(name), compression=None) as stream:
                data: bytes = stream.read(limit + 1)
        except (OSError, ArrowException) as error:
            raise ImageError(f"it cannot be read: {_words(error)}") from error
        if len(data) > limit:
            raise ImageError(f"it has more than {limit // 2**20} MiB; use a smaller picture")
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file or nothing, replacing what was there; folders are made.

        Raises:
            ImageError: the storage refused.
        """
        path = self.path(name)
        whole = self.filesystem.type_name in _WHOLE_WHEN_CLOSED
        folder, base = posixpath.split(path)
        written = path if whole else posixpath.join(folder, f".{base[:64]}.{secrets.token_hex(8)}")
        try:
            if not whole:
                self.filesystem.create_dir(folder, recursive=True)
            with self.filesystem.open_output_stream(written, compression=None) as stream:
                stream.write(data)
            if not whole:
                self.filesystem.move(written, path)
        except (OSError, ArrowException) as error:
            raise ImageError(f"cannot write {path}: {_words(error)}") from error

    def remove(self, name: str) -> None:
        """Delete a file that is there."""
        self.filesystem.delete_file(self.path(name))

    def info(self, name: str) -> FileInfo:
        """What is known of one file."""
        return self.filesystem.get_file_info(self.path(name))

    def files(self, below: str = "") -> Iterator[tuple[str, FileInfo]]:
        """Every file below a name, hidden ones too, with its name and what is known of it.

        Raises:
            ImageError: it cannot be listed.
        """
        selector = FileSelector(self.path(below), recursive=True, allow_not_found=True)
        try:
            found = self.filesystem.get_file_info(selector)
        except (OSError, ArrowException) as error:
            raise ImageError(f"cannot list {self.path(below)}: {_words(error)}") from error
        for info in found:
            if info.type == FileType.File:
                yield posixpath.relpath(info.path, self.root), info


def open_storage(place: str) -> Storage:
    """Take a path or URI of a folder.

    Raises:
        ConfigError: nobody knows its scheme, or its parameters are wrong.
    """
    parts = urlsplit(place)
    if "://" not in place:
        return Storage(LocalFileSystem(), str(Path(place).resolve()))
    if parts.scheme == "file":
        return Storage(LocalFileSystem(), str(Path(unquote(parts.path)).resolve()))
    try:
        filesystem, root = FileSystem.from_uri(place)
        return Storage(filesystem, root)
    except (OSError, ArrowException, ValueError) as error:
        return _through_fsspec(place, error)


def _through_fsspec(place: str, first: Exception) -> Storage:
    try:
        from fsspec.core import url_to_fs

        filesystem, root = url_to_fs(place)
    except (ImportError, ValueError, OSError) as error:
        raise ConfigError(
            f"cannot use {without_secrets(place)}: {_words(first)}; {_words(error)}"
        ) from error
    return Storage(PyFileSystem(FSSpecHandler(filesystem)), root)


def without_secrets(place: str) -> str:
    """A place as it may be written down: a URI can carry a password and keys."""
    if "://" not in place:
        return place
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def split_place(place: str) -> tuple[str, str]:
    """The folder of a file given by path or URI, and the file's own name."""
    if "://" in place:
        folder, _, name = place.rpartition("/")
        return folder, name
    path = Path(place).absolute()
    return str(path.parent), path.name


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
