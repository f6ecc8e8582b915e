"""A batch on one machine: processes that share an output folder, resumed where a kill left it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from imuge import __version__
from imuge.batch.journal import MANIFEST, SCHEMA, Journal, locked, read_manifest, set_aside
from imuge.batch.listing import list_source
from imuge.batch.machine import default_processes
from imuge.batch.output_folder import HOPELESS, OutputFolder, is_hopeless
from imuge.batch.plan import BatchPlan, check_places, make_plan
from imuge.batch.pool import Died, Pool, Work
from imuge.batch.progress import Meter
from imuge.batch.publishing import Recorder, Registrar, receipts_of
from imuge.batch.record import Record
from imuge.batch.resume import remaining
from imuge.batch.stop import Stop, until_told_to_stop
from imuge.batch.summary import Summary, summarize
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.batch.work import Worker, begin
from imuge.errors import ConfigError, ImageError
from imuge.files import reason
from imuge.guard import Guard
from imuge.image.limits import MAX_BYTES
from imuge.keys import Key
from imuge.registry.receipts import SUFFIX
from imuge.weights import load_release


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How a batch runs; nothing here changes what it makes."""

    globs: Sequence[str] = ()
    processes: int | None = None  # None: one a processor, fewer where memory is short
    threads: int = 1  # of each process
    restart: bool = False
    retry_errors: bool = False
    overwrite: bool = False  # files that no record of this batch accounts for


def run_local(
    source: Path,
    out: Path,
    spec: BatchSpec,
    keys: Sequence[Key],
    settings: RunSettings,
    meter: Meter,
) -> Summary:
    """Do a batch, or what earlier runs left of it.

    Args:
        source: A folder, or a list of pictures (`listing`).
        out: The output folder; made if missing. The manifest goes into it.
        spec: What is done with each picture.
        keys: As for `Guard`.
        settings: How it runs.
        meter: Shows how far it has come.

    Raises:
        ConfigError: nothing was done, because something cannot work; the message says what.
        ImugeError: the batch cannot go on; what was finished is kept and recorded.
    """
    if source.resolve() == out.resolve():
        raise ConfigError(f"{out} is the input folder itself; give another --out")
    plan = make_plan(list_source(source, out, settings.globs), spec)
    wanted = header(source, spec, keys, overwrite=settings.overwrite)
    folder, manifest = OutputFolder(out), out / MANIFEST
    with until_told_to_stop() as stop, locked(folder.work_folder):
        if settings.restart:
            _begin_again(plan, folder, manifest, spec, overwrite=settings.overwrite)
            wanted["overwrite"] = True
        with Journal(manifest, wanted) as journal, ExitStack() as stack:
            registrar = Registrar.opened(spec.publish, folder, stack)
            batch = _Batch(plan, folder, journal, spec, meter, registrar)
            return batch.run(keys, settings, stop)


def header(
    source: Path | str, spec: BatchSpec, keys: Sequence[Key], *, overwrite: bool
) -> dict[str, Any]:
    """What a batch is: the manifest's first line."""
    immunizes = spec.command == "immunize"
    options = {name: value for name, value in asdict(spec).items() if name != "command"}
    release = load_release()
    return {
        "schema": SCHEMA,
        "command": spec.command,
        "source": str(source.resolve()) if isinstance(source, Path) else source,
        "options": options,
        # The first immunizes; to verify, all are tried, and p-values depend on how many there are.
        "key_ids": [keys[0].key_id] if immunizes else sorted(key.key_id for key in keys),
        "model": release.record.name,
        "model_sha256": release.sha256,
        "tool_version": __version__,
        "overwrite": overwrite,
    }


def _begin_again(
    plan: BatchPlan, folder: OutputFolder, manifest: Path, spec: BatchSpec, *, overwrite: bool
) -> None:
    """Put the earlier manifest aside; its outputs, and no other files, may be replaced."""
    if not manifest.exists():
        return
    try:
        _, earlier, _ = read_manifest(manifest.read_bytes(), manifest)
    except ConfigError:  # damaged: then nothing tells its outputs from other files
        earlier = []
    owned = _owned({record.name: record for record in earlier})
    _check(plan, folder, spec, plan.tasks, owned, overwrite=overwrite)
    set_aside(manifest)
    folder.clear()


def _check(
    plan: BatchPlan,
    folder: OutputFolder,
    spec: BatchSpec,
    tasks: Sequence[PictureTask],
    owned: set[str],
    *,
    overwrite: bool,
) -> None:
    """Refuse to write where something else is."""

    def strange(name: str) -> bool:
        made = [name] if spec.command == "immunize" else [f"{name}.report.html"]
        if spec.publish is not None and spec.publish.gives_receipts:
            made.append(name + SUFFIX)
        return not overwrite and any(folder.exists(file) for file in made if file not in owned)

    check_places(tasks, folder.out, (task.source for task in plan.tasks), strange=strange)


def _owned(records: dict[str, Record]) -> set[str]:
    """The names of all files that belong to these records."""
    written = {name for record in records.values() for name in record.written}
    return written | receipts_of(records)


@dataclass(slots=True)
class _Batch:
    """One run over a plan, with its manifest open and its folder locked."""

    plan: BatchPlan
    folder: OutputFolder
    journal: Journal
    spec: BatchSpec
    meter: Meter
    registrar: Registrar | None = None
    owned: set[str] = field(init=False)

    def run(self, keys: Sequence[Key], settings: RunSettings, stop: Stop) -> Summary:
        tasks, records = self.plan.tasks, self.journal.records
        if self.registrar is not None:
            self.registrar.adopt(self.journal)
        self.owned = _owned(records)
        with self.meter.shown("looking at what is there", len(tasks)):
            left = remaining(
                tasks,
                records,
                self.folder,
                retry_errors=settings.retry_errors,
                tick=self.meter.tick,
                stop=stop,
            )
        overwrite = bool(self.journal.header["overwrite"])
        _check(self.plan, self.folder, self.spec, left, self.owned, overwrite=overwrite)
        if not stop():  # else not all was looked at, and a record may wait for a staged file
            self.folder.clear()  # what no record speaks of is made again
        left = self._registered(left)
        open_names = {task.name for task in left}
        processes = min(settings.processes or default_processes(settings.threads), len(left))
        build = _Builder(tuple(keys), self.spec, settings.threads, self.folder)
        with (
            self.meter.shown(self.spec.command, len(left)),
            Pool(build, processes=processes) as pool,
        ):
            for task, result in pool.run(left, stop):
                self._keep(task, result, overwrite=overwrite)
                open_names.discard(task.name)
                self.meter.tick(self.journal.records[task.name].megapixels)
            pace = self.meter.pace
        if not stop():
            self.folder.clear()
        return summarize(
            self.plan,
            self.journal.records,
            self.spec.command,
            left=open_names,
            pace=pace,
            manifest=str(self.journal.path),
            signal=stop.signal if open_names else None,
        )

    def _registered(self, left: Sequence[PictureTask]) -> list[PictureTask]:
        """What is left, with the records that it replaces; receipts that are missing are made."""
        if self.registrar is None:
            return list(left)
        records = self.journal.records
        again = {task.name for task in left}
        for record in records.values():
            if record.name not in again:
                self.registrar.complete(record)
        return [
            replace(task, replaces=records[task.name].log_index) if task.name in records else task
            for task in left
        ]

    def _keep(self, task: PictureTask, result: Record | Died, *, overwrite: bool) -> None:
        """Record what became of a task, then give its files their names."""
        if isinstance(result, Died):
            result = replace(self._marked(task), error=result.reason)
        earlier = self.journal.records.get(task.name)
        if earlier is not None and result.error is not None:
            # Made from an earlier state of the input; it stays, and stays this batch's.
            result = replace(result, files=earlier.written, log_index=earlier.log_index)
        elif earlier is not None:
            self._remove_stale(earlier, result)
        self.journal.append(result)
        self.folder.drop_note(result)
        if result.error is not None:
            return
        try:
            for name, sha256 in result.written.items():
                self.folder.place(name, sha256, overwrite=overwrite or name in self.owned)
        except OSError as error:
            if error.errno in HOPELESS:
                raise
            exists = isinstance(error, FileExistsError)
            why = "it exists and is not this batch's" if exists else reason(error)
            sentence = f"cannot write {self.folder.out / name}: {why}"
            if self.registrar is not None:
                self.registrar.take_back(result)
            self.journal.append(replace(self._marked(task), error=sentence))
            return
        if self.registrar is not None:
            self.registrar.complete(result)

    def _remove_stale(self, earlier: Record, result: Record) -> None:
        """A report on what a picture was before would be taken for one on what it is now."""
        for name in earlier.written.keys() - result.written.keys():
            if self.folder.output_is(name, earlier.written[name]):
                (self.folder.out / name).unlink(missing_ok=True)

    def _marked(self, task: PictureTask) -> Record:
        size, mtime_ns = self.folder.input_mark(task) or (None, None)
        return replace(begin(task), input_bytes=size, input_mtime_ns=mtime_ns)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes, inside a worker process, the function that does a task."""

    keys: tuple[Key, ...]
    spec: BatchSpec
    threads: int
    folder: OutputFolder

    def __call__(self) -> Work[PictureTask, Record]:
        return self.on(Guard(self.keys, threads=self.threads, limits=self.spec.limits))

    def on(self, guard: Guard) -> Work[PictureTask, Record]:
        """The function, with models that are loaded."""
        spec = self.spec
        recorder = None if spec.publish is None else Recorder.opened(spec.publish, self.folder)
        sources = None if spec.ask is None else spec.ask.open(ExitStack())
        worker = Worker(guard, spec, recorder=recorder, sources=sources)
        return _FileWorker(worker, self.folder)


@dataclass(frozen=True, slots=True)
class _FileWorker:
    """Reads a task's picture, has it worked on, and stages what was made."""

    worker: Worker
    folder: OutputFolder

    def __call__(self, task: PictureTask) -> Record:
        size, mtime_ns = self.folder.input_mark(task) or (None, None)
        try:
            data = _read(Path(task.source))
        except ImageError as error:
            found = replace(begin(task), error=str(error))
            return replace(found, input_bytes=size, input_mtime_ns=mtime_ns)
        finished = self.worker.do(task, data)
        record = replace(finished.record, input_mtime_ns=mtime_ns)
        try:
            self.folder.stage(finished.files)
        except ImageError as error:
            if is_hopeless(error):
                raise
            return replace(record, output=None, output_sha256=None, files={}, error=str(error))
        return record


def _read(path: Path) -> bytes:
    """A picture's bytes; whatever is no ordinary file could keep us waiting for ever."""
    try:
        if path.exists() and not path.is_file():
            raise ImageError("it is no ordinary file; give the path of a picture")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"it cannot be read: {reason(error)}") from error
    if len(data) > MAX_BYTES:
        raise ImageError(f"it has more than {MAX_BYTES // 2**20} MiB; use a smaller picture")
    return data
