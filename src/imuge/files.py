"""Files written whole or not at all: a temporary name beside the target, then a rename."""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imuge.errors import ImageError

_EXISTS = "{path} exists and is not replaced; give another name or allow it"


def write_atomically(
    path: Path, data: bytes, *, overwrite: bool = False, mode: int | None = None
) -> Path:
    """Write `data` under `path`, or leave nothing behind.

    A link that may be overwritten is followed: the file it points to is written, the link stays.

    Args:
        path: Where the file shall be; its folder must exist.
        data: The whole content.
        overwrite: Whether an existing file may be replaced.
        mode: The most permission bits that the file may have, before the umask, and never more
            than those of a file that it replaces. None means 0644 for a new file, and for a
            replaced one exactly the bits, the owner and the group it had.

    Returns:
        `path`.

    Raises:
        ImageError: `path` exists and `overwrite` is false, or the disk refused.
    """
    with staged(path, data, overwrite=overwrite, mode=mode) as place:
        return place()


@contextmanager
def staged(
    path: Path, data: bytes, *, overwrite: bool = False, mode: int | None = None
) -> Iterator[Callable[[], Path]]:
    """Write `data` beside `path` under a temporary name, to be put in place when all else is done.

    Args:
        path: Where the file shall be, or a link to it; its folder must exist.
        data: The whole content; it is on the disk before the block begins.
        overwrite: Whether an existing file may be replaced.
        mode: Permission bits of the new file, as `write_atomically` takes them.

    Yields:
        What gives the file its name, and returns `path`. Not called, the file is removed.

    Raises:
        ImageError: `path` exists and `overwrite` is false, or the disk refused; on entering, and
            from the call.
    """
    with _refusals(path):
        if path.is_symlink() and not overwrite:
            raise FileExistsError
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        temporary = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}")

    def place() -> Path:
        with _refusals(path):
            put_in_place(temporary, target, overwrite=overwrite)
        return path

    try:
        with _refusals(path):
            _write_new(temporary, target, data, overwrite=overwrite, mode=mode)
        yield place
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_new(
    temporary: Path, target: Path, data: bytes, *, overwrite: bool, mode: int | None
) -> None:
    """Write the temporary file, with the bits and the owner that the one in place shall have."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    replaced = target.stat() if target.exists() else None
    if replaced is not None and not overwrite:
        raise FileExistsError
    bits = 0o644 if mode is None else mode
    if replaced is not None:
        bits &= replaced.st_mode  # what was private stays private
    # The permission bits hold from the first moment, less what the user's umask takes away.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, bits)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        if replaced is not None and mode is None:
            _hand_over(temporary, replaced)
        os.fsync(stream.fileno())


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise ImageError(_EXISTS.format(path=path)) from error
    except OSError as error:
        raise ImageError(f"cannot write {path}: {reason(error)}; nothing was written") from error


def _hand_over(temporary: Path, replaced: os.stat_result) -> None:
    """Give the new file the owner, the group and the permission bits of the one it replaces."""
    bits = stat.S_IMODE(replaced.st_mode) & 0o777
    if hasattr(os, "chown"):
        made = temporary.stat()
        if (made.st_uid, made.st_gid) != (replaced.st_uid, replaced.st_gid):
            try:
                os.chown(temporary, replaced.st_uid, replaced.st_gid)
            except OSError:
                bits &= 0o707  # the bits of the group were meant for another one
    temporary.chmod(bits)


def make_folder(path: Path) -> Path:
    """Make a folder, and those that it lies in; one that is there is as good.

    Raises:
        ImageError: there is a file of this name, or the disk refused.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"cannot make the folder {path}: {reason(error)}; name another") from error
    return path


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
        errno.EEXIST: "there is a file of this name",
        errno.ENOTDIR: "a part of it is a file",
        errno.ELOOP: "its links lead in a circle",
    }
    return words.get(error.errno or 0, (error.strerror or str(error)).lower())
