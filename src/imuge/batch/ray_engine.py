"""A batch on a cluster, or on one machine as if it were one: Ray Data over a pool of actors.

    tasks ─ blocks of a few ─► actors (models loaded once) ─► records ─► parts of the manifest
                                   │ read and write the storage themselves

Ray hands out blocks as actors fall idle, so what is under way is bounded, and begins a block again
elsewhere when a machine or a process is lost. Outputs without a record are made again: records
are written every half minute, and an output may have been written since.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from imuge.batch import remote
from imuge.batch.journal import locked
from imuge.batch.local import RunSettings, header
from imuge.batch.parquet import MANIFEST, Parts, to_records
from imuge.batch.plan import WORK_FOLDER, make_plan
from imuge.batch.progress import Meter
from imuge.batch.record import Record
from imuge.batch.remote import ActorSetup, KeyReference
from imuge.batch.remote_store import (
    RemoteStore,
    list_remote,
    refuse_inputs,
    refuse_strangers,
)
from imuge.batch.resume import remaining
from imuge.batch.stop import Stop, until_told_to_stop
from imuge.batch.storage import Storage, open_storage
from imuge.batch.summary import Summary, summarize
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.engine.engine import available_threads
from imuge.errors import ImugeError
from imuge.keys import Key
from imuge.weights import load_release

# Ray counts users unless told not to; nothing of a batch goes anywhere it was not sent.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Else each run begins with an error of Ray Data's own making (ray-project/ray#53727).
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import ray
import ray.data
from ray.data import ActorPoolStrategy
from ray.exceptions import RayError

BLOCK = 8  # pictures handed out at once, fewer in small batches
PART_EVERY_S = 30.0
PART_RECORDS = 500


def run_ray(
    source: str,
    out: str,
    spec: BatchSpec,
    keys: Sequence[Key],
    references: Sequence[KeyReference],
    settings: RunSettings,
    meter: Meter,
    *,
    address: str | None = None,
    gpus: float = 0,
) -> Summary:
    """Do a batch on a cluster, or what earlier runs left of it.

    Args:
        source: A folder as path or URI, or the path of a list whose inputs are paths or URIs.
        out: The output folder as path or URI, reached by every machine under this name.
        spec: What is done with each picture.
        keys: As for `Guard`.
        references: Where every machine finds the same keys, in the same order.
        settings: How it runs; `processes` is the most actors at a time.
        meter: Shows how far it has come.
        address: Of the cluster; None means RAY_ADDRESS, or else this machine alone.
        gpus: Share of an accelerator each actor takes; 0 means none.

    Raises:
        ConfigError: nothing was done, because something cannot work; the message says what.
        ImugeError: the batch cannot go on; what is recorded is kept.
    """
    outputs = open_storage(out)
    inputs, listing = list_remote(source, outputs, settings.globs)
    plan = make_plan(listing, spec)
    wanted = header(listing.root, spec, keys, overwrite=settings.overwrite)
    stop = Stop()
    with _alone(outputs):
        store = RemoteStore(inputs, outputs)
        refuse_inputs(plan, inputs, outputs)
        if settings.restart or not store.resumes:
            owned = store.owned if settings.restart else set()
            if not settings.overwrite:
                refuse_strangers(plan, spec, store, owned)
            store.set_manifest_aside()
        parts = Parts(outputs, wanted, run=f"{time.time_ns():020}")
        with meter.shown("looking at what is there", len(plan.tasks)):
            left = remaining(
                plan.tasks,
                parts.records,
                store,
                retry_errors=settings.retry_errors,
                tick=meter.tick,
            )
        setup = ActorSetup(
            spec=spec,
            keys=tuple(references),
            threads=settings.threads,
            device="cuda" if gpus else "cpu",
            inputs=inputs,
            outputs=outputs,
            model_sha256=load_release().sha256,
        )
        open_names = {task.name for task in left}
        with meter.shown(spec.command, len(left)):
            if left:
                # In this order: Ray sets handlers of its own, which end the process at once.
                with _cluster(address, settings), until_told_to_stop() as stop:
                    _check_a_machine(setup)
                    records = _stream(left, setup, settings, gpus, stop)
                    _collect(records, parts, open_names, meter)
            pace = meter.pace
        parts.compact()
        return summarize(
            plan,
            parts.records,
            spec.command,
            left=open_names,
            pace=pace,
            manifest=outputs.path(MANIFEST),
            signal=stop.signal if open_names else None,
        )


def _alone(outputs: Storage) -> Any:  # noqa: ANN401 - either kind of context
    """Keep other runs out where the disk can; object stores have no locks."""
    return locked(Path(outputs.root) / WORK_FOLDER) if outputs.is_local else nullcontext()


@contextmanager
def _cluster(address: str | None, settings: RunSettings) -> Iterator[None]:
    """Be connected to a cluster, or to one of this machine's processors."""
    if ray.is_initialized():  # someone else's, who also ends it
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None and "RAY_ADDRESS" not in os.environ:
            wanted = (settings.processes or 1) * settings.threads
            processors = max(available_threads(), wanted)
            ray.init("local", num_cpus=processors, include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ImugeError(f"cannot reach a Ray cluster: {_last_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_a_machine(setup: ActorSetup) -> None:
    """Let one machine load keys and models before all do: its refusal is one sentence.

    Raises:
        ImugeError: it cannot work.
    """
    try:
        problem = ray.get(ray.remote(num_cpus=0)(remote.problem).remote(setup))
    except RayError as error:
        raise ImugeError(f"the cluster cannot begin: {_last_line(error)}") from error
    if problem is not None:
        raise ImugeError(f"a machine of the cluster cannot begin: {problem}")


def _stream(
    tasks: Sequence[PictureTask], setup: ActorSetup, settings: RunSettings, gpus: float, stop: Stop
) -> Iterator[list[Record]]:
    """Records as they come, a block's at a time."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    actors = settings.processes or max(
        1, int(ray.cluster_resources().get("CPU", 1)) // settings.threads
    )
    size = max(1, min(BLOCK, len(tasks) // (4 * actors)))
    blocks = [remote.from_tasks(tasks[at : at + size]) for at in range(0, len(tasks), size)]
    register = ray.remote(num_cpus=0)(remote.Register).remote()
    records = ray.data.from_arrow(blocks).map_batches(
        remote.Actor,
        fn_constructor_args=(setup, register, ray.get),
        batch_format="pyarrow",
        batch_size=None,
        compute=ActorPoolStrategy(
            min_size=1, max_size=min(actors, len(blocks)), max_tasks_in_flight_per_actor=2
        ),
        num_cpus=settings.threads,
        num_gpus=gpus or None,
    )
    given, ended = 0, threading.Event()
    teller = threading.Thread(target=_tell, args=(register, stop, ended), daemon=True)
    teller.start()
    try:
        for table in records.iter_batches(batch_size=None, batch_format="pyarrow"):
            given += table.num_rows
            yield to_records(table)
            if stop() and ray.get(register.stop.remote()) == (0, given):
                return  # nothing runs, and nothing that ran is still on its way
    except RayError as error:
        raise ImugeError(f"the cluster gave up: {_last_line(error)}") from error
    finally:
        ended.set()
        teller.join()


def _tell(register: Any, stop: Stop, ended: threading.Event) -> None:  # noqa: ANN401 - Ray's
    """Pass a wish to stop on at once, not only when the next block is finished."""
    while not ended.wait(0.5):
        if stop():
            register.stop.remote()
            return


def _collect(
    records: Iterator[list[Record]], parts: Parts, open_names: set[str], meter: Meter
) -> None:
    """Write what is finished to the manifest, now and then, and at any end."""
    waiting: list[Record] = []
    last = time.monotonic()
    try:
        for block in records:
            for found in block:
                record = found
                earlier = parts.records.get(found.name)
                if earlier is not None and found.error is not None:
                    # Made from an earlier state of the input; it stays, and stays this batch's.
                    record = replace(found, files=earlier.written)
                elif earlier is not None:
                    parts.remove_files(earlier.written.keys() - found.written.keys())
                waiting.append(record)
                open_names.discard(record.name)
                meter.tick(record.megapixels)
            if len(waiting) >= PART_RECORDS or time.monotonic() - last > PART_EVERY_S:
                parts.add(waiting)
                waiting, last = [], time.monotonic()
    finally:
        if waiting:
            parts.add(waiting)


def _last_line(error: BaseException) -> str:
    """What a remote traceback comes down to."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
