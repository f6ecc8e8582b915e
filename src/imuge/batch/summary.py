"""What became of a whole batch: counts, failures, speed, exit status."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from imuge.batch.plan import BatchPlan
from imuge.batch.record import FAILED, Record
from imuge.batch.tasks import Command
from imuge.results import Finding, gravest_status

SCHEMA = "imuge.batch-summary/1"
SHOWN = 10  # failures, and files left out, that are named; the manifest has all failures
ERROR_STATUS = 1
SIGNAL_STATUS = 128  # plus the signal's number, as shells count


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What this run did itself, apart from earlier runs of the same batch."""

    pictures: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0

    @property
    def pictures_per_s(self) -> float:
        """Pictures a second, 0 where none was done."""
        return self.pictures / self.seconds if self.seconds else 0.0

    @property
    def megapixels_per_s(self) -> float:
        """Megapixels a second, 0 where none was done."""
        return self.megapixels / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The batch as it stands at the end of a run."""

    command: Command
    pictures: int  # in the whole batch
    outcomes: dict[str, int]  # verdicts, or immunized, and failed
    errors: dict[str, str]  # the first failures by input
    skipped: dict[str, str]  # files that are not worked on, and why
    earlier: int  # pictures finished by earlier runs
    pace: Pace
    manifest: str
    signal: int | None  # that ended this run

    @property
    def remaining(self) -> int:
        """How many pictures are neither finished nor failed."""
        return self.pictures - sum(self.outcomes.values())

    @property
    def exit_status(self) -> int:
        """Of a signal 128 and its number; 1 if any picture failed; else the gravest verdict's."""
        if self.signal is not None:
            return SIGNAL_STATUS + self.signal
        if self.outcomes.get(FAILED) or self.remaining:
            return ERROR_STATUS
        return gravest_status(cast("Finding", word) for word in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """The summary as `--json` prints it."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "pictures": self.pictures,
            "outcomes": self.outcomes,
            "remaining": self.remaining,
            "errors": [{"input": name, "error": error} for name, error in self.errors.items()],
            "skipped": len(self.skipped),
            "finished_earlier": self.earlier,
            "finished_now": self.pace.pictures,
            "seconds": round(self.pace.seconds, 1),
            "pictures_per_s": round(self.pace.pictures_per_s, 3),
            "megapixels_per_s": round(self.pace.megapixels_per_s, 3),
            "manifest": self.manifest,
            "exit_status": self.exit_status,
        }


def summarize(
    plan: BatchPlan,
    records: dict[str, Record],
    command: Command,
    *,
    left: Iterable[str],
    pace: Pace,
    manifest: str,
    signal: int | None = None,
) -> Summary:
    """Count what became of a plan's tasks.

    Args:
        plan: The batch.
        records: Of this run and earlier ones, by the task's name.
        command: What was done.
        left: Names of the tasks that were to be done in this run and were not.
        pace: What this run did.
        manifest: Where the records are.
        signal: The signal that ended this run, if one did.
    """
    open_tasks = set(left)
    counted = [
        records[task.name]
        for task in plan.tasks
        if task.name in records and task.name not in open_tasks
    ]
    failures = [record for record in counted if record.error is not None]
    return Summary(
        command=command,
        pictures=len(plan.tasks),
        outcomes=dict(Counter(record.outcome(command) for record in counted)),
        errors={record.input: record.error or "" for record in failures[:SHOWN]},
        skipped=plan.skipped,
        earlier=len(counted) - pace.pictures,
        pace=pace,
        manifest=manifest,
        signal=signal,
    )
