"""What all routes share: the queue of jobs, who may ask, and the log of jobs."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from imuge.errors import ConfigError
from imuge.guard import Guard
from imuge.serve.desk import Desk, DeskSettings
from imuge.serve.jobs import Job, JobQueue
from imuge.serve.limits import Limits
from imuge.serve.log import Log, Visit, now_text
from imuge.serve.lookups import Lookups
from imuge.serve.metrics import Metrics
from imuge.serve.rates import Rate, network_of
from imuge.serve.refusals import Refusal, busy
from imuge.serve.settings import GuardSettings
from imuge.serve.tokens import Caller, Role, TokenFile
from imuge.serve.workers import InProcessWorker, ProcessWorker, Worker

EVERYBODY = Caller(None, "immunize")


class Service:
    """The state of one service.

    Args:
        guard: Settings, from which every worker process builds its own guard; or a guard, used in
            a thread of this process.
        limits: What is taken.
        metrics: Counts jobs.
        log: Takes one record a job.
        tokens: Who may ask; None lets everybody who can reach the service.
        desk: How pictures are published, and what is asked about copies.

    Raises:
        ConfigError: there is no key.
        RegistryError: the registry is out of reach.
    """

    def __init__(
        self,
        guard: Guard | GuardSettings,
        limits: Limits,
        *,
        metrics: Metrics,
        log: Log,
        tokens: TokenFile | None,
        desk: DeskSettings,
    ) -> None:
        if not guard.keys:
            raise ConfigError("expected a key or several, got none; make one: imuge keys new NAME")
        self.keys = {key.key_id: key.can_recover for key in guard.keys}
        self.key_names = {key.key_id: key.name for key in guard.keys}
        self.limits = limits
        self.metrics = metrics
        self.tokens = tokens
        self.log = log
        self.desk = desk
        opened = Desk.opened(desk)
        registry = None if opened.sources is None else opened.sources.registry
        self.lookups = Lookups(registry, self.report_problem)
        self._job_rate = Rate(limits.jobs_per_minute)
        self._token_rate = Rate(limits.requests_per_minute)
        workers: list[Worker] = (
            [InProcessWorker(guard, opened)]
            if isinstance(guard, Guard)
            else [ProcessWorker(guard, limits, desk) for _ in range(limits.workers)]
        )
        self.workers = workers
        self.jobs = JobQueue(
            workers, limits, on_end=self._job_ended, on_restart=self._worker_replaced
        )
        metrics.watch(self.jobs)

    def admit(self, request: Request, role: Role) -> Caller:
        """Who makes a request, if it may.

        Raises:
            Refusal: the token is missing, unknown, of too low a role, or used too often.
        """
        if self.tokens is None:
            return EVERYBODY
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = self.tokens.find(given.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise Refusal(
                "unauthorized",
                "this service needs a token; send it as Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        visit_of(request).token = token.name
        if wait_s := self._token_rate.wait_s(token.name):
            raise busy("too many requests with this token; wait and try again", wait_s)
        caller = Caller(token.name, token.role)
        if not caller.may(role):
            raise Refusal(
                "forbidden",
                f"the token {token.name} has the role {token.role} and this needs {role}; ask the "
                "service's operator for another",
            )
        return caller

    def admit_job(self, request: Request, caller: Caller) -> str:
        """Count one job for its caller, before its body is received; gives the queue's name for it.

        Raises:
            Refusal: too many jobs, from the address or with the token.
        """
        address = network_of(visit_of(request).address)
        for who in {address, caller.name or address}:
            if wait_s := self._job_rate.wait_s(who):
                raise busy(
                    f"more than {self.limits.jobs_per_minute:g} pictures a minute; wait and try "
                    "again",
                    wait_s,
                )
        return caller.name or address

    def report_problem(self, message: str) -> None:
        """Log what an operator should know."""
        self.log({"time": now_text(), "event": "problem", "message": message})

    def _worker_replaced(self, reason: str) -> None:
        self.metrics.restarts.labels(reason).inc()
        self.log({"time": now_text(), "event": "worker replaced", "reason": reason})

    def _job_ended(self, job: Job) -> None:
        self.metrics.job_ended(job)
        visit = job.visit
        record: dict[str, Any] = {
            "time": now_text(),
            "event": "job",
            "job": job.id[:8],  # whole, it would let a reader of the log fetch the result
            "kind": job.task.kind,
            "state": job.state,
            "ms": round(job.seconds * 1000),
        }
        told: Mapping[str, Any] = {
            "request_id": visit and visit.request_id,
            "token": job.owner,
            "input_sha256": job.sha256,
            "verdict": job.outcome and job.outcome.verdict,
            "image_id": job.outcome and job.outcome.image_id,
            "code": job.error and job.error.code,
            "detail": visit and visit.detail,
        }
        self.log(record | {name: value for name, value in told.items() if value})


def visit_of(request: Request) -> Visit:
    """The edge's note of a request."""
    visit: Visit = request.state.visit
    return visit
