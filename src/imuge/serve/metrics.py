"""What Prometheus can ask: counts, times and sizes; never who, and nothing of a picture."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from imuge.serve.jobs import Job, JobQueue

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The metrics of one service; each has its own registry, so that several can live together."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.requests = Counter(
            "imuge_requests", "Requests answered.", ["method", "route", "status"], registry=own
        )
        self.request_seconds = Histogram(
            "imuge_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=own
        )
        self.jobs = Counter("imuge_jobs", "Jobs ended.", ["kind", "state"], registry=own)
        self.job_seconds = Histogram(
            "imuge_job_seconds", "Time at work on a job.", ["kind"], buckets=SECONDS, registry=own
        )
        self.verdicts = Counter("imuge_verdicts", "Verdicts given.", ["verdict"], registry=own)
        self.restarts = Counter(
            "imuge_worker_restarts", "Workers replaced.", ["reason"], registry=own
        )
        self.refusals = Counter("imuge_refusals", "Errors answered.", ["code"], registry=own)

    def watch(self, jobs: JobQueue) -> None:
        """Show the queue and the memory that pictures take."""
        own = self._registry
        Gauge("imuge_queue_jobs", "Jobs that wait.", registry=own).set_function(
            lambda: jobs.waiting
        )
        Gauge("imuge_held_bytes", "Uploads and results in memory.", registry=own).set_function(
            lambda: jobs.held_bytes
        )

    def job_ended(self, job: Job) -> None:
        """Count a job."""
        self.jobs.labels(job.task.kind, job.state).inc()
        if job.outcome is not None:
            self.job_seconds.labels(job.task.kind).observe(job.seconds)
            self.verdicts.labels(job.outcome.verdict).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
