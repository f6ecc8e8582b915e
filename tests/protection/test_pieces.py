"""What is known of a piece, and how a regression weighs it; by hand."""

import math

import numpy as np
import pytest

from imuge.engine.canvas import BLOCK
from imuge.protection.content import Content
from imuge.protection.locate import Located
from imuge.protection.pieces import (
    BY_BOTH,
    BY_TEMPLATE,
    SMALLEST_AREA,
    Pieces,
    find_pieces,
    least_area,
    log_odds,
    minimum_area,
    products,
)
from imuge.weights import Weighing

GRID = (16, 16)
SIZE = (GRID[0] * BLOCK, GRID[1] * BLOCK)


def said(evidence, known=None):
    return Content(
        evidence=evidence,
        numbers=np.broadcast_to(evidence / 24, (24, *GRID)).copy(),
        known=np.ones(GRID, bool) if known is None else known,
        agreeing=np.full(GRID, 0.9, np.float32),
        seen=np.zeros((24, *GRID), np.float32),
    )


@pytest.fixture
def located():
    """A sure square of 4x4 blocks that differs, a doubtful one that agrees, and a speck."""
    probability = np.zeros(SIZE, np.float32)
    evidence = np.full(GRID, -2, np.float32)
    probability[16:48, 16:48] = 0.995
    evidence[2:6, 2:6] = 6
    probability[80:112, 80:112] = 0.7
    probability[80:96, 80:112] = 0.95
    probability[4:6, 120:122] = 0.99
    return Located(
        probability=probability, clarity=0.8, signs_read=800, code=None, content=said(evidence)
    )


def regression(names, weights, constant=0.0, least=0.0):
    count = len(names)
    given = np.zeros(count + count * (count + 1) // 2)
    given[: len(weights)] = weights
    return Weighing(
        features=names,
        low=(-1.0,) * count,
        high=(1.0,) * count,
        weights=tuple(given),
        constant=constant,
        least=least,
        false={},
        f1={},
    )


def test_pieces_too_small_for_a_region_are_left_out(located):
    labels, dropped = find_pieces(located)
    assert (labels.max(), dropped) == (2, 1)
    assert labels[5, 121] == 0
    assert minimum_area(SMALLEST_AREA, labels.size) == 8


def test_pieces_at_the_rim_of_a_cut_have_no_voice(located):
    counted = np.ones(SIZE, bool)
    counted[:40, :60] = False  # but for the last 8 rows of the first square
    part = Located(
        probability=located.probability,
        clarity=0.8,
        signs_read=800,
        code=None,
        content=located.content,
        counted=counted,
    )
    part.probability[40:48, 16:32] = 0.6
    labels, dropped = find_pieces(part)
    assert (labels.max(), dropped) == (2, 1)
    assert Pieces.of(part, labels, 2).sure[:, 0].tolist() == [0.5, 0.5], "of what may speak"
    counted[:60, :60] = False
    labels, dropped = find_pieces(part)
    assert (labels.max(), dropped) == (1, 2)


def test_both_witnesses_are_asked_about_every_piece(located):
    labels, _ = find_pieces(located)
    pieces = Pieces.of(located, labels, 2)
    assert pieces.areas.tolist() == [32 * 32, 32 * 32]
    assert pieces.sure.tolist() == [[1, 0.5], [1, 0]]
    assert pieces.total.tolist() == [96, -32]
    assert pieces.relative.tolist() == [-3, 1]
    assert pieces.strongest[0] > 6 * 9 > 0 > pieces.strongest[1]
    assert pieces.doubt.tolist() == pytest.approx([4, -32 / 24])
    assert pieces.template.tolist() == pytest.approx([0.9, 0.9])
    features = pieces.features(BY_BOTH)
    assert features.shape == (2, len(BY_BOTH))
    area = features[0, BY_BOTH.index("area")]
    assert area == pytest.approx(math.log(4 * 32 * 32), abs=0.01), "as of a frame of 512"
    assert features[:, BY_BOTH.index("total")].tolist() == pytest.approx(
        [math.log(97), -math.log(33)]
    )


def test_the_strongest_window_at_the_edge_is_what_its_blocks_say(located):
    """Pieces in a corner: no window there has more evidence than all its blocks together."""
    located.probability[:] = 0
    located.probability[:16, :16] = 0.995
    located.content.evidence[:] = 0
    located.content.evidence[:2, :2] = 6
    labels, _ = find_pieces(located)
    (strongest,) = Pieces.of(located, labels, 1).strongest
    assert strongest == pytest.approx(4 * 6)


def test_where_the_code_is_lost_or_the_key_is_verify_only_nothing_is_known(located):
    labels, _ = find_pieces(located)
    located.content.known[2:6, 2:6] = False
    pieces = Pieces.of(located, labels, 2)
    assert pieces.known.tolist() == [False, True]
    assert np.isfinite(pieces.features(BY_BOTH)).all()
    reader = Located(probability=located.probability, clarity=0.8, signs_read=800, code=None)
    assert not Pieces.of(reader, labels, 2).known.any()


def test_a_regression_is_linear_in_features_and_their_products_within_what_it_met():
    features = np.array([[0.0, 10.0], [4.0, 30.0], [9.0, 20.0]])
    given = products(features, (0, 10), (4, 20))
    assert given.tolist() == [[-1, -1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert products(np.array([[1.0, 15.0]]), (0, 10), (4, 20)).tolist() == [[-0.5, 0, 0.25, 0, 0]]


def test_odds_follow_the_weights(located):
    labels, _ = find_pieces(located)
    pieces = Pieces.of(located, labels, 2)
    odds = log_odds(regression(("share_90", "share_99"), (3.0, 1.0), constant=-2.0), pieces)
    assert odds.tolist() == [2.0, -0.5]
    nothing = Pieces.of(located, np.zeros(SIZE, np.int32), 0)
    assert log_odds(regression(("share_99",), (1.0,)), nothing).tolist() == []


def test_the_least_area_is_where_a_certain_piece_passes():
    pixels = 512 * 512
    weighing = regression(BY_TEMPLATE, (1.0,)).model_copy(
        update={"low": (0.0, 0, 0, 0), "high": (2 * math.log(1000), 1, 1, 1)}
    )
    assert least_area(weighing, 0.9, pixels) == pytest.approx(1000, rel=0.2)
    assert least_area(weighing, 0.9, 4 * pixels) == pytest.approx(2000, rel=0.2)
    never = weighing.model_copy(update={"least": 100.0})
    assert least_area(never, 0.9, pixels) == pixels


def test_what_a_region_needs_grows_with_the_side():
    assert minimum_area(400, 512 * 512) == 400
    assert minimum_area(400, 1024 * 1024) == 800
    assert minimum_area(400, 128 * 128) == 100


@pytest.mark.parametrize(
    "fault",
    [{"low": (0.0,)}, {"weights": (1.0,)}, {"high": (-1.0, 1.0)}],
    ids=["too few", "no products", "empty range"],
)
def test_a_record_with_a_regression_that_does_not_fit_is_refused(fault):
    whole = regression(("share_90", "share_99"), ()).model_dump()
    assert Weighing.model_validate(whole)
    with pytest.raises(ValueError, match=r"must|need"):
        Weighing.model_validate(whole | fault)
