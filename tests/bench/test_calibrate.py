"""Contract: the working points keep to the bound and are the best that do."""

import json

import numpy as np
import pytest

from imuge.bench import calibrate
from imuge.bench.calibrate import (
    AREAS,
    LEAST_EVIDENCE,
    PROCESSING,
    SMALLEST_PIECE,
    THRESHOLDS,
    Pieces,
    Reactions,
    column,
    units,
)
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError
from imuge.protection.content import WINDOWS, Content
from imuge.protection.locate import Located, find_regions
from imuge.weights import Acquittal

COUNT = 40
NEEDED = Acquittal(total=10, relative=0.5, strongest=20, doubt=1, wrong=0)


def choose(found, bound):
    return calibrate.choose(found, NEEDED, bound=bound, command="here", frames={"512": COUNT})


def reactions(largest_at_jpeg50, largest_at_jpeg70=0):
    """Pictures that read at 0.95, or less after JPEG, with one false region each there."""
    shape = (COUNT, len(PROCESSING))
    agreement = np.full(shape, 0.95)
    largest = np.zeros((*shape, len(THRESHOLDS)), int)
    for name, low, high, area in (
        ("jpeg:85", 0.74, 0.76, 0),
        ("jpeg:70", 0.7, 0.73, largest_at_jpeg70),
        ("jpeg:50", 0.62, 0.66, largest_at_jpeg50),
    ):
        agreement[:, column(name)] = np.linspace(low, high, COUNT)
        largest[: COUNT // 2, column(name)] = area  # of those that read less clearly
    # Small areas find small changes: the score falls with the area, and does not care for more.
    f1 = np.broadcast_to(-np.array(AREAS, float), (18, len(THRESHOLDS), len(AREAS)))
    return Reactions(
        largest=largest,
        agreement=agreement,
        f1=f1,
        tampered_agreement=np.tile([0.95, 0.72, 0.63], 6),
        evidence=np.full((*shape, len(WINDOWS)), -5.0),
        lost=np.zeros(shape),
        likeness=np.full(shape, 0.4),
    )


def test_clear_pictures_are_not_punished_for_the_faint_ones():
    calibration = choose(reactions(500, largest_at_jpeg70=100), bound=0.05)
    pristine, clear, faint = calibration.points
    assert [pristine.minimum_area, clear.minimum_area, faint.minimum_area] == [32, 128, 512]
    assert pristine.minimum_agreement == pytest.approx(0.75, abs=1e-3)
    assert clear.minimum_agreement == pytest.approx(0.64, abs=1e-3)
    assert faint.minimum_agreement == pytest.approx(0.622, abs=1e-3)  # 5 % read more faintly
    assert calibration.minimum_agreement == faint.minimum_agreement
    assert calibration.reached <= 0.05
    assert calibration.point(0.8) == pristine
    assert calibration.point(0.7) == clear
    assert calibration.point(0.63) == calibration.point(0.1) == faint


def test_alarms_within_the_bound_are_spent_and_reported():
    found = reactions(0)
    faint = column("jpeg:50")
    found.largest[COUNT // 2 : COUNT // 2 + 2, faint] = 2000  # 2 of 40 pictures, just the bound
    calibration = choose(found, bound=0.05)
    assert calibration.points[-1].minimum_area == 32
    assert calibration.reached == pytest.approx(0.05)


def test_what_is_chosen_on_half_of_the_pictures_is_tried_on_the_other_half():
    found = reactions(0)
    faint = column("jpeg:50")
    found.largest[::8, faint] = 2000  # 5 pictures, all of them in the same half
    calibration = choose(found, bound=0.05)
    # Points of the other half know nothing of them: 5 of 20, less who reads too faintly there.
    assert calibration.reached <= 0.05
    assert calibration.held_out == pytest.approx(np.mean([4 / 20, 0]), abs=0.03)


def test_copies_too_faint_for_any_point_are_not_judged():
    found = reactions(0)
    faint = column("jpeg:50")
    found.largest[:8, faint] = 100_000  # the faintest fifth of them
    calibration = choose(found, bound=0.05)
    assert calibration.minimum_agreement > np.quantile(found.agreement[:, faint], 0.1)
    assert calibration.reached <= 0.05
    assert calibration.frames == {"512": COUNT}
    assert set(calibration.kept) == set(calibrate.NAMES)
    assert calibration.beyond == {}


def test_processing_that_no_point_is_good_for_is_named():
    found = reactions(0)
    found.largest[::3, PROCESSING.index((1.0, "webp:60"))] = 100_000
    calibration = choose(found, bound=0.05)
    assert calibration.beyond == {"1x, webp:60": pytest.approx(14 / 40)}
    assert len(calibration.kept) == len(PROCESSING) - 1
    assert calibration.reached == 0


def test_a_bound_that_cannot_be_kept_is_an_error():
    found = reactions(0)
    found.largest[:] = 100_000
    with pytest.raises(ConfigError, match="no working point"):
        choose(found, bound=0.05)


def test_content_is_heard_above_what_untouched_copies_say():
    found = reactions(0)
    faint = column("jpeg:50")
    half = COUNT // 2  # those that read less clearly than most
    found.evidence[:half, faint, 2] = np.linspace(0, 4, half)
    found.evidence[5, faint, 2] = 50  # 1 of 40 pictures: half of the bound may be spent on it
    found.lost[:half, faint] = np.arange(half)
    found.lost[3, faint] = 9000
    found.likeness[7, faint] = 0.1
    calibration = choose(found, bound=0.05)
    point = calibration.points[-1]
    least = LEAST_EVIDENCE
    assert point.evidence == (least, least, 4, least, least), "less speaks for no change"
    assert point.lost_area == half - 3, "four of 40 pictures, a tenth, may show more"
    assert point.likeness == 0.05
    assert calibration.points[0].evidence == (least,) * 5
    assert calibration.points[0].likeness == 0.2
    assert calibration.reached == pytest.approx(1 / 40)
    assert choose(found, bound=0.03).points[-1].evidence == (least, least, 50, least, least)


def made_pieces(areas, hits, total, strongest=0.0, relative=1.0):
    """Pieces that speak with all of their pixels."""
    count = len(areas)
    numbers = (np.array(values) for values in (areas, hits, [areas] * len(THRESHOLDS), total))
    sizes, found, speaking, totals = numbers
    return Pieces(
        areas=sizes,
        hits=found,
        seen=found,
        speaking=speaking,
        total=totals.astype(float),
        relative=np.full(count, relative),
        strongest=np.full(count, strongest),
        doubt=np.zeros(count),
        template=np.full(count, 0.5),
    )


def test_as_many_false_pieces_are_acquitted_as_hardly_any_true_one_allows():
    changed = made_pieces([100] * 4, [100, 90, 80, 0], [50, 20, -5, -30])
    lines = [
        {
            "tampered": [{"seen_in_all": 270, **changed.to_line()}],
            "untouched": [made_pieces([100, 100, 20], [0] * 3, [-7, -9, -50]).to_line()],
        }
    ]
    needed = calibrate.choose_acquittal(lines)
    assert needed.total == 6, "the change of -5 is not acquitted, both false ones of area are"
    assert needed.wrong == 0
    pieces = Pieces.from_line(lines[0]["untouched"][0])
    assert pieces.acquitted(needed).tolist() == [True, True, True]
    assert pieces.largest(~pieces.acquitted(needed)) == [0] * len(THRESHOLDS)
    assert pieces.lost(pieces.acquitted(needed), clarity=0.9) == 100
    assert pieces.lost(pieces.acquitted(needed), clarity=0.45) == 0, "the template is there"


def test_only_what_can_be_told_apart_is_a_change_that_shows():
    one = np.full((20, 30, 3), 100, np.float32)
    other = one.copy()
    other[:8, :8] += 9
    other[8:16, 8:16] += 7
    found = calibrate.differing_blocks(one, other)
    assert found[:8, :8].all()
    assert found.sum() == 64


def test_pieces_of_which_nothing_is_known_are_not_acquitted():
    pieces = made_pieces([100, 100], [0, 0], [np.nan, -60])
    assert pieces.acquitted(NEEDED).tolist() == [False, True]


def without_content(probability):
    grid = (-(-probability.shape[0] // 16) * 2, -(-probability.shape[1] // 16) * 2)
    nothing = np.zeros(grid, np.float32)
    numbers = np.zeros((24, *grid), np.float32)
    said = Content(
        numbers=numbers, evidence=nothing, known=nothing > 0, agreeing=nothing, seen=nothing[None]
    )
    return Located(probability=probability, clarity=0.9, signs_read=800, code=None, content=said)


def test_pieces_are_judged_as_the_product_judges_them():
    """At every point tried: the same alarms and the same F1 as by `find_regions`."""
    rng = np.random.default_rng(3)
    coarse = rng.random((12, 16)).astype(np.float32)
    probability = np.kron(coarse, np.ones((9, 9), np.float32))
    true = np.zeros(probability.shape, bool)
    true[20:70, 30:90] = True
    pieces = Pieces.of(without_content(probability), true)
    assert pieces.areas.min() >= SMALLEST_PIECE
    everything = ~pieces.acquitted(NEEDED)
    assert everything.all(), "nothing is known of their content"
    largest, f1 = pieces.largest(everything), pieces.f1(int(true.sum()), AREAS, everything)
    for i, threshold in enumerate(THRESHOLDS):
        for j, area in enumerate(AREAS):
            found = find_regions(probability, threshold=threshold, minimum_area=area)
            assert (largest[i] >= area) == bool(found.regions)
            expected = 2 * (found.mask & true).sum() / (found.mask.sum() + true.sum())
            assert f1[i][j] == pytest.approx(expected)
    assert len({tuple(row) for row in f1}) > 3, "thresholds matter"


def test_minimum_areas_are_those_of_the_frame():
    """A journal's line of a frame of 1024²: areas count half as much there."""
    line = {
        "pixels": 1024 * 1024,
        "untouched": [made_pieces([100, 100], [0, 0], [5, -60]).to_line()] * len(PROCESSING),
        "agreement": [0.9] * len(PROCESSING),
        "evidence": [[0.0] * len(WINDOWS)] * len(PROCESSING),
        "likeness": [0.5] * len(PROCESSING),
        "tampered": [
            {
                "true": 100,
                "seen_in_all": 100,
                "agreement": 0.9,
                **made_pieces([100], [100], [5]).to_line(),
            }
        ],
    }
    found = Reactions.together([line], NEEDED)
    assert (found.largest == 50).all()
    assert (found.lost == 50).all()
    assert found.f1[0, 0].tolist() == [1.0 if area <= 50 else 0.0 for area in AREAS]


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


@pytest.mark.slow
def test_one_picture_is_measured_on_its_frame(guard, key, photograph, other_photograph):
    pair = Photograph("a", "0", photograph), Photograph("b", "1", other_photograph)
    unit = calibrate.Unit(0, *pair, "normal")
    line = calibrate.measure(guard.engine, key, unit)
    assert (line["side"], line["pixels"]) == (192, 192 * 192)
    assert len(line["agreement"]) == len(line["untouched"]) == len(PROCESSING)
    assert np.shape(line["evidence"]) == (len(PROCESSING), len(WINDOWS))
    assert min(line["likeness"]) > 0
    assert line["agreement"][0] > 0.85 > line["agreement"][column("jpeg:40")]
    assert len(line["tampered"]) == len(calibrate.TAMPERING)
    line = json.loads(json.dumps(line))  # as the journal keeps it
    found = Reactions.together([line], calibrate.choose_acquittal([line]))
    assert found.f1.max(axis=(1, 2)).max() > 0.9


@pytest.mark.slow
def test_calibrate_writes_the_record_of_a_copy_and_goes_on_from_its_journal(tmp_path, request):
    import shutil

    from imuge.weights import read_record, release_folder

    release = shutil.copytree(release_folder(), tmp_path / "lab.r3")
    data = request.config.rootpath / "tests/data"
    journal = tmp_path / "journal.jsonl"
    options = {"pictures": 2, "bound": 0.5, "journal": journal, "jobs": 1}
    first = calibrate.calibrate(data, release, **options)
    assert read_record(release).calibration == first
    assert first.pictures == 2
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:2]) + "\n" + lines[2][:50])
    assert calibrate.calibrate(data, release, **options) == first
    journal.write_text(journal.read_text().replace("jpeg:85", "jpeg:86", 1))
    with pytest.raises(ConfigError, match="other processing; remove it"):
        calibrate.calibrate(data, release, **options)
