"""Which tasks are left, given the records of earlier runs.

no record                                   to do
record of other options, input changed      to do again
record of an error                          kept, unless errors are to be retried
record, but an output is missing, changed   to do again
record, every output as it was written      done
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from imuge.batch.record import Record
from imuge.batch.tasks import PictureTask

Tick = Callable[[], None]


class Store(Protocol):
    """What can be asked about the files of a batch, wherever they lie."""

    def input_mark(self, task: PictureTask) -> tuple[int, int] | None:
        """The input's size in bytes and modification time in ns; None where there is none."""
        ...

    def input_sha256(self, task: PictureTask) -> str | None:
        """The SHA-256 of the input's content; None where it cannot be read."""
        ...

    def output_is(self, name: str, sha256: str) -> bool:
        """Whether the output of this name is there as it was written."""
        ...


def remaining(
    tasks: Iterable[PictureTask],
    records: Mapping[str, Record],
    store: Store,
    *,
    retry_errors: bool = False,
    tick: Tick = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[PictureTask]:
    """Give the tasks that are to be done, in order.

    Args:
        tasks: All of the batch.
        records: Of earlier runs, by the task's name.
        store: Where the files lie.
        retry_errors: Whether failures are to be done again.
        tick: Called for every task looked at.
        stop: Once it says yes, nothing more is looked at, and the rest counts as left.
    """
    left = []
    for task in tasks:
        if stop():
            left.append(task)
            continue
        if not _is_done(task, records.get(task.name), store, retry_errors=retry_errors):
            left.append(task)
        tick()
    return left


def _is_done(task: PictureTask, record: Record | None, store: Store, *, retry_errors: bool) -> bool:
    if record is None or record.options != task.options or _changed(task, record, store):
        return False
    if record.error is not None:
        return not retry_errors
    return all(store.output_is(name, sha256) for name, sha256 in record.written.items())


def _changed(task: PictureTask, record: Record, store: Store) -> bool:
    """Whether the input is another than that of the record; read only where it was touched."""
    mark = store.input_mark(task)
    if mark == (record.input_bytes, record.input_mtime_ns):
        return False
    if mark is None or record.input_sha256 is None:
        return (mark is None) != (record.input_bytes is None)
    return store.input_sha256(task) != record.input_sha256
