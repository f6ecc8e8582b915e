"""Those who do the jobs: worker processes, or a guard in this very process.

Both have `start`, `run`, `stop` and what they say of the model. A worker process that overruns its
time, is cancelled or dies is killed and replaced; the job that it had is the only one lost.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from imuge.errors import ImugeError
from imuge.guard import Guard
from imuge.serve import frames
from imuge.serve.desk import NOTHING, Desk, DeskSettings
from imuge.serve.limits import Limits
from imuge.serve.settings import GuardSettings
from imuge.serve.tasks import File, JobError, JobTask, Outcome, perform

START_TIMEOUT_S = 300.0  # seconds on a quiet machine
END_TIMEOUT_S = 5.0
READ_AHEAD = 2**20  # bytes
OnStep = Callable[[str, float], None]


class Worker(Protocol):
    """One who does one job at a time."""

    async def start(self) -> Mapping[str, str]:
        """Get ready; gives model and model_sha256.

        Raises:
            ImugeError: it cannot work with these keys, weights or limits.
        """

    async def run(self, task: JobTask, data: bytes, on_step: OnStep) -> Outcome:
        """Do one job.

        Raises:
            JobError: refused, out of time or memory, or the worker died.
        """

    async def stop(self) -> None:
        """End at once."""

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""


class ProcessWorker:
    """A process of its own, with a memory limit."""

    def __init__(
        self, settings: GuardSettings, limits: Limits, desk: DeskSettings | None = None
    ) -> None:
        self._settings = settings
        self._desk = desk or DeskSettings()
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether the process runs and its networks are loaded."""
        process = self._process
        return self._ready and process is not None and process.returncode is None

    @property
    def pid(self) -> int | None:
        """The process, for tests and logs."""
        return None if self._process is None else self._process.pid

    async def start(self) -> Mapping[str, str]:
        """Start the process and wait until its networks are loaded."""
        await self.stop()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # modules come from where imuge lies, never from the working folder
            "-m",
            "imuge.serve.worker_main",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=READ_AHEAD,
            # Fewer arenas: memory of a big picture goes back instead of staying in each thread's.
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},
        )
        needed = {"memory_bytes": self._limits.memory_bytes, "desk": self._desk.to_dict()}
        await self._send({**self._settings.to_dict(), **needed})
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                head, _ = await frames.receive(self._output)
        except (TimeoutError, EOFError) as error:
            await self.stop()
            raise ImugeError(
                "a worker process did not start; give it more memory (--memory) or look at what "
                "it printed"
            ) from error
        if head["type"] != "ready":
            await self.stop()
            raise ImugeError(f"a worker process cannot work: {head.get('message', '')}")
        self._ready = True
        return {"model": head["model"], "model_sha256": head["model_sha256"]}

    async def run(self, task: JobTask, data: bytes, on_step: OnStep) -> Outcome:
        """Do one job, or kill the process."""
        time_s = self._limits.time_s(0)
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(time_s) as left:

                def on_size(megapixels: float) -> None:
                    nonlocal time_s
                    time_s = self._limits.time_s(megapixels)
                    left.reschedule(began + time_s)

                outcome = await self._converse(task, data, on_step, on_size)
        except TimeoutError as error:
            await self.stop()
            raise JobError(
                "timeout",
                f"the job took more than {time_s:.3g} s, which is what a picture of this size "
                "gets, and was ended; use a smaller picture or save this one anew",
                detail="timeout",
            ) from error
        except (EOFError, OSError) as error:
            code = await self._ended()
            raise JobError("internal", "", detail=f"worker ended with status {code}") from error
        except asyncio.CancelledError:
            await self.stop()
            raise
        return outcome

    async def _converse(
        self, task: JobTask, data: bytes, on_step: OnStep, on_size: Callable[[float], None]
    ) -> Outcome:
        await self._send({"type": "job", "task": task.to_dict()}, [data])
        while True:
            head, blobs = await frames.receive(self._output)
            if head["type"] == "step":
                if "megapixels" in head:
                    on_size(_most_megapixels(head["megapixels"], task))
                on_step(str(head["step"]), float(head["progress"]))
            elif head["type"] == "done":
                return unpacked(head, blobs)
            else:
                if head["final"]:  # it ends itself; the next job must not meet it
                    await self.stop()
                raise JobError(head["code"], head["message"], detail=head.get("detail", ""))

    async def stop(self) -> None:
        """Kill the process; it holds nothing that would be lost."""
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        with suppress(OSError):
            if process.stdout is not None:
                while await process.stdout.read(READ_AHEAD):  # so that the pipe can be closed
                    pass

    async def _ended(self) -> int | None:
        process = self._process
        if process is None:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        code = process.returncode
        await self.stop()
        return code

    async def _send(self, head: Mapping[str, Any], blobs: list[bytes] | None = None) -> None:
        if self._process is None or self._process.stdin is None:
            raise EOFError
        for piece in frames.pack(head, blobs or []):
            self._process.stdin.write(piece)
        await self._process.stdin.drain()

    @property
    def _output(self) -> asyncio.StreamReader:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout


class InProcessWorker:
    """A guard in a thread of this process, for tests and notebooks: no limit of time or memory."""

    def __init__(self, guard: Guard, desk: Desk = NOTHING) -> None:
        self._guard, self._desk = guard, desk
        self._one_at_a_time = threading.Lock()  # a cancelled job's thread may still be at work

    alive = True

    async def start(self) -> Mapping[str, str]:
        """Nothing to do."""
        engine = self._guard.engine
        return {"model": engine.record.name, "model_sha256": engine.sha256}

    async def run(self, task: JobTask, data: bytes, on_step: OnStep) -> Outcome:
        """Do one job in a thread; once begun it cannot be ended."""
        on_step("working", 0.0)
        return await asyncio.to_thread(self._perform, task, data)

    def _perform(self, task: JobTask, data: bytes) -> Outcome:
        with self._one_at_a_time:
            return perform(self._guard, task, data, self._desk)

    async def stop(self) -> None:
        """Nothing to do."""


def _most_megapixels(said: object, task: JobTask) -> float:
    """What a worker says of a picture's size, as far as it can be true."""
    most = task.max_pixels / 1e6
    return min(most, max(0.0, said)) if isinstance(said, float) else 0.0


def unpacked(head: Mapping[str, Any], blobs: list[bytes]) -> Outcome:
    """The outcome that a worker packed."""
    files = tuple(
        File(**facts, content=blob) for facts, blob in zip(head["files"], blobs, strict=True)
    )
    return Outcome(
        record=head["record"],
        verdict=head["verdict"],
        image_id=head["image_id"],
        files=files,
    )
