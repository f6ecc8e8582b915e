"""The study of geometry: truth that is exact, rows that say what was missed."""

import json

import numpy as np
import pytest

from imuge.attacks.resave import parse_chain
from imuge.bench.geometry import run
from imuge.bench.geometry.cases import MOVES, Move
from imuge.bench.geometry.matches import crop, looked_through, matches
from imuge.bench.geometry.table import shortfalls, summary, to_markdown
from imuge.bench.geometry.trial import corner_error
from imuge.keys import new_key
from imuge.protection.placement import Placement

FOUND = {
    "read": 1.0,
    "accused": 0.0,
    "corner_error": 0.1,
    "f1": 0.96,
    "plain_f1": 0.97,
    "area_db": 20.0,
    "plain_area_db": 22.0,
}


def result(**changes):
    rows = {
        group: [summary(move, [FOUND | changes] * 2) for move in MOVES[group]] for group in MOVES
    }
    seconds = {"off": 1.0, "quick": 1.3, "full": 2.0, "off, 20 keys": 1.0, "quick, 20 keys": 4.0}
    none = {"crops": 10, "keys": 20, "matches": 0, "least_p": 0.02}
    return {
        "command": "COMMAND",
        "imuge": "1",
        "model": "some.one",
        "model_sha256": "0" * 64,
        "groups": rows,
        "matches": {"unprotected": none, "protected": none},
        "seconds": [{"size": "900x600", **seconds}],
    }


def test_every_chain_of_the_study_can_be_run():
    for moves in MOVES.values():
        for move in moves:
            assert parse_chain(f"{move.steps(0)},{move.process}")
    turning = next(move for move in MOVES["large"] if "{turn}" in move.chain)
    assert turning.steps(0) != turning.steps(1)


def test_nothing_is_missed_where_all_is_as_asked():
    assert list(shortfalls(result())) == []
    assert "Nothing is missed." in to_markdown(result())


def test_what_is_missed_is_named():
    lines = list(shortfalls(result(accused=1.0, f1=0.9, corner_error=0.5)))
    assert "- large, mirrored: 2 untouched accused" in lines
    assert "- large, mirrored: F1 0.070 less, asked 0.02" in lines
    assert "- large, mirrored: corner error 0.50 frame pixels" in lines
    assert "- validation, cut to 0.6: F1 0.070 less, asked 0.08" not in lines
    assert any("0 of 2 read" in line for line in shortfalls(result(read=0.0)))
    slow = result() | {
        "matches": {"unprotected": {"crops": 1, "keys": 1, "matches": 1, "least_p": 0}}
    }
    slow["seconds"][0]["quick"] = 2.0
    assert list(shortfalls(slow)) == [
        "- unprotected crops: 1 false matches",
        "- quick search in 900x600: 1.00 s, asked 0.5",
    ]
    assert all(line in to_markdown(slow) for line in shortfalls(slow))


def test_a_corner_that_is_off_is_measured_in_frame_pixels():
    size, back = (600, 1000), np.array([[1.0, 0, 100], [0, 1.0, 50]])  # cut at (100, 50)
    scale = 768 / 1000
    true = Placement(
        matrix=scale * np.eye(2), offset=scale * np.array([100, 50]), width=500, height=400
    )
    assert corner_error(true, size, back) == pytest.approx(0, abs=1e-9)
    assert corner_error(true.moved(0.3, 0.4), size, back) == pytest.approx(0.5)
    # What lies around what was published has no place: only the published corners count.
    around = np.array([[1.0, 0, -500], [0, 1.0, -500]])
    wide = Placement(
        matrix=1.001 * scale * np.eye(2),
        offset=-scale * np.array([500, 500]),
        width=2000,
        height=1600,
    )
    assert corner_error(wide, size, around) < 0.001 * scale * 2000


def test_crops_differ_and_are_parts(photograph):
    some = [crop(photograph, np.random.default_rng(i)) for i in range(4)]
    assert len({one.shape for one in some}) > 1
    assert all(160 <= side <= 256 for one in some for side in one.shape[:2])


def test_no_key_is_found_in_what_it_did_not_protect(guard, photograph):
    found = looked_through(guard.engine, photograph, [new_key("one"), new_key("two")], [0])
    assert [one["present"] for one in found] == [0]
    assert found[0]["presence_p"] > 1e-6


def test_what_was_found_in_all_crops_is_counted():
    found = [{"presence_p": p, "present": float(p < 1e-6)} for p in (0.3, 1e-9, 0.02)]
    assert matches(found, 4) == {"crops": 3, "keys": 4, "matches": 1, "least_p": 1e-9}
    assert matches([], 4)["least_p"] == 1


@pytest.mark.slow
def test_the_whole_command_writes_both_files(tmp_path, request, monkeypatch, capsys):
    for group in MOVES:
        monkeypatch.setitem(MOVES, group, (Move(name="cut", chain="crop:0.8", loss=0.2),))
    data = str(request.config.rootpath / "tests/data")
    run.main(["--data", data, "--validation", data, "--out", str(tmp_path), "--crops", "2"])
    found = json.loads((tmp_path / "geometry.json").read_text())
    assert [rows[0]["read"] for rows in found["groups"].values()] == [2, 2]
    assert (tmp_path / "geometry.md").read_text() == capsys.readouterr().out
    assert not (tmp_path / run.JOURNAL).exists()
