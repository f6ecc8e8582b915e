"""Whole tool and contract: every attack is made, counted and held against what it should say."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from imuge.bench.contestants import Published
from imuge.bench.security import cases as security_cases
from imuge.bench.security import run as security
from imuge.bench.security.cases import GROUPS, Case, Gallery, Row
from imuge.bench.security.table import TITLES, shortfalls, to_markdown
from imuge.errors import ProtectionError
from imuge.keys import Message
from imuge.keys.message import Geometry
from imuge.results import Region

ROW = Row(
    group="collage",
    name="pieces",
    words="tampered",
    needs="scissors",
    should=frozenset({"tampered"}),
    harmful=frozenset({"intact"}),
)


@pytest.fixture(scope="module")
def gallery(guard, photograph, other_photograph):
    """Two photographs of 256x256."""
    return Gallery(guard.engine, [photograph, other_photograph])


def of(pixels, image_id):
    return Published(pixels, Message(image_id, Geometry(side_number=0, tall=False, shorter=128)))


@pytest.mark.slow
def test_a_picture_is_published_once_and_always_the_same(gallery, photograph):
    assert gallery.published(2) is gallery.published(0)
    again = Gallery(gallery.engine, [photograph]).published(0)
    np.testing.assert_array_equal(again.pixels, gallery.published(0).pixels)
    assert again.secret == gallery.published(0).secret != gallery.published(1).secret


@pytest.mark.slow
def test_wrong_keys_say_unprotected(guard, gallery):
    rows = security.tallied(list(security.attack(guard, gallery, 0, ["wrong key"])))
    assert [row["pictures"] for row in rows] == [1, 1]
    assert all(row["verdicts"] == {"unprotected": 1} for row in rows)
    assert all(row["as_it_should"] == 1 for row in rows)
    assert all(row["least_presence_p"] > 1e-6 for row in rows)


def test_shifts_are_made_by_every_number_of_pixels(gallery):
    cases = list(security_cases.shifts(gallery, 0))
    assert [case.row.name for case in cases] == ["1 to 7 pixels both ways"] * 7 + ["a whole block"]
    published = gallery.published(0).pixels
    for down, case in enumerate(cases[:7], 1):
        right = down % 7 + 1
        there = case.received[down:, right:]
        np.testing.assert_array_equal(there, published[:-down, :-right])


def test_a_pasted_piece_of_the_same_key_is_found(gallery):
    case = next(security_cases.collage(gallery, 0))
    outcome = security.judged(case, gallery.engine)
    assert (outcome.verdict, outcome.right, outcome.harmful) == ("tampered", True, False)
    assert outcome.f1 > 0.8
    assert outcome.key_name == gallery.key.name
    assert outcome.kinds == ("changed",)


def test_a_patchwork_counts_as_tampered_all_that_is_not_of_the_picture_recognized():
    plain = [np.full((8, 8, 3), value, np.uint8) for value in (0, 50, 100, 150)]
    gallery = Gallery(None, plain)
    sources = [of(plain[n], 100 + n) for n in range(4)]
    for name, image_id, expected in (
        ("same key", 102, 2),
        ("same key", None, 0),
        ("same key", 7, 0),
        ("other key", 102, 0),  # ids of another key mean nothing
    ):
        case = next(security_cases._patchworks(gallery, name, sources))
        np.testing.assert_array_equal(case.true(image_id), case.received[..., 0] != 50 * expected)


def test_averages_leave_the_attacked_picture_out(monkeypatch, gallery):
    monkeypatch.setattr(security_cases, "AVERAGED", (1, 2))
    cases = list(security_cases.averaging(gallery, 1))
    assert [case.row.name.partition(",")[0] for case in cases] == ["mean of 1"] * 4
    added, taken = cases[0].received, cases[1].received
    residual = security_cases.estimated_residual(gallery.published(0).pixels, "Wiener")
    np.testing.assert_array_equal(
        added, security_cases.add(gallery.original(1), residual.astype(np.float32))
    )
    assert np.abs(taken.astype(int) - gallery.published(1).pixels).max() > 0


@pytest.mark.slow
def test_immunizing_again_is_refused(guard, immunized, photograph):
    assert security.refused_or_taken(guard, immunized.image) == "refused"
    assert security.refused_or_taken(guard, photograph) == "taken"


def test_what_cannot_be_protected_is_left_out_or_counted_apart(guard, monkeypatch):
    def refuse(*_arguments, **_options):
        raise ProtectionError("nothing can be read back")

    monkeypatch.setattr(security_cases.ReleaseContestant, "immunize", refuse)
    gallery = Gallery(guard.engine, [np.zeros((128, 128, 3), np.uint8)])
    (outcome,) = security.attack(guard, gallery, 0, ["wrong key"])
    assert outcome.row == "the rest of the group: nothing can be read back"
    assert (outcome.verdict, outcome.right, outcome.harmful) == ("not made", False, False)
    assert gallery.again(gallery.original(0), gallery.key, 0) is None
    outcome = security.judged(Case(row=ROW, received=None, keys=(gallery.key,)), gallery.engine)
    assert (outcome.verdict, outcome.right, outcome.harmful) == ("not made", False, False)


def found(verdict, **more):
    return security.Outcome.of(ROW, verdict, **more)


def test_outcomes_are_counted_by_what_they_should_be():
    outcomes = [found("tampered", f1=1.0), found("intact", f1=0.5)]
    outcomes += [found("degraded"), found("tampered", presence_p=0.5)]
    (row,) = security.tallied(outcomes)
    assert (row["pictures"], row["as_it_should"], row["harmful"]) == (4, 2, 1)
    assert (row["f1"], row["least_f1"]) == (0.75, 0.5)
    assert row["least_presence_p"] == 0.5
    assert row["verdicts"] == {"degraded": 1, "intact": 1, "tampered": 2}


def test_a_region_that_should_be_there_and_is_not_makes_a_verdict_wrong():
    row = replace(ROW, should=frozenset({"intact"}), harmful=frozenset(), kind="protection lost")
    assert not security.Outcome.of(row, "intact", kinds=()).right
    assert security.Outcome.of(row, "intact", kinds=("protection lost",)).right


def test_rows_keep_the_order_of_the_groups_and_of_their_cases():
    rows = [("shifts", "b"), ("collage", "z"), ("shifts", "a"), ("collage", "z")]
    outcomes = [
        security.Outcome.of(replace(ROW, group=group, name=name), "intact") for group, name in rows
    ]
    order = [(row["group"], row["row"], row["pictures"]) for row in security.tallied(outcomes)]
    assert order == [("collage", "z", 2), ("shifts", "b", 1), ("shifts", "a", 1)]


def test_tables_hide_no_shortfall():
    outcomes = [found("tampered", key_name="a")] * 3 + [found("intact", key_name="b")]
    (bad,) = security.tallied(outcomes)
    (good,) = security.tallied([found("tampered")] * 2)
    good |= {"row": "all well"}
    assert list(shortfalls([good, bad])) == [
        "collage, pieces: 1 of 4 not as they should be, 1 of them harmful "
        "(intact 1, tampered 3; key a 3, key b 1)."
    ]
    result = {"command": "c", "model": "m", "attacked": ["x"], "rows": [good, bad]}
    assert (
        "| pieces | scissors | tampered | intact 1, tampered 3; key a 3, key b 1 | 3 of 4 | 1 |"
        in (to_markdown(result))
    )
    assert "- nothing." in to_markdown(result | {"rows": [good]})


def test_tables_count_refusals_and_what_could_not_be_made():
    verdicts = ["refused", "refused", "taken", "not made"]
    rows = security.tallied([security.Outcome.of(security.REFUSAL, one) for one in verdicts])
    text = to_markdown({"command": "c", "model": "m", "attacked": ["x"], "rows": rows})
    assert "| refused 2, taken 1, not made 1 | 2 of 4 | 1 |" in text


def test_what_is_lost_in_one_place_is_said_beside_the_verdicts(gallery, immunized, monkeypatch):
    case = next(security_cases.framing(gallery, 0))
    plain = immunized.verdict
    lost = Region(
        box=(0, 0, 9, 9), area_pixels=81, area=0.1, mean_probability=0.9, kind="protection lost"
    )
    verdicts = iter([plain, replace(plain, regions=(lost,)), replace(plain, verdict="tampered")])
    monkeypatch.setattr(security.Guard, "verify", lambda *_given, **_options: next(verdicts))
    (facts,) = security.tallied([security.judged(case, gallery.engine) for _ in range(3)])
    assert facts["verdicts"] == {"intact": 2, "tampered": 1}
    assert (facts["as_it_should"], facts["harmful"]) == (1, 1)
    assert facts["kinds"] == {"protection lost": 1}
    text = to_markdown({"command": "c", "model": "m", "attacked": ["x"], "rows": [facts]})
    assert "intact 2, tampered 1; protection lost in 1 | 1 of 3 | 1 |" in text


def test_framing_treats_one_place_alone(gallery):
    published = gallery.published(0).pixels
    cases = list(security_cases.framing(gallery, 0))
    assert [case.row.name for case in cases[::2]] == [
        "median of 5 pixels in one place",
        "JPEG 20 in one place",
    ]
    for case in cases[::2]:
        treated = (case.received != published).any(2)
        assert 0.5 * 0.05 < treated.mean() <= 0.05 + 1e-3


def test_own_code_is_embedded_over_the_edit_alone(gallery, monkeypatch):
    monkeypatch.setattr(security_cases, "EDITED_AREAS", (0.05,))
    published = gallery.published(0).pixels
    clean, saved = security_cases._own_code_over_edits(gallery, 0)
    assert clean.row.name == "its signs and its own code, over an edit of 5%"
    assert saved.row.name.endswith(", jpeg:75")
    true = clean.true(None)
    assert true.mean() == pytest.approx(0.05, abs=0.005)
    near = ndimage.binary_dilation(true, iterations=6)
    np.testing.assert_array_equal(clean.received[~near], published[~near])
    assert (clean.received != published)[true].mean() > 0.9


def test_every_group_has_its_title():
    assert list(GROUPS) == list(TITLES)


@pytest.mark.slow
def test_security_attacks_in_every_way(guard, gallery, monkeypatch):
    monkeypatch.setattr(security_cases, "AVERAGED", (1,))
    rows = security.tallied(list(security.attack(guard, gallery, 0)))
    assert {row["group"] for row in rows} == set(GROUPS)


@pytest.mark.slow
def test_security_goes_on_where_it_was_stopped(tmp_path, capsys, request):
    data = request.config.rootpath / "tests/data"
    groups = ["again", "copy attack"]
    arguments = ["--data", str(data), "--out", str(tmp_path), "--pictures", "1", "--jobs", "1"]
    security.main([*arguments, "--groups", *groups])
    result = json.loads((tmp_path / "security.json").read_text())
    rows = {(row["group"], row["row"]): row for row in result["rows"]}
    assert [*dict.fromkeys(group for group, _ in rows)] == ["copy attack", "again"]
    assert rows["again", "same key, without --replace"]["verdicts"] == {"refused": 1}
    assert rows["again", "same key, --replace"]["verdicts"] == {"intact": 1}
    assert rows["copy attack", "difference known exactly"]["harmful"] == 0
    assert (tmp_path / "security.md").read_text() == capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["security.json", "security.md"]

    journal = tmp_path / security.JOURNAL
    header = {
        "sha256": result["model_sha256"],
        "calibration": result["calibration"],
        "groups": ["copy attack", "again"],
    }
    known = security.Outcome.of(security.REFUSAL, "taken")
    line = {"picture": result["pictures"][result["attacked"][0]], "rows": [asdict(known)]}
    journal.write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n")
    security.main([*arguments, "--groups", *groups])
    (row,) = json.loads((tmp_path / "security.json").read_text())["rows"]
    assert row["verdicts"] == {"taken": 1}, "nothing is measured twice"
