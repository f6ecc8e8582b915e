"""What people see while it trains."""

import io
import json

import numpy as np
import pytest

from imuge.train.journal import Journal, Terminal, duration


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


def test_who_does_not_lead_is_silent():
    terminal = Terminal(None)
    terminal.show(0.5, "x")
    terminal.say("y")
    terminal.end()


@pytest.mark.parametrize(
    ("seconds", "text"), [(7, "7 s"), (99, "99 s"), (720, "12 min"), (11100, "3 h 05 min")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_numbers_and_pictures_are_kept(tmp_path):
    journal = Journal(tmp_path, from_step=0)
    journal.record(3, "train", {"loss": 1.5, "psnr": float("nan")})
    journal.picture(3, "sample", np.zeros((4, 6, 3), np.uint8))
    journal.close()
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line == {"step": 3, "kind": "train", "loss": 1.5, "psnr": None}
    assert (tmp_path / "sheets" / "sample-00000003.png").read_bytes().startswith(b"\x89PNG")
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"train/loss" in events.read_bytes()
