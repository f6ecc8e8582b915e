"""What people see while it trains."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imuge.train.journal import Terminal, TrainingJournal, duration


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_a_line_moves_where_somebody_watches():
    screen = Screen()
    terminal = Terminal(screen)
    terminal.show(0.25, "first")
    terminal.show(0.5, "second")
    terminal.say("stays")
    text = screen.getvalue()
    assert text.count("\n") == 2
    assert "\r\x1b[2K[######..................]  25 %  first\r" in text
    assert text.endswith("50 %  second\nstays\n")


def test_where_nobody_watches_a_line_comes_now_and_then():
    stream = io.StringIO()
    terminal = Terminal(stream, every_s=1000)
    terminal.show(0.25, "first")
    terminal.show(0.5, "second")
    assert stream.getvalue() == "[######..................]  25 %  first\n"


def test_who_does_not_lead_is_silent(capfd):
    def speak(stream):
        with Terminal(stream, every_s=0) as terminal:
            terminal.show(0.5, "shown")
            terminal.say("said")
        return "".join(capfd.readouterr())

    assert "shown" in speak(sys.stderr)
    assert speak(None) == ""


def test_the_line_that_moves_is_left_behind_whatever_happens():
    screen = Screen()

    def fail():
        with Terminal(screen) as terminal:
            terminal.show(0.5, "shown")
            raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        fail()
    assert screen.getvalue().endswith("50 %  shown\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(7, "7 s"), (99, "99 s"), (720, "12 min"), (11100, "3 h 05 min")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_numbers_and_pictures_are_kept(tmp_path):
    journal = TrainingJournal(tmp_path, from_step=0)
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    journal.record(3, "train", {"loss": 1.5, "psnr": float("nan")})
    journal.picture(3, "sample", pixels)
    journal.close()
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line == {"step": 3, "kind": "train", "loss": 1.5, "psnr": None}
    with Image.open(tmp_path / "sheets" / "sample-00000003.png") as sheet:
        assert np.array_equal(np.asarray(sheet), pixels)
    held = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (loss,) = held.Scalars("train/loss")
    assert (loss.step, loss.value) == (3, 1.5)
    (shown,) = held.Images("sample")
    assert (shown.step, shown.width, shown.height) == (3, 6, 4)


def test_a_run_that_goes_on_adds_to_what_is_kept_up_to_its_step(tmp_path):
    for from_step, loss in ((0, 1.0), (2, 2.0)):
        journal = TrainingJournal(tmp_path, from_step=from_step)
        for step in (1, 2, 3):
            journal.record(from_step + step, "train", {"loss": loss})
        journal.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [
        (1, 1.0),
        (2, 1.0),
        (3, 2.0),
        (4, 2.0),
        (5, 2.0),
    ]
