"""Files written whole or not at all: a temporary name beside the target, then a rename."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imuge.errors import ImageError

_EXISTS = "{path} exists and is not replaced; give another name or allow it"


def write_atomically(
    path: Path, data: bytes, *, overwrite: bool = False, mode: int = 0o644
) -> Path:
    """Write `data` under `path`, or leave nothing behind.

    Args:
        path: Where the file shall be; its folder must exist.
        data: The whole content.
        overwrite: Whether an existing file may be replaced.
        mode: Permission bits of the new file, before the umask; never more than those of a file
            that it replaces.

    Returns:
        `path`.

    Raises:
        ImageError: `path` exists and `overwrite` is false, or the disk refused.
    """
    with staged(path, data, overwrite=overwrite, mode=mode) as place:
        return place()


@contextmanager
def staged(
    path: Path, data: bytes, *, overwrite: bool = False, mode: int = 0o644
) -> Iterator[Callable[[], Path]]:
    """Write `data` beside `path` under a temporary name, to be put in place when all else is done.

    Args:
        path: Where the file shall be; its folder must exist.
        data: The whole content; it is on the disk before the block begins.
        overwrite: Whether an existing file may be replaced.
        mode: Permission bits of the new file, as `write_atomically` takes them.

    Yields:
        What gives the file its name, and returns `path`. Not called, the file is removed.

    Raises:
        ImageError: `path` exists and `overwrite` is false, or the disk refused; on entering, and
            from the call.
    """
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}")

    def place() -> Path:
        with _refusals(path):
            put_in_place(temporary, path, overwrite=overwrite)
        return path

    try:
        with _refusals(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a directory")
            if path.exists():
                if not overwrite:
                    raise FileExistsError
                mode &= path.stat().st_mode  # what was private stays private
            # The permission bits hold from the first moment, less what the umask takes away.
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        yield place
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise ImageError(_EXISTS.format(path=path)) from error
    except OSError as error:
        raise ImageError(f"cannot write {path}: {reason(error)}; nothing was written") from error


def put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name; without `overwrite`, of several writers exactly one wins.

    Raises:
        FileExistsError: there is a file at `path`, and `overwrite` is false.
        OSError: the disk refused.
    """
    if not overwrite:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:
            # FAT and some network drives have no links: the check above is the best there is.
            pass
        else:
            return
    temporary.replace(path)


def reason(error: OSError) -> str:
    """Say in plain words why the operating system refused."""
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EFBIG: "the file would be larger than this account may write",
        errno.EACCES: "no permission",
        errno.EPERM: "no permission",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "there is no such file or folder",
        errno.EISDIR: "it is a directory",
    }
    return words.get(error.errno or 0, (error.strerror or str(error)).lower())
