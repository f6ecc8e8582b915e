"""Properties of signs and permutations that the vectors cannot show."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from test_key_vectors import fisher_yates

from imuge.keys import permutation, signs, tile_permutations
from imuge.keys.streams import BEACON_SIGNS, LAYOUT_SIGNS, _draws

KEY = bytes(range(32))


def swap_all(draws, size):
    places = list(range(size))
    for last, drawn in draws:
        for i, j in zip(range(last, -1, -1), drawn, strict=False):
            places[i], places[j] = places[j], places[i]
    return places


def serve(words):
    """Hand out a fixed list of words, then zeros."""
    left = list(words)

    def take(count):
        taken, left[:count] = left[:count], []
        return np.array(taken + [0] * (count - len(taken)), np.uint32)

    return take


def test_a_crop_keeps_its_signs():
    whole = signs(KEY, LAYOUT_SIGNS, [2, 5], 40, 70)
    np.testing.assert_array_equal(signs(KEY, LAYOUT_SIGNS, [2, 5], 13, 21), whole[:, :13, :21])
    window = signs(KEY, LAYOUT_SIGNS, [5], 20, 30, offset=(17, 35))
    np.testing.assert_array_equal(window[0], whole[1, 17:37, 35:65])


def test_a_crop_keeps_its_tiles():
    whole = tile_permutations(KEY, 1, 5, 6)
    np.testing.assert_array_equal(tile_permutations(KEY, 1, 2, 3), whole[:2, :3])
    assert len(np.unique(whole.reshape(30, 96), axis=0)) == 30
    assert (np.sort(whole, axis=-1) == np.arange(96)).all()


def test_purposes_channels_and_keys_have_unlike_signs():
    drawn = [
        signs(KEY, BEACON_SIGNS, [0], 64, 64),
        signs(KEY, BEACON_SIGNS, [1], 64, 64),
        signs(KEY, LAYOUT_SIGNS, [0], 64, 64),
        signs(KEY[::-1], BEACON_SIGNS, [0], 64, 64),
    ]
    flat = np.array([d.ravel() for d in drawn], float)
    correlation = flat @ flat.T / 4096 - np.eye(4)
    assert np.abs(correlation).max() < 5 / 64
    assert np.abs(flat.mean(axis=1)).max() < 5 / 64


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_empty_grids(shape):
    assert signs(KEY, BEACON_SIGNS, [0, 1], *shape).shape == (2, *shape)
    assert tile_permutations(KEY, 0, *shape).shape == (*shape, 96)


def test_negative_sizes_are_refused():
    with pytest.raises(ValueError, match="-1"):
        signs(KEY, BEACON_SIGNS, [0], -1, 4)
    with pytest.raises(ValueError, match="-8"):
        signs(KEY, BEACON_SIGNS, [0], 4, 4, offset=(0, -8))
    with pytest.raises(ValueError, match="places"):
        permutation(KEY, 0, 1 << 32)


@pytest.mark.parametrize("size", [1000, 65_537, 200_000])
def test_a_permutation_holds_every_block_once(size):
    drawn = permutation(KEY, 0, size)
    assert drawn.dtype == np.int64
    assert (np.sort(drawn) == np.arange(size)).all()
    assert (drawn == np.arange(size)).sum() < 12


def test_small_permutations_are_fair():
    drawn = Counter(tuple(permutation(n.to_bytes(32, "big"), 0, 4).tolist()) for n in range(4800))
    assert len(drawn) == math.factorial(4)
    squares = sum((count - 200) ** 2 / 200 for count in drawn.values())
    assert squares < 60  # chi-squared, 23 degrees of freedom: passed by chance once in 30,000


@pytest.mark.parametrize(
    "words",
    [
        [0xFFFFFFFF] * 5 + [3, 1, 4, 1, 5],
        [7, 0xFFFFFFFF, 0xFFFFFFFF, 9, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC, 2, 6, 5, 3, 5, 8],
        [2**32 // 7 * 7, 2**32 // 7 * 7 - 1, 11, 12, 2**32 - 1, 13, 14],
        [5, 4, 3, 2, 1, 0xFFFFFFFF],
    ],
)
def test_rejected_words_are_skipped_like_in_the_plain_loop(words):
    expected = fisher_yates(iter(words + [0] * 20), 7)
    assert swap_all(_draws(serve(words), 7), 7) == expected


def test_rejections_of_a_long_permutation(monkeypatch):
    generator = np.random.default_rng(1)
    # Half of the words lie where every choice but a power of two rejects.
    words = generator.integers(0, 1 << 32, 4000, dtype=np.uint32)
    words[generator.random(4000) < 0.5] = 0xFFFFFFFF
    monkeypatch.setattr("imuge.keys.streams._BATCH", 64)
    expected = fisher_yates(iter(words.tolist() + [0] * 1000), 900)
    draws = list(_draws(serve(words.tolist()), 900))
    assert swap_all(draws, 900) == expected
    assert all(later[0] < earlier[0] or not earlier[1] for earlier, later in pairwise(draws))
