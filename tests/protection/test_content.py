"""The statistic on made-up codes with known answers."""

import numpy as np
import pytest
from scipy import stats

from imuge.engine.canvas import BLOCK, to_canvas
from imuge.protection import content
from imuge.protection.code import HiddenCode
from imuge.protection.content import (
    ALIKE_ANYWAY,
    ALIKE_IN_DETAIL,
    WINDOWS,
    Content,
    Likeness,
    likeness,
    log_likelihood_ratio,
    outline_field,
    place_reliability,
    weigh,
    windowed,
)

GRID = (24, 32)
CHANNELS = 12
EDIT = (slice(8, 15), slice(12, 22))  # 7 rows, 10 columns


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def numbers(rng):
    return rng.standard_normal((2 * CHANNELS, *GRID)).astype(np.float32)


def permutations(rng):
    return np.stack([rng.permutation(GRID[0] * GRID[1]) for _ in range(2)])


def hidden(code, places, kept=None):
    """Code that is at home already, with its flags."""
    flags = np.ones((1, *GRID), np.float32) if kept is None else kept[None].astype(np.float32)
    parts = [part for half in np.split(code, 2) for part in (half * flags, flags)]
    return HiddenCode(np.concatenate(parts).astype(np.float32), places)


def canvas(shown=None):
    return to_canvas(np.zeros((GRID[0] * BLOCK, GRID[1] * BLOCK, 3), np.float32), shown)


def edited(seen, rng):
    """What is seen after something else was put there."""
    changed = seen.copy()
    changed[:, *EDIT] = numbers(rng)[:, *EDIT]
    return changed


ALL_READ = np.ones((6, *GRID), np.float32)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_what_changed_is_told_from_what_did_not(rng, noise):
    published = numbers(rng)
    came = published + noise * numbers(rng)
    found = weigh(hidden(came, permutations(rng)), edited(published, rng), ALL_READ, canvas())
    field = found.windowed(5)
    inner = field[EDIT][2:-2, 2:-2]
    outside = np.ones(GRID, bool)
    outside[5:18, 9:25] = False
    assert inner.min() > 0
    assert field[outside].max() < 0
    assert found.known.all()
    assert found.strongest()[WINDOWS.index(5)] == pytest.approx(field.max())


def test_the_ratio_is_that_of_two_normal_densities(rng, monkeypatch):
    """Oracle: scipy's densities, with gain, offset and noise as they were made."""
    gain, offset, noise = 0.8, 0.3, 0.25
    fit = tuple(np.full((CHANNELS, 1), value, np.float32) for value in (gain, offset, noise))
    monkeypatch.setattr(content, "_fitted", lambda _c, _q: fit)
    monkeypatch.setattr(content, "MOST_SQUARED", 1e9)
    c, q = rng.standard_normal((2, CHANNELS, 3, 4)).astype(np.float32)
    found = log_likelihood_ratio(c, q, np.zeros((3, 4), np.int64))
    something_else = stats.norm(offset, np.sqrt(gain**2 + noise)).logpdf(c)
    as_seen = stats.norm(offset + gain * q, np.sqrt(noise)).logpdf(c)
    np.testing.assert_allclose(found, something_else - as_seen, rtol=1e-4, atol=1e-4)


def test_gain_offset_and_noise_are_estimated_in_spite_of_outliers(rng):
    q = rng.standard_normal((CHANNELS, 4000)).astype(np.float32)
    c = 0.6 * q - 0.4 + 0.3 * rng.standard_normal(q.shape).astype(np.float32)
    c[:, :400] = 3 * rng.standard_normal((CHANNELS, 400))
    gain, offset, noise = content._fitted(c, q)
    np.testing.assert_allclose(gain, 0.6, atol=0.06)
    np.testing.assert_allclose(offset, -0.4, atol=0.06)
    np.testing.assert_allclose(noise, 0.09, atol=0.03)


def test_a_copy_that_is_brighter_or_has_less_contrast_is_not_changed(rng):
    published = numbers(rng)
    seen = 0.7 * published + 0.5
    came = published + 0.3 * numbers(rng)
    found = weigh(hidden(came, permutations(rng)), seen, ALL_READ, canvas())
    assert found.windowed(3).max() < 0


def test_code_that_compression_took_away_says_nothing(rng):
    """Where the signs are gone the code comes back as about 0, which contradicts nothing."""
    published, places = numbers(rng), permutations(rng)
    came = published + 0.2 * numbers(rng)
    gone = np.zeros(GRID, bool)
    gone[:, :10] = True  # places, not homes
    read = np.where(gone, 0.05 * numbers(rng)[:6], 1.0).astype(np.float32)
    code = hidden(came, places)
    for k, at in enumerate(places):
        lost = np.zeros(gone.size, bool)
        lost[at] = gone.ravel()
        rows = slice(k * (CHANNELS + 1), k * (CHANNELS + 1) + CHANNELS)
        code.codes[rows, lost.reshape(GRID)] = 0.1 * numbers(rng)[:CHANNELS][:, lost.reshape(GRID)]
    found = weigh(code, published, read, canvas())
    assert found.windowed(3).max() < 0
    blind = weigh(code, published, ALL_READ, canvas())
    assert blind.windowed(3).max() > 5, "without sorting the places it looks like a change"


def test_lost_code_and_blocks_that_are_not_there_are_no_evidence(rng):
    published = numbers(rng)
    kept = np.ones(GRID, bool)
    kept[3:6] = False
    shown = np.ones((GRID[0] * BLOCK, GRID[1] * BLOCK), bool)
    shown[:, : 9 * BLOCK] = False
    code = hidden(published + 0.2 * numbers(rng), permutations(rng), kept)
    found = weigh(code, edited(published, rng), ALL_READ, canvas(shown))
    assert not found.known[3:6].any()
    assert not found.known[:, :10].any(), "nor the rim of the cut"
    assert (found.evidence[~found.known] == 0).all()
    assert np.isneginf(found.windowed(3)[:, :10]).all()
    assert found.windowed(3)[11, 17] > 0


def test_nothing_at_all_is_known_where_all_code_is_lost(rng):
    code = hidden(numbers(rng), permutations(rng), np.zeros(GRID, bool))
    found = weigh(code, numbers(rng), ALL_READ, canvas())
    assert not found.known.any()
    assert found.strongest() == [-np.inf] * len(WINDOWS)
    assert np.isneginf(outline_field(found)[0]).all()


def test_a_window_is_all_that_is_known_in_it():
    evidence = np.zeros((5, 6), np.float32)
    evidence[2, 2] = 9
    known = np.ones((5, 6), bool)
    found = content_of(evidence, known)
    assert found.windowed(3)[2, 2] == found.means(3)[2, 2] == pytest.approx(1)
    assert found.windowed(3)[1, 3] == pytest.approx(1)
    known[1] = False
    assert found.windowed(3)[2, 2] == pytest.approx(1), "less is known: no louder"
    assert found.means(3)[2, 2] == pytest.approx(9 / 6)
    known[3, 1:] = False
    for field in (found.windowed(3), found.means(3)):
        assert np.isneginf(field[2, 2]), "four of nine blocks are too few"


def test_at_the_edge_of_the_picture_fewer_blocks_prove_less():
    everywhere = content_of(np.full((8, 9), 6, np.float32))
    assert everywhere.windowed(3)[4, 4] == pytest.approx(6)
    assert everywhere.windowed(3)[0, 4] == pytest.approx(6 * 6 / 9)
    assert everywhere.windowed(3)[0, 0] == pytest.approx(6 * 4 / 9)
    assert everywhere.means(3)[0, 0] == pytest.approx(6)
    totals, counts = windowed(everywhere.evidence, everywhere.known, 5)
    assert (totals[0, 0], counts[0, 0]) == (pytest.approx(6 * 9), 9)


def test_one_block_alone_is_not_heard_above_those_around_it():
    evidence = np.full((7, 9), -4, np.float32)
    evidence[3, 4] = 60
    assert content_of(evidence).strongest()[0] == pytest.approx((60 - 8 * 4) / 9)


def content_of(evidence, known=None):
    nothing = np.zeros((24, *evidence.shape), np.float32)
    return Content(
        evidence=evidence,
        numbers=nothing,
        known=np.ones(evidence.shape, bool) if known is None else known,
        agreeing=np.ones(evidence.shape, np.float32),
        seen=nothing,
    )


def test_the_template_is_there_where_enough_of_the_signs_around_agree():
    content = content_of(np.zeros((9, 20), np.float32))
    content.agreeing[:, 10:] = 0.5
    there = content.protected(0.75)  # at the edge, of five columns, two or three still agree wholly
    assert there[:, :10].all()
    assert not there[:, 10:].any()


def test_a_place_is_as_reliable_as_its_signs_and_those_around():
    read = np.ones((6, 5, 5), np.float32)
    read[:, 2, 2] = -8  # clipped: no sign counts for more than two
    found = place_reliability(read)
    assert found[2, 2] == pytest.approx((-2 + (8 - 2) / 9) / 2)
    assert found[0, 0] == pytest.approx(1)
    assert found[1, 1] == pytest.approx((1 + (8 - 2) / 9) / 2)


@pytest.mark.parametrize(("noise", "least"), [(0.2, 0.95), (2.0, 0.3)])
def test_a_picture_is_like_its_own_code_and_like_no_other(rng, noise, least):
    published = numbers(rng)
    code = hidden(published + noise * numbers(rng), permutations(rng))
    nowhere = np.zeros(GRID, bool)
    own = likeness(code, weigh(code, published, ALL_READ, canvas()), nowhere)
    assert own.detail > least
    assert own.evidence < -1
    other = likeness(code, weigh(code, numbers(rng), ALL_READ, canvas()), nowhere)
    assert abs(other.detail) < 0.03
    assert abs(other.evidence) < 0.2


def test_a_part_says_as_much_as_the_whole_though_much_of_its_code_is_gone(rng):
    published = numbers(rng)
    nowhere = np.zeros(GRID, bool)

    def said(kept):
        code = hidden(published + 0.5 * numbers(rng), permutations(rng), kept)
        return likeness(code, weigh(code, published, ALL_READ, canvas()), nowhere).evidence

    whole = said(None)
    assert said(rng.random(GRID) < 0.5) == pytest.approx(whole, rel=0.1)


def test_skies_alike_are_no_likeness_and_what_changed_is_left_out(rng):
    slope = np.linspace(-2, 2, GRID[1], dtype=np.float32)
    one, other = (0.3 * numbers(rng) + slope for _ in range(2))
    code = hidden(one, permutations(rng))
    found = likeness(code, weigh(code, other, ALL_READ, canvas()), np.zeros(GRID, bool))
    assert abs(found.detail) < 0.1
    assert found.plain > 0.8
    half = np.zeros(GRID, bool)
    half[:12] = True
    seen = np.where(half, other, one)
    rest = likeness(code, weigh(code, seen, ALL_READ, canvas()), half)
    assert rest.detail > 0.99
    assert rest.evidence < -10
    nothing = Likeness(evidence=None, detail=None, plain=None)
    assert likeness(code, weigh(code, seen, ALL_READ, canvas()), np.ones(GRID, bool)) == nothing


@pytest.mark.parametrize(
    ("evidence", "detail", "plain", "check"),
    [
        (-2.0, 0.0, 0.2, "agrees"),
        (-0.1, 0.0, ALIKE_ANYWAY, "agrees"),  # two plain pictures alike
        (-0.1, ALIKE_IN_DETAIL, 0.1, "agrees"),  # much of it was replaced
        (-0.5, 0.09, 0.1, "agrees"),  # a little of both
        (-0.1, 0.09, 0.1, "disagrees"),
        (-0.1, 0.0, 0.1, "disagrees"),
        (0.5, -0.1, -0.2, "disagrees"),
        (None, None, None, "not checked"),
    ],
)
def test_two_pictures_disagree_only_where_all_numbers_say_so(evidence, detail, plain, check):
    assert Likeness(evidence=evidence, detail=detail, plain=plain).check(-1.0) == check
