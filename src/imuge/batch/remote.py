"""What runs on the machines of a cluster: an actor with its models, and one that keeps count.

No key travels: each machine finds the keys by name or file, and their ids are held against those
that the command was given. Pictures do not travel either: a worker reads and writes them itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from imuge import __version__
from imuge.batch.parquet import to_table
from imuge.batch.pool import NO_MEMORY
from imuge.batch.record import Record
from imuge.batch.storage import Storage, open_storage, split_place
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.batch.work import Worker, begin
from imuge.errors import ConfigError, ImageError, ImugeError
from imuge.guard import Guard
from imuge.keys import Key, find_key

DEATHS = 2  # so many machines or processes may end over a picture before it is given up
SKIP, GIVE_UP, GO = "skip", "give up", "go"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReference:
    """A key by the name or file under which each machine has it; None means IMUGE_KEY_FILE."""

    find: str | None
    key_id: str

    def key(self) -> Key:
        """Read it.

        Raises:
            KeyFileError: it is not here.
            ConfigError: it is another key.
        """
        found = find_key(self.find)
        if found.key_id != self.key_id:
            raise ConfigError(
                f"key {self.find or 'in IMUGE_KEY_FILE'} is {found.key_id} on this machine and "
                f"{self.key_id} where the command was given; give all machines the same"
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSetup:
    """All that a worker must know to begin."""

    spec: BatchSpec
    keys: Sequence[KeyReference]
    threads: int
    device: str  # "cpu" or "cuda"
    inputs: Storage | None  # the folder of the pictures; None where a list names each by itself
    outputs: Storage
    tool_version: str = __version__
    model_sha256: str

    def guard(self) -> Guard:
        """Load the models.

        Raises:
            ImugeError: keys, models or imuge itself differ from those where the batch began.
        """
        guard = Guard(
            [reference.key() for reference in self.keys],
            threads=self.threads,
            device=self.device,
            limits=self.spec.limits,
        )
        here = (__version__, guard.engine.sha256)
        if here != (self.tool_version, self.model_sha256):
            raise ConfigError(
                f"this machine has imuge {here[0]} with the model {here[1][:8]}, the batch began "
                f"with {self.tool_version} and {self.model_sha256[:8]}; install the same"
            )
        return guard


def problem(setup: ActorSetup) -> str | None:
    """What keeps this machine from working, in one sentence."""
    try:
        setup.guard()
    except ImugeError as error:
        return str(error)
    return None


class Register:
    """Counts attempts, so that a picture over which processes die is given up; runs as an actor."""

    def __init__(self) -> None:
        self._attempts: dict[str, int] = {}
        self._ended = 0
        self._stopping = False

    def begin(self, name: str) -> str:
        """Say whether a picture shall be worked on."""
        if self._stopping:
            return SKIP
        if self._attempts.get(name, 0) >= DEATHS:
            return GIVE_UP
        self._attempts[name] = self._attempts.get(name, 0) + 1
        return GO

    def end(self, name: str) -> None:
        """A picture is finished, or given up."""
        self._attempts.pop(name, None)
        self._ended += 1

    def stop(self) -> tuple[int, int]:
        """Let no further picture be begun; gives how many are begun and not ended, and ended."""
        self._stopping = True
        return len(self._attempts), self._ended


class Actor:
    """Does one block of tasks after the other: a table of tasks in, a table of records out.

    Args:
        setup: What to do.
        register: The handle of a `Register` actor.
        get: Waits for an actor's answer: `ray.get`.
    """

    def __init__(self, setup: ActorSetup, register: Any, get: Any) -> None:  # noqa: ANN401 - Ray's
        self._setup, self._register, self._get = setup, register, get
        self._worker = Worker(setup.guard(), setup.spec)
        self._places: dict[str, Storage] = {}

    def __call__(self, block: pa.Table) -> pa.Table:
        """Work on the pictures of one block."""
        done = (self._one(task) for task in to_tasks(block))
        return to_table(record for record in done if record is not None)

    def _one(self, task: PictureTask) -> Record | None:
        """The record of a picture whose files are in place; None if it shall not be begun."""
        word = self._get(self._register.begin.remote(task.name))
        if word == SKIP:
            return None
        found = begin(task)
        try:
            storage, name = where(task, self._setup.inputs, self._places)
            found = _marked(found, storage, name)
            if word == GIVE_UP:
                raise ImageError(f"{DEATHS} worker processes died over it, for lack of memory?")
            finished = self._worker.do(task, storage.read(name))
            for output, content in finished.files.items():
                self._setup.outputs.write(output, content)
            found = replace(finished.record, input_mtime_ns=found.input_mtime_ns)
        except (ImageError, ConfigError) as error:
            found = replace(found, error=str(error))
        except MemoryError:
            found = replace(found, error=NO_MEMORY)
        self._get(self._register.end.remote(task.name))
        return found


def where(
    task: PictureTask, inputs: Storage | None, places: dict[str, Storage]
) -> tuple[Storage, str]:
    """The storage of a task's picture, and its name there; `places` keeps those opened."""
    if inputs is not None:
        return inputs, task.source
    folder, name = split_place(task.source)
    if folder not in places:
        places[folder] = open_storage(folder)
    return places[folder], name


def _marked(record: Record, storage: Storage, name: str) -> Record:
    """The record with its input's size and time of modification."""
    info = storage.info(name)
    return replace(record, input_bytes=info.size, input_mtime_ns=info.mtime_ns)


_TASKS = pa.schema(
    [
        ("name", pa.string()),
        ("source", pa.string()),
        ("shown", pa.string()),
        ("strength", pa.float64()),
        ("metadata", pa.string()),
    ]
)


def from_tasks(tasks: Sequence[PictureTask]) -> pa.Table:
    """Tasks as a table, to be sent."""
    rows = [{name: getattr(task, name) for name in _TASKS.names} for task in tasks]
    return pa.Table.from_pylist(rows, _TASKS)


def to_tasks(block: pa.Table) -> list[PictureTask]:
    """The tasks of a table."""
    return [PictureTask(**row) for row in block.select(_TASKS.names).to_pylist()]
