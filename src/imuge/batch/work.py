"""The work on one picture: its bytes in, a record and the files to write out.

Free of file systems, processes and clusters: those who call it read and write.
"""

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imuge import __version__
from imuge.batch.record import Record
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.errors import ImugeError
from imuge.guard import Guard
from imuge.image import SUFFIXES, Picture, described, load
from imuge.image.sniff import identify
from imuge.report.write import check_report_name, report_files
from imuge.results import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A record, and the content of every file it speaks of, by its name below the output folder."""

    record: Record
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class Worker:
    """Does what the spec asks to one picture after the other, with the models it has loaded."""

    def __init__(self, guard: Guard, spec: BatchSpec) -> None:
        self._guard, self._spec = guard, spec

    def do(self, task: PictureTask, data: bytes) -> Finished:
        """Work on one picture.

        What is wrong with the picture comes out as the record's error, and so does a defect of
        imuge: one odd file among millions must not end the rest.

        Raises:
            MemoryError: there is too little; the caller may try again when less else is running.
        """
        start = time.perf_counter()
        begun = replace(begin(task), input_sha256=sha256(data), input_bytes=len(data))
        try:
            done = self._immunize if self._spec.command == "immunize" else self._verify
            finished = done(task, data, begun)
        except ImugeError as error:
            finished = Finished(record=replace(begun, error=str(error)))
        except MemoryError:
            raise
        except Exception as error:  # a defect; its kind and words are what a report of it needs
            words = " ".join(str(error).split())[:200]
            sentence = f"unexpected {type(error).__name__}: {words}; please report this"
            finished = Finished(record=replace(begun, error=sentence))
        seconds = round(time.perf_counter() - start, 3)
        return replace(finished, record=replace(finished.record, seconds=seconds))

    def _immunize(self, task: PictureTask, data: bytes, begun: Record) -> Finished:
        made = self._guard.immunize(
            data,
            self._spec.strength if task.strength is None else task.strength,
            detail=self._spec.detail,
            replace=self._spec.replace,
            format=SUFFIXES.get(PurePosixPath(task.name).suffix.lower()),
            metadata=task.metadata or self._spec.metadata,
        )
        record = replace(
            begun,
            output=task.name,
            output_sha256=sha256(made.image),
            verdict=made.verdict.verdict,
            key_id=made.key_id,
            image_id=made.image_id,
            psnr_db=round(made.psnr_db, 2),
            width=made.verdict.width,
            height=made.verdict.height,
            warnings=[*_misnamed(task, data), *made.warnings],
        )
        return Finished(record=record, files={task.name: made.image})

    def _verify(self, task: PictureTask, data: bytes, begun: Record) -> Finished:
        if self._spec.reports != "none":
            check_report_name(Path(), PurePosixPath(task.name).name, overwrite=True)
        picture = load(data, limits=self._spec.limits)
        verdict, reported = self._judge(picture)
        files = _report(task, picture, verdict) if reported else {}
        record = replace(
            begun,
            files={name: sha256(content) for name, content in files.items()},
            verdict=verdict.verdict,
            key_id=verdict.key_id,
            image_id=verdict.image_id,
            tampered_area=_rounded(verdict.tampered_area),
            width=verdict.width,
            height=verdict.height,
            warnings=[*_misnamed(task, data), *verdict.warnings],
        )
        return Finished(record=record, files=files)

    def _judge(self, picture: Picture) -> tuple[Verdict, bool]:
        """The verdict, and whether a report on it is wanted.

        Reconstruction and hidden copy take as long as the verdict, so they are made only for a
        report.
        """
        every = self._spec.reports == "all"
        search = self._spec.search
        verdict = self._guard.verify(picture, recover=every, hidden_copy=every, search=search)
        if self._spec.reports == "tampered" and verdict.verdict == "tampered":
            return self._guard.hidden_copy(self._guard.recover(verdict)), True
        return verdict, every


def begin(task: PictureTask) -> Record:
    """The record of a task of which nothing is known yet."""
    return Record(name=task.name, input=task.shown, options=task.options, tool_version=__version__)


def _report(task: PictureTask, picture: Picture, verdict: Verdict) -> dict[str, bytes]:
    name = PurePosixPath(task.name).name
    facts = {"File": PurePosixPath(task.shown).name} | described(picture)
    files = report_files(verdict, name, file_facts=facts)
    return {f"{task.name}.{ending}": content for ending, content in files.items()}


def _misnamed(task: PictureTask, data: bytes) -> list[str]:
    suffix, content = PurePosixPath(task.shown).suffix, identify(data)
    if SUFFIXES.get(suffix.lower(), content) == content:
        return []
    return [f"the file is {content} although its name ends in {suffix}"]


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def sha256(data: bytes) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
