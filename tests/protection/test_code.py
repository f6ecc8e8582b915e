"""The hidden code's way out and home, by hand."""

import numpy as np
import pytest

from imuge.errors import KeyFileError
from imuge.keys import verify_only
from imuge.protection.code import (
    HiddenCode,
    code_keying,
    erased_blocks,
    find_code,
    gather_code,
    scatter_code,
)
from imuge.weights import Options


@pytest.fixture
def permutations():
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(15), rng.permutation(15)])


@pytest.fixture
def code():
    """Two descriptions of two numbers, in 3 by 5 blocks."""
    return np.random.default_rng(1).uniform(-2, 2, (4, 3, 5)).astype(np.float32)


@pytest.fixture
def mask():
    """One tampered pixel, of block (1, 2), which is number 7."""
    mask = np.zeros((24, 40), bool)
    mask[8, 16] = True
    return mask


def check_lost(gathered, code, permutations):
    """What lay in block 7 is lost, all else is at home."""
    assert gathered.shape == (6, 3, 5)
    for k in range(2):
        home, flag = gathered[3 * k : 3 * k + 2], gathered[3 * k + 2]
        lost = np.zeros((3, 5), bool)
        lost.flat[permutations[k][7]] = True
        assert np.array_equal(flag == 0, lost)
        assert np.array_equal(home[:, ~lost], code[2 * k : 2 * k + 2][:, ~lost])
        assert not home[:, lost].any()


def test_code_is_brought_home_and_lost_blocks_are_flagged(code, permutations, mask):
    scattered = np.concatenate(
        [
            code[2 * k : 2 * k + 2].reshape(2, -1)[:, permutations[k]].reshape(2, 3, 5)
            for k in range(2)
        ]
    )
    assert np.array_equal(scatter_code(code, permutations), scattered)
    check_lost(gather_code(scattered, erased_blocks(mask), permutations), code, permutations)


def test_blocks_may_be_erased_afterwards(code, permutations, mask):
    whole = gather_code(scatter_code(code, permutations), np.zeros((1, 3, 5)), permutations)
    check_lost(HiddenCode(whole, permutations).without(erased_blocks(mask)), code, permutations)


@pytest.mark.parametrize("keyed_signs", [True, False])
def test_a_full_key_finds_what_it_scattered(key, keyed_signs):
    options = Options(keyed_signs=keyed_signs)
    code = np.random.default_rng(2).uniform(-2, 2, (24, 4, 6)).astype(np.float32)
    hidden = scatter_code(code, *code_keying(options, key, 7, (4, 6), 24))
    found = find_code(options, key, 7, hidden, np.ones((4, 6), bool))
    assert (found.codes[12] == 1).all()
    assert (found.codes[25] == 1).all()
    home = np.concatenate([found.codes[:12], found.codes[13:25]])
    np.testing.assert_allclose(home, code, rtol=0, atol=1e-5)
    with pytest.raises(KeyFileError, match="verify-only"):
        find_code(options, verify_only(key), 7, hidden, np.ones((4, 6), bool))
