"""Work shared out among processes of one thread each, so that their number changes no result."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from rich.console import Console
from rich.progress import Progress

from imuge.engine import Engine
from imuge.weights import load_release

Name = TypeVar("Name")
Task: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]  # what is called, and with what


class Worker:
    """What a process keeps between two pieces of work."""

    engine: Engine


def start_worker(release: Path | None = None) -> None:
    """Begin a process that needs the networks of a release; None is the one shipped."""
    end_with_parent()
    Worker.engine = Engine(load_release(release), threads=1)


def end_with_parent() -> None:
    """Have this process end when its parent is killed: nobody else would tell it to stop."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def shared_out(
    tasks: Mapping[Name, Task], *, total: int, jobs: int, release: Path | None = None
) -> Iterator[tuple[Name, Any]]:
    """Do pieces of work in processes begun by `start_worker`, with a bar for a person.

    Args:
        tasks: By their names.
        total: How many there are with those done before, for the bar.
        jobs: How many processes.
        release: Whose networks; None is the one shipped.

    Yields:
        Name and result, as they are finished; after an error nothing more is begun.
    """
    context = multiprocessing.get_context("spawn")
    with (
        Progress(console=Console(stderr=True)) as bars,
        ProcessPoolExecutor(
            jobs, mp_context=context, initializer=start_worker, initargs=(release,)
        ) as pool,
    ):
        bar = bars.add_task("measuring", total=total, completed=total - len(tasks))
        try:
            running = {pool.submit(run, *given): name for name, (run, given) in tasks.items()}
            for future in as_completed(running):
                yield running[future], future.result()
                bars.advance(bar)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
