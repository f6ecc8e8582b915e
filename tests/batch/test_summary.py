"""Counts, exit statuses, and how progress is said."""

import io
import signal

import pytest
from rich.console import Console

from imuge.batch.plan import BatchPlan
from imuge.batch.progress import Meter, duration
from imuge.batch.record import Record
from imuge.batch.summary import Pace, summarize
from imuge.batch.tasks import PictureTask
from imuge.results import EXIT_STATUS


def summary(command, verdicts, *, left=(), number=None):
    """A batch of pictures a, b, c ... with these verdicts; None failed."""
    names = [chr(ord("a") + place) for place in range(len(verdicts))]
    records = {
        name: Record(name=name, input=name, verdict=verdict, error=None if verdict else "broken")
        for name, verdict in zip(names, verdicts, strict=True)
    }
    tasks = tuple(PictureTask(name=name, source=name, shown=name) for name in names)
    return summarize(
        BatchPlan(root="/in", tasks=tasks),
        records,
        command,
        left=left,
        pace=Pace(pictures=1, megapixels=2.0, seconds=4.0),
        manifest="m",
        signal=number,
    )


@pytest.mark.parametrize(
    ("command", "verdicts", "options", "status"),
    [
        ("immunize", ["intact"] * 3, {}, 0),
        ("immunize", ["intact", None], {}, 1),
        ("verify", ["intact", "tampered", "intact"], {}, 10),
        ("verify", ["unprotected", "tampered"], {}, 10),
        ("verify", ["intact", "unprotected", "degraded", "foreign"], {}, 12),
        ("verify", ["tampered", None], {}, 1),
        ("verify", [], {}, 0),
        ("verify", ["intact", "intact"], {"left": ["b"], "number": signal.SIGINT}, 130),
        ("verify", ["intact", None], {"left": ["a"], "number": signal.SIGTERM}, 143),
    ],
)
def test_the_exit_status(command, verdicts, options, status):
    assert summary(command, verdicts, **options).exit_status == status


@pytest.mark.parametrize("verdict", EXIT_STATUS)
def test_the_only_verdict_is_the_exit_status(verdict):
    assert summary("verify", [verdict]).exit_status == EXIT_STATUS[verdict]


def test_counts_leave_out_what_is_to_be_done_again():
    found = summary("verify", ["intact", "tampered", None], left=["b"])
    assert found.outcomes == {"intact": 1, "failed": 1}
    assert (found.remaining, found.earlier) == (1, 1)
    report = found.to_dict()
    assert report["errors"] == [{"input": "c", "error": "broken"}]
    assert (report["pictures_per_s"], report["megapixels_per_s"]) == (0.25, 0.5)


def test_ten_failures_are_named_and_all_are_counted():
    found = summary("immunize", [None] * 12)
    assert len(found.errors) == 10
    assert found.outcomes == {"failed": 12}


def test_without_a_terminal_a_line_is_written_now_and_then():
    now, written = [0.0], io.StringIO()
    meter = Meter(Console(file=written), clock=lambda: now[0])
    with meter.shown("verify", 100):
        for _ in range(35):
            now[0] += 2.0
            meter.tick(megapixels=3.0)
    assert written.getvalue().splitlines() == [
        "15 of 100, 0.50 pictures/s, 1.50 Mpx/s, about 3 min left",
        "30 of 100, 0.50 pictures/s, 1.50 Mpx/s, about 2 min left",
    ]
    assert meter.pace == Pace(pictures=35, megapixels=105.0, seconds=70.0)


def test_on_a_terminal_a_bar_shows_the_rate():
    now, written = [0.0], io.StringIO()
    meter = Meter(Console(file=written, force_terminal=True, width=100), clock=lambda: now[0])
    with meter.shown("verify", 2):
        now[0] += 4.0
        meter.tick(megapixels=2.0)
    assert "1/2" in written.getvalue()
    assert "0.25 pictures/s, 0.50 Mpx/s, about 4 s left" in written.getvalue()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(40, "40 s"), (720, "12 min"), (3 * 3600 + 290, "3 h 05 min"), (180_000, "2 d 2 h")],
)
def test_durations_as_people_say_them(seconds, said):
    assert duration(seconds) == said
