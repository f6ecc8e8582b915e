"""Worker processes that take one task at a time, and may die without taking the rest along.

    tasks ──► one idle process each ──► (task, result)
                     │ dies, or runs out of memory
                     ▼
              again later, when nothing else runs ──► (task, Died) if it dies once more

No more tasks are taken from the source than there are processes. `concurrent.futures` does not do
here: when one of its processes dies it kills all others and cannot say whose task it was.
"""

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar, cast

from imuge.batch.stop import STOP_SIGNALS
from imuge.errors import ImugeError

TaskType = TypeVar("TaskType")
ResultType = TypeVar("ResultType")
Work: TypeAlias = Callable[[TaskType], ResultType]

POLL_S = 0.5  # how soon a wish to stop is seen while all processes work
GRACE_S = 10.0  # for idle processes to leave on their own
NO_MEMORY = "there is not enough memory for this picture; use a smaller one"
_READY, _DONE, _NO_MEMORY, _BROKEN = "ready", "done", "no memory", "broken"
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Died:
    """Twice a process ended over this task, the second time with nothing beside it."""

    reason: str


class _Process(Generic[TaskType]):
    """One worker process and the task it has."""

    def __init__(self, build: Callable[[], Work[Any, Any]]) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=_serve, args=(theirs, build), daemon=True)
        with _signals_ignored():  # inherited: Ctrl-C reaches us alone, and we tell the workers
            self.process.start()
        theirs.close()
        self.ready = False
        self.task: TaskType | None = None

    def give(self, task: TaskType) -> None:
        self.task = task
        with suppress(OSError):  # it died while idle: the next look at the connection tells
            self.connection.send(task)

    def end(self) -> str:
        """Make sure that it is gone, and say how it went."""
        self.connection.close()
        self.process.join(GRACE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit status {code}"


class Pool(Generic[TaskType, ResultType]):
    """Processes that do what `build` gives to one task after the other.

    Args:
        build: Called once in each process; gives the function that does a task. Both must be
            picklable, as must tasks and results.
        processes: How many.
    """

    def __init__(self, build: Callable[[], Work[TaskType, ResultType]], *, processes: int) -> None:
        self._build, self._limit = build, processes
        self._members: list[_Process[TaskType]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for member in self._members:
            if error is not None:
                member.process.kill()
            member.end()
        self._members.clear()

    def run(
        self, tasks: Iterable[TaskType], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[TaskType, ResultType | Died]]:
        """Give each task's result as it comes.

        Args:
            tasks: Taken one by one as processes fall idle.
            stop: Asked again and again; once it says yes, running tasks are finished and no
                other is begun.

        Raises:
            ImugeError: a process cannot start, or a task says that none of them can go on.
        """
        suspects: list[TaskType] = []
        for task, result in self._drain(iter(tasks), stop):
            if isinstance(result, Died):
                suspects.append(task)
            else:
                yield task, result
        if suspects:
            self._shrink_to_one()
        yield from self._drain(iter(suspects), stop)

    def _drain(
        self, tasks: Iterator[TaskType], stop: Callable[[], bool]
    ) -> Iterator[tuple[TaskType, ResultType | Died]]:
        upcoming = list(itertools.islice(tasks, 1))
        while True:
            while upcoming and not stop() and (member := self._idle()) is not None:
                member.give(upcoming.pop())
                upcoming.extend(itertools.islice(tasks, 1))
            busy = any(member.task is not None for member in self._members)
            if not busy and (not upcoming or stop()):
                return
            yield from self._collect()

    def _idle(self) -> "_Process[TaskType] | None":
        """A process that waits for a task; where there are too few, they are started."""
        while len(self._members) < self._limit:
            self._members.append(_Process(self._build))
        idle = (member for member in self._members if member.ready and member.task is None)
        return next(idle, None)

    def _shrink_to_one(self) -> None:
        """Let what follows have the machine's memory for itself."""
        self._limit = 1
        for member in self._members[1:]:
            member.end()
        del self._members[1:]

    def _collect(self) -> Iterator[tuple[TaskType, ResultType | Died]]:
        """Wait for news from any process."""
        by_connection = {member.connection: member for member in self._members}
        for connection in wait(list(by_connection), POLL_S):
            member = by_connection[cast("Connection", connection)]
            task, member.task = member.task, None
            try:
                kind, value = member.connection.recv()
            except (EOFError, OSError):
                self._members.remove(member)
                how = member.end()
                if not member.ready:
                    raise ImugeError(
                        f"a worker process ended while it started ({how}); there may be too "
                        "little memory: try fewer --processes"
                    ) from None
                if task is not None:
                    yield task, Died(f"the worker process died ({how}), for lack of memory perhaps")
                continue
            if kind == _BROKEN:
                raise value
            member.ready = True
            if task is not None:
                yield task, Died(NO_MEMORY) if kind == _NO_MEMORY else value


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore the signals that ask us to stop, for a process about to be started to inherit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in held:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _serve(connection: Connection, build: Callable[[], Work[Any, Any]]) -> None:
    """What a worker process does: build, then task after task until the other end is closed."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        work = build()
    except ImugeError as error:
        connection.send((_BROKEN, error))
        return
    connection.send((_READY, None))
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send((_DONE, work(task)))
        except MemoryError:
            connection.send((_NO_MEMORY, None))
        except ImugeError as error:  # not the picture's fault: the disk is full, say
            connection.send((_BROKEN, error))
            return


def _leave_with_parent() -> None:
    """End at once when the parent is gone: whatever is still made here, nobody would record."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
