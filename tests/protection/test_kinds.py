"""Four kinds of region, from made-up answers of the two witnesses."""

import numpy as np
import pytest

from imuge.engine.canvas import BLOCK
from imuge.protection.content import Content
from imuge.protection.kinds import counted, differing_pieces, gains, in_company, regions_shown
from imuge.protection.locate import Located
from imuge.protection.pieces import Pieces, Witness
from imuge.weights import CALIBRATED_SIDE, Calibration, Weighing, WorkingPoint

GRID = (20, 30)
SIZE = (GRID[0] * BLOCK, GRID[1] * BLOCK)
HERE = (slice(6, 12), slice(10, 18))  # 6 by 8 blocks
AREA = 6 * 8 * BLOCK * BLOCK
RANGES = {"share_99": (-1, 1), "relative": (-1, 1), "doubt": (-2, 2), "strongest": (-4, 4)}


def linear(*, least, **weights):
    """A regression whose products count nothing; every feature as it is, within its range."""
    low, high = zip(*(RANGES[name] for name in weights), strict=True)
    scaled = [weight * RANGES[name][1] for name, weight in weights.items()]
    products = [0.0] * (len(weights) * (len(weights) + 1) // 2)
    return Weighing(
        features=tuple(weights),
        low=low,
        high=high,
        weights=(*scaled, *products),
        constant=0.0,
        least=least,
        false={},
        f1={},
    )


CALIBRATION = Calibration(
    points=(WorkingPoint(minimum_agreement=0.6, evidence=(10.0, 5.0, 3.0, 1.0), lost_area=500),),
    strangers=((0.6, -1.0),),
    # By the template every piece that is sure; by both one that the content does not acquit, or
    # which one number of the code contradicts.
    alone=linear(least=0.5, share_99=1.0),
    both=linear(least=-5.0, share_99=1.0, relative=-6.0, doubt=1.5, strongest=0.3),
    bound=0.02,
    pictures=1,
    frames={"512": 1},
    command="here",
)


def pixels(blocks):
    return tuple(slice(part.start * BLOCK, part.stop * BLOCK) for part in blocks)


def located(*, gone=(), differs=(), known=True, clarity=0.95):
    """Both witnesses, blind to nothing but what is said."""
    probability = np.zeros(SIZE, np.float32)
    agreeing = np.full(GRID, 0.95, np.float32)
    evidence = np.full(GRID, -5, np.float32)
    for place in gone:
        probability[pixels(place)] = 0.995
        agreeing[place] = 0.5
    for place in differs:
        evidence[place] = 12
    said = Content(
        numbers=np.broadcast_to(np.where(known, evidence, 0) / 24, (24, *GRID)).copy(),
        evidence=np.where(known, evidence, 0).astype(np.float32),
        known=np.full(GRID, known),
        agreeing=agreeing,
        seen=np.zeros((24, *GRID), np.float32),
    )
    return Located(
        probability=probability, clarity=clarity, signs_read=800, code=None, content=said
    )


@pytest.mark.parametrize(
    ("gone", "differs", "known", "kind", "content"),
    [
        ((HERE,), (HERE,), True, "changed", "differs"),
        ((), (HERE,), True, "protected again", "differs"),
        ((HERE,), (), True, "protection lost", "agrees"),
        ((HERE,), (), False, "changed", "not checked"),
    ],
)
def test_the_kind_follows_from_the_two_witnesses(gone, differs, known, kind, content):
    found = regions_shown(CALIBRATION, located(gone=gone, differs=differs, known=known))
    (region,) = found.regions
    assert (region.kind, region.content) == (kind, content)
    # Content alone cannot tell whether the outermost blocks changed all over: half of them count.
    expected = AREA if gone else 5 * 7 * BLOCK * BLOCK
    assert region.area_pixels == pytest.approx(expected, rel=0.15)
    counts = kind != "protection lost"
    assert region.counts == counts
    assert found.mask.any() == counts
    assert (found.labels > 0)[pixels(HERE)].sum() > 0.9 * expected
    assert region.template_agreement == pytest.approx(0.5 if gone else 0.95, abs=0.02)
    if known:
        assert (region.content_agreement > 0.5) == (kind == "protection lost")
    else:
        assert region.content_agreement is None


@pytest.mark.parametrize(("agreeing", "kind"), [(0.69, "protected again"), (0.67, "changed")])
def test_what_the_localizer_found_may_be_protected_again(agreeing, kind):
    """Two fifths of the way from chance to .95 is .68."""
    both = located(gone=(HERE,), differs=(HERE,))
    both.content.agreeing[HERE] = agreeing
    (region,) = regions_shown(CALIBRATION, both).regions
    assert (region.kind, region.content) == (kind, "differs")


def test_a_few_signs_do_not_tell_that_a_place_was_protected_again():
    """Of 48 blocks' signs three standard deviations are .088, whatever the copy's clarity."""
    for agreeing, kind in ((0.57, "changed"), (0.60, "protected again")):
        faint = located(gone=(HERE,), differs=(HERE,), clarity=0.65)
        faint.content.agreeing[HERE] = agreeing
        (region,) = regions_shown(CALIBRATION, faint).regions
        assert region.kind == kind


def test_nothing_is_shown_of_an_untouched_copy():
    found = regions_shown(CALIBRATION, located())
    assert found.regions == ()
    assert not found.mask.any()


def test_without_content_what_the_localizer_found_stands_as_it_is():
    said = located(gone=(HERE,), differs=(HERE,))
    alone = Located(
        probability=said.probability, clarity=0.95, signs_read=800, code=None, content=None
    )
    (region,) = regions_shown(CALIBRATION, alone).regions
    assert (region.kind, region.content, region.area_pixels) == ("changed", "not checked", AREA)
    assert region.template_agreement is None


def test_a_change_in_one_corner_of_a_lost_piece_is_no_acquittal():
    corner = (slice(6, 9), slice(10, 13))
    found = regions_shown(CALIBRATION, located(gone=(HERE,), differs=(corner,)))
    (region,) = found.regions
    assert region.kind == "changed"
    assert found.mask[pixels(HERE)].all(), "all of the piece counts"


def test_new_colours_are_told_by_few_numbers_of_the_code():
    said = located(gone=(HERE,))
    said.content.numbers[3][HERE] = 0.1  # of 48 blocks, though all numbers together agree
    (region,) = regions_shown(CALIBRATION, said).regions
    assert (region.kind, region.counts) == ("changed", True)


def test_a_piece_of_which_the_content_says_less_than_usual_is_not_acquitted():
    said = located(gone=(HERE,))
    said.content.evidence[HERE] = -2  # of -5
    said.content.numbers[(slice(None), *HERE)] = -2 / 24
    (region,) = regions_shown(CALIBRATION, said).regions
    assert (region.kind, region.content) == ("changed", "not checked")


def test_the_surer_a_change_the_lower_the_odds_that_are_enough_beside_it():
    beyond, gain = np.array([-2.5, -3.5, -0.1, -np.inf]), np.ones(4)
    assert in_company(beyond, gain).tolist() == beyond.tolist(), "none counts by itself"
    beyond[2] = 1.0
    assert in_company(beyond, gain).tolist() == [-1.5, -2.5, 1.0, -np.inf]
    beyond[2] = 9.0
    assert in_company(beyond, gain).tolist() == [0.5, -0.5, 9.0, -np.inf], "3 at most"
    gain[1] = 0.5
    assert in_company(beyond, gain).tolist() == [0.5, -2.0, 9.0, -np.inf]
    assert counted(beyond, gain).tolist() == [True, False, True, False]
    assert counted(np.zeros(0), np.zeros(0)).tolist() == []


def test_a_large_piece_of_a_faint_copy_gains_little_from_company():
    labels = np.zeros(SIZE, np.int32)
    labels[pixels(HERE)] = 1  # 3072 pixels; on a frame of 512x512 that would be 7200
    labels[:8, :8] = 2
    faint, clear = (
        gains(Pieces.of(located(clarity=clarity, known=False), labels, 2))
        for clarity in (0.6, 0.75)
    )
    assert clear.tolist() == [1, 1]
    share = 4000 / (3072 * CALIBRATED_SIDE / np.sqrt(SIZE[0] * SIZE[1]))
    assert faint == pytest.approx([share, 1], rel=0.01)


def test_a_large_piece_that_both_witnesses_acquit_gains_little_from_company():
    labels = np.zeros(SIZE, np.int32)
    labels[pixels(HERE)] = 1
    copy = located()  # evidence of -5 everywhere, as is usual there
    share = 4000 / (3072 * CALIBRATED_SIDE / np.sqrt(SIZE[0] * SIZE[1]))
    for evidence, gain in ((-5, share), (-4.375, (1 + share) / 2), (-3.75, 1), (3, 1)):
        copy.content.evidence[HERE] = evidence
        assert gains(Pieces.of(copy, labels, 1)) == pytest.approx([gain], rel=0.01)
    copy.content.evidence[HERE] = -5
    copy.content.agreeing[HERE] = 0.5  # a sky before another sky
    assert gains(Pieces.of(copy, labels, 1)) == pytest.approx([1])


def test_a_small_or_readable_piece_that_is_acquitted_is_not_shown():
    small = (slice(3, 4), slice(3, 5))  # 128 pixels; on this frame 191 are shown
    assert regions_shown(CALIBRATION, located(gone=(small,))).regions == ()
    said = located(gone=(HERE,))
    said.content.agreeing[HERE] = 0.9  # the template is there: a false alarm of the localizer
    assert regions_shown(CALIBRATION, said).regions == ()


def test_lost_protection_that_touches_a_change_counts():
    beside = (slice(6, 12), slice(19, 26))  # one block apart
    said = located(gone=(HERE, beside), differs=(HERE,))
    found = regions_shown(CALIBRATION, said)
    assert all(region.counts for region in found.regions)
    far = (slice(6, 12), slice(22, 28))
    found = regions_shown(CALIBRATION, located(gone=(HERE, far), differs=(HERE,)))
    assert [region.kind for region in found.regions] == ["changed", "protection lost"]
    assert found.labels.max() == 2
    assert not found.mask[pixels(far)].any()


def test_outlines_of_the_localizer_are_kept_where_both_see_a_change():
    """The content's outlines are a block coarser, and would only make them worse."""
    found = regions_shown(CALIBRATION, located(gone=(HERE,), differs=(HERE,)))
    assert found.mask.sum() == AREA


def test_what_was_protected_again_beside_a_change_is_a_region_of_its_own():
    other = (slice(2, 8), slice(22, 28))
    found = regions_shown(CALIBRATION, located(gone=(HERE,), differs=(HERE, other)))
    assert sorted(region.kind for region in found.regions) == ["changed", "protected again"]


def test_blocks_that_changed_in_part_do_not_widen_what_is_drawn():
    top, left, bottom, right = (10 * BLOCK // 2, 19 * BLOCK // 2, 25 * BLOCK // 2, 37 * BLOCK // 2)
    touched = (slice(top // BLOCK, -(-bottom // BLOCK)), slice(left // BLOCK, -(-right // BLOCK)))
    said = located(differs=(touched,)).content
    _, labels, _ = differing_pieces(said, CALIBRATION.points[0].evidence, SIZE)
    rows, columns = np.nonzero(labels)
    drawn = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    assert drawn == pytest.approx([top, left, bottom, right], abs=BLOCK / 2)
    assert (labels > 0).sum() == pytest.approx((bottom - top) * (right - left), rel=0.1)


def test_a_piece_that_differs_is_drawn_a_little_above_half_of_its_evidence():
    said = located(differs=(HERE,)).content
    score, labels, sure = differing_pieces(said, CALIBRATION.points[0].evidence, SIZE)
    assert labels.max() == 1
    assert ((score > 0.5) == (labels == 1))[pixels((slice(4, 14), slice(8, 20)))].all()
    inner = pixels((slice(7, 11), slice(11, 17)))
    assert (labels[inner] == 1).all()
    assert (sure[inner]).all()
    assert labels[0, 0] == 0
    _, nothing, _ = differing_pieces(said, (1000.0,) * 4, SIZE)
    assert not nothing.any()


def test_a_piece_smaller_than_a_block_is_heard_by_the_block_that_has_most_of_it():
    said = located(differs=(HERE,)).content
    labels = np.zeros(SIZE, np.int32)
    labels[50:53, 82:86] = 1  # in block (6, 10)
    (heard,) = Witness.of(said).pieces(labels, 1)
    assert (heard.blocks, heard.total) == (1, 12)
    assert heard.relative == pytest.approx(12 / -5)
