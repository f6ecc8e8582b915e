"""Contract: what calibration chooses keeps to the bound on pictures that it did not learn from."""

import json

import numpy as np
import pytest
from PIL import Image

from imuge.bench import calibrate
from imuge.bench.calibrate import (
    HIGHEST_ODDS,
    LEAST_EVIDENCE,
    PROCESSING,
    Copy,
    Examples,
    Reactions,
    column,
    least_odds,
    units,
)
from imuge.bench.framing import FRAMINGS
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError
from imuge.protection.content import WINDOWS
from imuge.protection.pieces import BY_BOTH, BY_TEMPLATE, Pieces, log_odds

COUNT = 40
FRAME = 512 * 512


def made_copy(areas, *, clarity=0.95, sure=0.9, total=0.0, hits=None):
    """A copy whose pieces are all as sure and say as much by content."""
    count = len(areas)
    found = np.zeros(count, np.int64) if hits is None else np.array(hits, np.int64)
    return Copy(
        pieces=Pieces(
            clarity=clarity,
            frame_pixels=FRAME,
            areas=np.array(areas, np.int64),
            sure=np.full((2, count), float(sure)) * [[1], [0.5]],
            total=np.full(count, float(total)),
            relative=np.full(count, -np.sign(total)),
            strongest=np.full(count, total / 4),
            doubt=np.full(count, total / 8),
            template=np.full(count, 0.5),
        ),
        hits=found,
        seen=found,
        true=1000 if hits is not None else 0,
        seen_in_all=1000 if hits is not None else 0,
    )


@pytest.fixture
def reactions():
    """Copies that read at 0.95, or less after JPEG; false pieces are small, doubtful and agree."""
    rng = np.random.default_rng(5)
    clarity = np.full((COUNT, len(PROCESSING)), 0.95)
    for name, low, high in (
        ("jpeg:85", 0.74, 0.76),
        ("jpeg:70", 0.7, 0.73),
        ("jpeg:50", 0.62, 0.66),
    ):
        clarity[:, column(name)] = np.linspace(low, high, COUNT)

    def false(clear):
        areas = rng.integers(40, 400, 2).tolist()
        return made_copy(areas, clarity=clear, sure=rng.uniform(0, 0.3), total=-rng.uniform(5, 60))

    def true(clear):
        area = int(rng.integers(600, 6000))
        given = {"clarity": clear, "sure": rng.uniform(0.7, 1), "total": rng.uniform(0, 200)}
        return made_copy([area], hits=[area], **given)

    return Reactions(
        untouched=[[false(one) for one in row] for row in clarity],
        tampered=[[true(one) for one in (0.95, 0.72, 0.63) * 2] for _ in range(COUNT)],
        framed=[[false(0.95) for _ in FRAMINGS] for _ in range(COUNT)],
        evidence=np.full((COUNT, len(PROCESSING), len(WINDOWS)), -5.0),
        alike=np.full((COUNT, len(PROCESSING)), -4.0),
    )


def choose(found, bound=0.05):
    return calibrate.choose(found, bound=bound, command="here", frames={"512": COUNT})


def test_pieces_that_nobody_changed_are_told_from_changes(reactions):
    found = choose(reactions)
    assert max(found.both.false.values()) <= 0.05
    assert min(found.both.f1.values()) > 0.9
    assert found.both.features == BY_BOTH
    assert found.alone.features == BY_TEMPLATE
    assert found.pictures == COUNT
    untouched = [copy for row in reactions.untouched for copy in row]
    alarms = [(log_odds(found.both, copy.pieces) >= found.both.least).any() for copy in untouched]
    assert np.mean(alarms) <= 0.05
    assert set(found.both.false) == {*calibrate.NAMES, *calibrate.FRAMED_NAMES}


def test_pictures_are_judged_by_regressions_of_others(reactions):
    """One picture whose untouched copies look changed: its own regression would know better."""
    strange = made_copy([5000], sure=0.95, total=150)
    reactions.untouched[7] = [strange] * len(PROCESSING)
    odds = calibrate.odds_by_others(reactions, BY_BOTH)
    assert odds.untouched[7][0].max() > 0
    again = reactions.untouched[8][0].pieces
    others = [i for i in range(COUNT) if i // 2 % calibrate.FOLDS != 8 // 2 % calibrate.FOLDS]
    chosen = np.isin(np.arange(COUNT), others)
    fitted = Examples.of(reactions, BY_BOTH).of_pictures(chosen).fit(BY_BOTH)
    assert odds.untouched[8][0].tolist() == log_odds(fitted, again).tolist()


def test_the_least_odds_keep_to_the_bound_and_no_higher():
    loudest = np.full((COUNT, 3), -3.0)
    loudest[:3, 0] = [1.5, 1.2, 0.8]
    nothing = np.zeros(loudest.shape, bool)
    assert least_odds(loudest, nothing, bound=0.05) == pytest.approx(0.81)
    assert least_odds(loudest, nothing, bound=0.02) == pytest.approx(1.51)
    heard = nothing.copy()
    heard[20, 0] = True  # something else found a region there: one alarm is spent
    assert least_odds(loudest, heard, bound=0.05) == pytest.approx(1.21)
    loudest[:20, 1] = HIGHEST_ODDS + 1
    assert least_odds(loudest, nothing, bound=0.05) == pytest.approx(0.81), "beyond what is asked"
    assert least_odds(np.full((COUNT, 3), -3.0), nothing, bound=0.05) == 0, "even odds"


def test_processing_that_no_odds_are_good_for_is_named_with_its_share(reactions):
    webp = PROCESSING.index((1.0, "webp:60"))
    for row in reactions.untouched[::8]:  # all of one part: regressions of the others know none
        row[webp] = made_copy([5000], sure=0.95, total=150)
    found = choose(reactions)
    assert found.both.false["1x, webp:60"] == 5 / 40
    assert found.both.false["1x, none"] <= 0.05


def test_a_change_counts_by_what_can_be_seen_of_it():
    copy = made_copy([100, 100, 100, 100], hits=[100, 60, 40, 100])
    copy.seen[3] = 20
    assert copy.changed().tolist() == [True, True, False, False]
    assert copy.f1(np.array([True, True, False, False])) == pytest.approx(2 * 160 / 1200)


def test_the_content_is_heard_above_what_untouched_copies_say(reactions):
    faint = column("jpeg:50")
    half = COUNT // 2  # those that read less clearly than most
    reactions.evidence[:half, faint, 1] = np.linspace(0, 4, half)
    reactions.evidence[5, faint, 1] = 50  # 1 of 40 pictures: half of the bound may be spent on it
    points, heard = calibrate.choose_points(reactions, bound=0.05)
    least = LEAST_EVIDENCE
    assert points[-1].evidence == (least, 4, least, least), "less speaks for no change"
    assert points[0].evidence == (least,) * 4
    assert heard.sum() == 1
    assert heard[5, faint]
    points, heard = calibrate.choose_points(reactions, bound=0.03)
    assert points[-1].evidence == (least, 50, least, least)
    assert not heard.any()


def test_points_are_parted_by_how_clearly_copies_read(reactions):
    pristine, clear, faint = choose(reactions).points
    assert pristine.minimum_agreement == pytest.approx(0.75, abs=1e-3)
    assert clear.minimum_agreement == pytest.approx(0.64, abs=1e-3)
    assert faint.minimum_agreement == pytest.approx(0.622, abs=1e-3)  # 5 % read more faintly


def test_lost_protection_is_shown_above_what_most_untouched_copies_have(reactions):
    faint = column("jpeg:50")
    for number in range(6):  # of 40 pictures, 5 % may show more
        area = 2000 + 100 * number
        reactions.untouched[number][faint] = made_copy([area], clarity=0.63, sure=1, total=-150)
    found = choose(reactions)
    assert found.points[-1].lost_area == pytest.approx(2300 + 1, abs=30)
    assert found.points[0].lost_area == 1


def test_a_line_of_the_journal_is_read_as_it_was_written():
    for copy in (made_copy([100, 50], hits=[90, 0]), made_copy([])):
        line = json.loads(json.dumps(copy.to_line()))
        again = Copy.from_line(line)
        assert again.to_line() == copy.to_line()
        assert again.pieces.features(BY_BOTH).shape == (len(copy.hits), len(BY_BOTH))


def test_only_what_can_be_told_apart_is_a_change_that_shows():
    one = np.full((20, 30, 3), 100, np.float32)
    other = one.copy()
    other[:8, :8] += 9
    other[8:16, 8:16] += 7
    found = calibrate.differing_blocks(one, other)
    assert found[:8, :8].all()
    assert found.sum() == 64


def test_any_first_part_of_the_pictures_is_balanced(photograph):
    squares, wholes = (
        [Photograph(f"{kind}{i}", f"{kind}{i}", photograph) for i in range(4)] for kind in "sw"
    )
    found = units(squares, wholes)
    assert [unit.picture.name for unit in found[:4]] == ["s0", "w0", "s1", "w1"]
    assert [unit.detail for unit in found[:4]] == ["normal", "normal", "fine", "robust"]
    assert all(unit.donor is not unit.picture for unit in found)
    shorter = units(squares[:2], wholes[:2])
    assert shorter == found[:4]


def test_strangers_say_less_than_half_of_what_any_copy_as_clear_does(reactions):
    reactions.alike[:] = -1000 * (reactions.clarity - 0.5)
    alike = dict(calibrate.strangers(reactions))
    least = reactions.clarity.min()
    assert alike[np.floor(least * 100) / 100] == pytest.approx(-500 * (least - 0.5), abs=1e-3)
    faint = np.unravel_index(reactions.clarity.argmax(), reactions.clarity.shape)
    reactions.alike[faint] = -30  # reads like new, and says little
    found = calibrate.strangers(reactions)
    assert found[0][1] == -15, "no copy that is as clear as others is asked for more than they say"
    assert [low for low, _ in found] == sorted((low for low, _ in found), reverse=True)
    reactions.alike[0, 0] = np.nan  # no code was left
    assert np.isfinite(calibrate.strangers(reactions)).all()
    reactions.alike[faint] = 3
    assert calibrate.strangers(reactions)[-1][1] == calibrate.LEAST_SAID


@pytest.mark.slow
def test_one_picture_is_measured_on_its_frame(guard, key, photograph, other_photograph):
    pair = Photograph("a", "0", photograph), Photograph("b", "1", other_photograph)
    unit = calibrate.Unit(0, *pair, "normal")
    line = calibrate.measure(guard.engine, key, unit)
    assert line["side"] == 192
    assert len(line["untouched"]) == len(PROCESSING)
    assert np.shape(line["evidence"]) == (len(PROCESSING), len(WINDOWS))
    assert max(line["alike"]) < 0
    assert len(line["tampered"]) == len(calibrate.TAMPERING)
    assert len(line["framed"]) == len(FRAMINGS)
    line = json.loads(json.dumps(line))  # as the journal keeps it
    found = Reactions.together([line])
    clarity = found.clarity[0]
    assert clarity[0] > 0.8 > clarity[column("jpeg:40")] + 0.1
    assert max(copy.f1(copy.changed()) for copy in found.tampered[0]) > 0.9
    assert all(copy.true > 0 for copy in found.framed[0])


@pytest.mark.slow
def test_calibrate_writes_the_record_of_a_copy_and_goes_on_from_its_journal(tmp_path, request):
    import shutil

    from imuge.weights import read_record, release_folder

    release = shutil.copytree(release_folder(), tmp_path / "lab.r5")
    photographs = request.config.rootpath / "tests/data"
    with pytest.raises(ConfigError, match=r"at least 8 pictures.* got 2"):
        calibrate.calibrate(photographs, release, pictures=8, bound=0.5, jobs=1)
    data = tmp_path / "data"
    data.mkdir()
    for path in photographs.glob("*.webp"):
        with Image.open(path) as image:
            for left in (0, 80, 160, 240):
                image.crop((left, 100, left + 256, 356)).save(data / f"{path.stem}{left}.png")
    journal = tmp_path / "journal.jsonl"
    options = {"pictures": 8, "bound": 0.5, "journal": journal, "jobs": 1}
    first = calibrate.calibrate(data, release, **options)
    assert read_record(release).calibration == first
    assert first.pictures == 8
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:2]) + "\n" + lines[2][:50])
    assert calibrate.calibrate(data, release, **options) == first
    journal.write_text(journal.read_text().replace("jpeg:85", "jpeg:86", 1))
    with pytest.raises(ConfigError, match="other processing; remove it"):
        calibrate.calibrate(data, release, **options)
