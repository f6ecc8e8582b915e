"""The output folder of a batch on one machine, and files on their way into it.

A worker writes what it made below `.imuge-batch/`, the record that names it goes to the manifest,
and only then does the file get its own name. So whatever moment a kill strikes at, there is never
an output that the manifest does not know; one that it knows and that has not arrived is fetched.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from imuge.batch.plan import WORK_FOLDER
from imuge.batch.record import Record, from_table, to_line
from imuge.batch.tasks import PictureTask
from imuge.errors import ImugeError
from imuge.files import put_in_place, write_atomically

# The disk's state, not the picture's: no other picture would fare better.
HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_NOTE = ".note"


class OutputFolder:
    """Staging and final places below one output folder, and what is known of the inputs."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.work_folder = out / WORK_FOLDER
        self._staging = self.work_folder / "staged"

    def stage(self, files: Mapping[str, bytes]) -> None:
        """Write files to the disk, whole, where `place` finds them by name and content.

        Raises:
            ImageError: the disk refused.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            write_atomically(self._staged(name, sha256), content, overwrite=True)

    def place(self, name: str, sha256: str, *, overwrite: bool) -> None:
        """Give a staged file its own name; sub-folders are made.

        Raises:
            FileExistsError: there is a file of that name, and `overwrite` is false.
            OSError: the disk refused.
        """
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(self._staged(name, sha256), target, overwrite=overwrite)
        self._staged(name, sha256).unlink(missing_ok=True)

    def stage_note(self, record: Record) -> None:
        """Keep a line that the manifest does not have yet, until `drop_note` or `clear`.

        Raises:
            ImageError: the disk refused.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        write_atomically(self._note(record), to_line(record), overwrite=True)

    def notes(self) -> Iterator[Record]:
        """The lines that `stage_note` kept."""
        for path in sorted(self._staging.glob(f"*{_NOTE}")):
            yield from_table(json.loads(path.read_bytes()))

    def drop_note(self, record: Record) -> None:
        """Forget the line of a picture; the manifest has it."""
        self._note(record).unlink(missing_ok=True)

    def _note(self, record: Record) -> Path:
        staged = self._staged(record.name, record.output_sha256 or "")
        return staged.with_name(staged.name + _NOTE)

    def clear(self) -> None:
        """Forget all staged files; only when no worker runs and no record waits for one."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._staging)

    def exists(self, name: str) -> bool:
        """Whether there is anything under this name."""
        return os.path.lexists(self.out / name)

    def output_is(self, name: str, sha256: str) -> bool:
        """Whether the file is in its place with this content; a staged one is put there first."""
        if self._staged(name, sha256).exists():
            with suppress(OSError):
                self.place(name, sha256, overwrite=True)
        return _hash(self.out / name) == sha256

    def input_mark(self, task: PictureTask) -> tuple[int, int] | None:
        """Size in bytes and time of modification in ns; None where there is no such file."""
        try:
            found = Path(task.source).stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def input_sha256(self, task: PictureTask) -> str | None:
        """The SHA-256 of the input's content; None where it cannot be read."""
        return _hash(Path(task.source))

    def _staged(self, name: str, sha256: str) -> Path:
        # By content too: a worker that outlived its run cannot put other bytes under a name that
        # a record speaks of.
        place = hashlib.sha256(os.fsencode(name)).hexdigest()
        return self._staging / f"{place[:24]}-{sha256[:24]}"


def is_hopeless(error: ImugeError) -> bool:
    """Whether the disk is why, so that going on with other pictures is no use."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in HOPELESS


def _hash(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
