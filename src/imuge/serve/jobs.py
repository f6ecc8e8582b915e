"""Jobs and their queue. Everything is in memory, bounded, and belongs to one event loop.

submit ─► queued ─► running ─► done ────► kept, then forgotten
│         ├─────► failed
└─────────┴─────► cancelled
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from imuge.errors import ImugeError
from imuge.serve.fair_queue import FairQueue
from imuge.serve.limits import Limits
from imuge.serve.log import Visit
from imuge.serve.refusals import INTERNAL, Refusal, busy
from imuge.serve.tasks import File, JobError, JobTask, Outcome
from imuge.serve.workers import Worker

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED = ("queued", "running")
SWEEP_EVERY_S = 1.0
LINGER_S = 5.0  # while the service stops: to ask for a job that ended, and to fetch its files
RESTART_PAUSE_S = (0.0, 1.0, 5.0, 15.0)  # after so many starts in a row that failed
MOST_RETRY_S = 120.0
FIRST_GUESS_S = 2.0  # how long a job takes, before any was measured
RETRY_UPLOAD_S = 5.0


@dataclass(slots=True, eq=False)
class Job:
    """One job, from its acceptance until it is forgotten."""

    id: str
    task: JobTask
    caller: str  # who asked: a token's name, or an address
    owner: str | None  # the token that may read it; None where the service has no tokens
    data: bytes = field(repr=False)
    sha256: str  # of the file that was uploaded
    keep: bool  # asked for with `Prefer: respond-async`: kept until it expires
    created: datetime
    expires: datetime
    visit: Visit | None = None  # the request that made it, for the line about the job
    state: State = "queued"
    step: str | None = None
    progress: float = 0.0
    outcome: Outcome | None = field(repr=False, default=None)
    error: Refusal | None = None
    seconds: float = 0.0  # at work
    ended_at: float = 0.0  # by the monotonic clock
    read_at: float = 0.0  # when its caller first saw how it ended, by the same
    finished: asyncio.Event = field(repr=False, default_factory=asyncio.Event)
    running: "asyncio.Task[Outcome] | None" = field(repr=False, default=None)

    @property
    def files(self) -> dict[str, File]:
        """The files of its result by name."""
        return {} if self.outcome is None else {file.name: file for file in self.outcome.files}

    @property
    def held_bytes(self) -> int:
        """Memory that the job's pictures take here."""
        return len(self.data) + sum(len(file.content) for file in self.files.values())


class JobQueue:
    """The queue, those who work it off, and the finished jobs.

    Args:
        workers: Who does the jobs.
        limits: How much is taken.
        on_end: Told of each job that ended, for logs and metrics.
        on_restart: Told why a worker had to be replaced.
    """

    def __init__(
        self,
        workers: list[Worker],
        limits: Limits,
        *,
        on_end: Callable[[Job], None],
        on_restart: Callable[[str], None],
    ) -> None:
        self.limits = limits
        self.model: dict[str, str] = {}
        self.draining = False
        self._workers = workers
        self._on_end = on_end
        self._on_restart = on_restart
        self._queue: FairQueue[Job] = FairQueue()
        self._jobs: dict[str, Job] = {}
        self._arriving: Counter[str] = Counter()  # bodies, by caller
        self._arriving_bytes: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: set[Worker] = set()  # could not be started again, and are tried anew
        self._average_s = FIRST_GUESS_S

    async def start(self) -> None:
        """Start the workers and the sweep.

        Raises:
            ImugeError: a worker cannot work.
        """
        try:
            for worker in self._workers:
                self.model = dict(await worker.start())
        except BaseException:
            await self._stop_workers()
            raise
        self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]
        self._tasks.append(asyncio.create_task(self._sweep()))

    async def stop(self) -> None:
        """End everything at once; unfinished jobs are cancelled."""
        self.draining = True
        for job in list(self._jobs.values()):
            self.cancel(job)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop_workers()

    async def drain(self) -> None:
        """Take nothing new; wait until all jobs ended, and a little for what they gave."""
        self.draining = True
        while any(self._wanted(job) for job in self._jobs.values()):
            await asyncio.sleep(0.05)

    def _wanted(self, job: Job) -> bool:
        """Whether somebody still waits for a job, or for what it gave."""
        if job.state in UNFINISHED:
            return True
        return job.keep and time.monotonic() - max(job.ended_at, job.read_at) < LINGER_S

    @property
    def able(self) -> bool:
        """Whether new jobs are taken and somebody can do them, if not yet at this moment."""
        return not self.draining and len(self._failing) < len(self._workers)

    @property
    def waiting(self) -> int:
        """How many jobs are queued."""
        return len(self._queue)

    @property
    def arriving(self) -> int:
        """How many bodies are being received."""
        return self._arriving.total()

    @property
    def held_bytes(self) -> int:
        """Memory that uploads and results take, and bodies that arrive."""
        held = sum(job.held_bytes for job in self._jobs.values())
        return held + self._arriving_bytes.total()

    def _held_by(self, caller: str) -> int:
        held = sum(job.held_bytes for job in self._jobs.values() if job.caller == caller)
        return held + self._arriving_bytes[caller]

    def position(self, job: Job) -> int:
        """The place of a queued job: 1 is the next; 0 for one that is not queued."""
        if job.state != "queued":
            return 0
        order = self._queue.in_order(self._average_s)
        return next(place for place, other in enumerate(order, 1) if other is job)

    @contextmanager
    def receiving(self, caller: str, size: int) -> Iterator[None]:
        """Count a body of so many bytes while it arrives, since memory is taken for it.

        Raises:
            Refusal: too many arrive already, of all or of this caller, or there is no room for it.
        """
        limits = self.limits
        if self.arriving >= limits.uploads or self._arriving[caller] >= limits.uploads_per_caller:
            mine = self._arriving[caller] >= limits.uploads_per_caller
            raise busy(
                f"{self._arriving[caller] if mine else self.arriving} "
                f"{'of your files' if mine else 'files'} are being received already; try again",
                RETRY_UPLOAD_S,
            )
        self.check_room(caller, size)
        self._arriving[caller] += 1
        self._arriving_bytes[caller] += size
        try:
            yield
        finally:
            self._arriving[caller] -= 1
            self._arriving_bytes[caller] -= size
            if not self._arriving[caller]:
                del self._arriving[caller], self._arriving_bytes[caller]

    def check_room(self, caller: str, size: int) -> None:
        """Refuse what could not be queued; asked before a body is received, and after.

        Raises:
            Refusal: the service is stopping, or full for all or for this caller.
        """
        if self.draining:
            raise Refusal(
                "unavailable",
                "the service is stopping and takes no new jobs; try again in a minute",
                headers={"Retry-After": "60"},
            )
        if len(self._queue) >= self._capacity:
            raise busy(
                f"{len(self._queue)} jobs are waiting already, which is as many as may; try again "
                "later",
                self._wait_s(len(self._queue)),
            )
        mine = self._queue.count(caller)
        if mine >= self.limits.queue_per_caller:
            raise busy(
                f"{mine} of your jobs are waiting already; try again when some are done",
                self._wait_s(mine),
            )
        if self.held_bytes + size > self.limits.held_bytes:
            raise busy(
                "the service holds as many pictures as it may; delete jobs that are done, or try "
                "again later",
                min(self.limits.keep_s, MOST_RETRY_S),
            )
        if self._held_by(caller) + size > self.limits.held_bytes_per_caller:
            raise busy(
                "the service holds as many of your pictures as it may; delete jobs that are done, "
                "or try again later",
                min(self.limits.keep_s, MOST_RETRY_S),
            )

    @property
    def _capacity(self) -> int:
        """Waiting jobs, with one place for each worker that is free to take it at once."""
        idle = len(self._workers) - len(self._failing) - self._running
        return self.limits.queue + max(0, idle)

    @property
    def _running(self) -> int:
        return sum(job.state == "running" for job in self._jobs.values())

    def _wait_s(self, ahead: int) -> float:
        return min(MOST_RETRY_S, self._average_s * (ahead + 1) / len(self._workers))

    def submit(
        self,
        task: JobTask,
        data: bytes,
        *,
        sha256: str,
        caller: str,
        owner: str | None,
        keep: bool,
        visit: Visit | None = None,
    ) -> Job:
        """Queue a job.

        Raises:
            Refusal: there is no room.
        """
        self.check_room(caller, len(data))
        now = datetime.now(UTC)
        job = Job(
            id=secrets.token_urlsafe(18),
            task=task,
            caller=caller,
            owner=owner,
            data=data,
            sha256=sha256,
            keep=keep,
            created=now,
            expires=now + timedelta(seconds=self.limits.keep_s),
            visit=visit,
        )
        self._jobs[job.id] = job
        self._queue.add(job)
        self._arrived.set()
        return job

    def find(self, job_id: str, owner: str | None) -> Job:
        """A kept job, for the token that made it.

        Raises:
            Refusal: there is none of this id for this caller.
        """
        job = self._jobs.get(job_id)
        if job is None or not job.keep or job.owner != owner:
            raise Refusal(
                "not_found",
                "there is no such job of yours; finished jobs are forgotten after "
                f"{self.limits.keep_s:g} s",
            )
        return job

    def note_read(self, job: Job) -> None:
        """Remember that a caller has seen how a job ended."""
        if job.state not in UNFINISHED and not job.read_at:
            job.read_at = time.monotonic()

    def forget(self, job: Job) -> None:
        """Cancel a job if it is unfinished, and drop everything of it."""
        self.cancel(job)
        self._jobs.pop(job.id, None)

    def cancel(self, job: Job) -> None:
        """End a job that is queued or running; a worker at it is killed."""
        if job.state == "queued":
            self._queue.remove(job)
            self._end(job, "cancelled")
        elif job.state == "running" and job.running is not None:
            job.running.cancel()

    async def _work(self, worker: Worker) -> None:
        """One worker's day: wait for a job, do it, be replaced if that went wrong."""
        while True:
            if not worker.alive:
                await self._restart(worker)
            if not len(self._queue):
                self._arrived.clear()
                await self._arrived.wait()
                continue
            expected_s, began = self._average_s, time.monotonic()
            job = self._queue.take(expected_s)
            try:
                await self._do(worker, job)
                if not worker.alive:  # its caller's time too: the others had to wait for it
                    await self._restart(worker)
            finally:
                self._queue.charge(job.caller, time.monotonic() - began - expected_s)

    async def _do(self, worker: Worker, job: Job) -> None:
        job.state = "running"
        began = time.monotonic()

        def on_step(name: str, share: float) -> None:
            job.step, job.progress = name[:32], min(1.0, max(0.0, share))

        job.running = asyncio.create_task(worker.run(job.task, job.data, on_step))
        try:
            await asyncio.wait([job.running])
        except asyncio.CancelledError:  # the service stops
            job.running.cancel()
            with suppress(asyncio.CancelledError, JobError):
                await job.running
            self._end(job, "cancelled")
            raise
        job.seconds = time.monotonic() - began
        self._conclude(job, job.running)
        job.running = None
        if not worker.alive:
            self._on_restart(job.state if job.error is None else job.error.code)

    def _conclude(self, job: Job, ran: "asyncio.Task[Outcome]") -> None:
        """Read off how the job went."""
        if ran.cancelled():
            self._end(job, "cancelled")
            return
        error = ran.exception()
        if error is None:
            job.outcome = ran.result()
            job.progress = 1.0
            self._average_s += 0.2 * (job.seconds - self._average_s)
            self._end(job, "done")
        elif isinstance(error, JobError):
            job.error = Refusal(error.code, error.message or INTERNAL)
            self._end(job, "failed", error.detail)
        else:
            job.error = Refusal("internal", INTERNAL)
            self._end(job, "failed", type(error).__name__)

    def _end(self, job: Job, state: State, detail: str = "") -> None:
        job.state = state
        job.data = b""
        job.ended_at = time.monotonic()
        job.expires = datetime.now(UTC) + timedelta(seconds=self.limits.keep_s)
        if job.visit is not None:
            job.visit.detail = detail
        job.finished.set()
        self._on_end(job)

    async def _restart(self, worker: Worker) -> None:
        """Start a worker again, waiting longer each time that it fails."""
        failures = 0
        while True:
            await asyncio.sleep(RESTART_PAUSE_S[min(failures, len(RESTART_PAUSE_S) - 1)])
            try:
                await worker.start()
            except (ImugeError, OSError):
                failures += 1
                self._failing.add(worker)
                self._on_restart("start")
            else:
                self._failing.discard(worker)
                return

    async def _sweep(self) -> None:
        """Forget what has expired."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            now = datetime.now(UTC)
            for job in list(self._jobs.values()):
                if job.state not in UNFINISHED and now >= job.expires:
                    self._jobs.pop(job.id, None)

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))
