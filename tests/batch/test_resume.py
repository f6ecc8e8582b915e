"""What is left to do, for every way in which a picture can differ from its record."""

from dataclasses import replace

import pytest

from imuge.batch.record import Record
from imuge.batch.resume import remaining
from imuge.batch.tasks import PictureTask

TASK = PictureTask(name="a.png", source="/in/a.png", shown="a.png")
DONE = Record(
    name="a.png",
    input="a.png",
    input_sha256="in",
    input_bytes=10,
    input_mtime_ns=5,
    output="a.png",
    output_sha256="out",
    verdict="intact",
)
FAILED = replace(DONE, output=None, output_sha256=None, verdict=None, error="it is broken")
UNREADABLE = Record(name="a.png", input="a.png", error="there is no such file")


class Disk:
    """One input and one output; counts how often the input is read."""

    def __init__(self, mark=(10, 5), content="in", output="out"):
        self.mark, self.content, self.output, self.reads = mark, content, output, 0

    def input_mark(self, _):
        return self.mark

    def input_sha256(self, _):
        self.reads += 1
        return self.content

    def output_is(self, _, sha256):
        return self.output == sha256


@pytest.mark.parametrize(
    ("record", "disk", "retry", "left"),
    [
        (None, Disk(), False, True),
        (DONE, Disk(), False, False),
        (DONE, Disk(output=None), False, True),
        (DONE, Disk(output="altered"), False, True),
        (DONE, Disk(mark=(10, 6)), False, False),  # touched only
        (DONE, Disk(mark=(11, 6), content="new"), False, True),
        (DONE, Disk(mark=None, content=None), False, True),
        (replace(DONE, options={"strength": 2.0}), Disk(), False, True),
        (FAILED, Disk(), False, False),
        (FAILED, Disk(), True, True),
        (FAILED, Disk(mark=(11, 6), content="mended"), False, True),
        (UNREADABLE, Disk(mark=None), False, False),
        (UNREADABLE, Disk(mark=None), True, True),
        (UNREADABLE, Disk(), False, True),  # it is there now
    ],
)
def test_what_is_left(record, disk, retry, left):
    records = {} if record is None else {"a.png": record}
    assert remaining([TASK], records, disk, retry_errors=retry) == [TASK] * left


def test_an_untouched_input_is_not_read():
    disk = Disk()
    remaining([TASK], {"a.png": DONE}, disk)
    assert disk.reads == 0


def test_every_file_of_a_report_must_be_there():
    record = replace(DONE, output=None, output_sha256=None, files={"a.mask": "out", "a.page": "x"})
    assert remaining([TASK], {"a.png": record}, Disk()) == [TASK]


def test_told_to_stop_the_rest_counts_as_left():
    records = {"a.png": DONE}
    assert remaining([TASK], records, Disk()) == []
    assert remaining([TASK], records, Disk(), stop=lambda: True) == [TASK]
