"""The work on one picture: its bytes in, a record and the files to write out.

Free of file systems, processes and clusters: those who call it read and write.
"""

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from imuge import __version__
from imuge.batch.output_folder import is_hopeless
from imuge.batch.publishing import Recorder
from imuge.batch.record import Record
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.errors import ImugeError, RegistryError, TakenError
from imuge.guard import Guard
from imuge.image import SUFFIXES, Picture, described, load
from imuge.image.sniff import identify
from imuge.report.write import check_report_name, report_files
from imuge.results import Immunized, Provenance, Verdict
from imuge.trust.origin import Sources, with_provenance
from imuge.trust.publishing import Draft, publish


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A record, and the content of every file it speaks of, by its name below the output folder."""

    record: Record
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class Worker:
    """Does what the spec asks to one picture after the other, with the models it has loaded."""

    def __init__(
        self,
        guard: Guard,
        spec: BatchSpec,
        *,
        recorder: Recorder | None = None,
        sources: Sources | None = None,
    ) -> None:
        """Take the models, and what signs, records and is asked, where the spec wants that."""
        self._guard, self._spec = guard, spec
        self._recorder, self._sources = recorder, sources

    def do(self, task: PictureTask, data: bytes) -> Finished:
        """Work on one picture.

        What is wrong with the picture comes out as the record's error, and so does a defect of
        imuge: one odd file among millions must not end the rest.

        Raises:
            MemoryError: there is too little; the caller may try again when less else is running.
            RegistryError: the registry is out of reach, or refuses.
            ImageError: what is to be recorded cannot be staged: the disk is full, say.
        """
        start = time.perf_counter()
        begun = replace(begin(task), input_sha256=sha256(data), input_bytes=len(data))
        try:
            done = self._immunize if self._spec.command == "immunize" else self._verify
            finished = done(task, data, begun)
        except ImugeError as error:
            registry = isinstance(error, RegistryError) and not isinstance(error, TakenError)
            if registry or is_hopeless(error):  # no other picture would fare better
                raise
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
        picture = load(data, limits=self._spec.limits)
        metadata = task.metadata or self._spec.metadata

        def immunize() -> Immunized[bytes]:
            return self._guard.immunize(
                picture,
                self._spec.strength if task.strength is None else task.strength,
                detail=self._spec.detail,
                replace=self._spec.replace,
                format=SUFFIXES.get(PurePosixPath(task.name).suffix.lower()),
                metadata=metadata,
            )

        begun = replace(begun, warnings=_misnamed(task, data))
        recorder = self._recorder
        if recorder is None:
            made = immunize()
            return Finished(record=_made(task, begun, made), files={task.name: made.image})

        def keep(draft: Draft) -> Record:
            record = _made(task, begun, draft.made)
            record = replace(record, warnings=[*record.warnings, *draft.warnings])
            return recorder.keep(draft, record, replaces=task.replaces)

        _, record = publish(picture, data, immunize, recorder.terms, keep, metadata=metadata)
        return Finished(record=record)

    def _verify(self, task: PictureTask, data: bytes, begun: Record) -> Finished:
        if self._spec.reports != "none":
            check_report_name(Path(), PurePosixPath(task.name).name, overwrite=True)
        picture = load(data, limits=self._spec.limits)
        verdict, reported = self._judge(picture, data)
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
            **_published(verdict.provenance),
        )
        return Finished(record=record, files=files)

    def _judge(self, picture: Picture, data: bytes) -> tuple[Verdict, bool]:
        """The verdict, and whether a report on it is wanted.

        Reconstruction and hidden copy take as long as the verdict, so they are made only for a
        report.
        """
        every = self._spec.reports == "all"
        search = self._spec.search
        alone = self._guard.verify(picture, recover=every, hidden_copy=every, search=search)
        verdict = self._asked(alone, data)
        if self._spec.reports == "tampered" and verdict.verdict == "tampered":
            return self._asked(self._guard.hidden_copy(self._guard.recover(alone)), data), True
        return verdict, every

    def _asked(self, verdict: Verdict, data: bytes) -> Verdict:
        return verdict if self._sources is None else with_provenance(verdict, data, self._sources)


def begin(task: PictureTask) -> Record:
    """The record of a task of which nothing is known yet."""
    return Record(name=task.name, input=task.shown, options=task.options, tool_version=__version__)


def _made(task: PictureTask, begun: Record, made: Immunized[bytes]) -> Record:
    return replace(
        begun,
        output=task.name,
        output_sha256=sha256(made.image),
        verdict=made.verdict.verdict,
        key_id=made.key_id,
        image_id=made.image_id,
        psnr_db=round(made.psnr_db, 2),
        width=made.verdict.width,
        height=made.verdict.height,
        warnings=[*begun.warnings, *made.warnings],
    )


def _published(provenance: Provenance | None) -> dict[str, Any]:
    """What a verdict's provenance tells, as fields of the record."""
    if provenance is None:
        return {}
    record = provenance.record or {}
    asked = provenance.registry != "not asked"
    return {
        "log_index": record.get("log_index"),
        "publisher": record.get("publisher"),
        "published_at": record.get("created_at"),
        "registry": provenance.registry if asked else None,
        "reference": provenance.reference if asked else None,
        "manifest": None if provenance.manifest == "not asked" else provenance.manifest,
    }


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
