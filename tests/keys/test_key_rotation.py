"""Property and oracle: the rotation of the code, against the protocol's page in plain Python."""

import math

import numpy as np
import pytest

from imuge.keys import Key, signs
from imuge.keys.rotation import SIGN_ROUNDS, mix, mixing_matrix, rotate, rotate_back
from imuge.keys.streams import CODE_SIGNS
from imuge.protection.code import code_keying
from imuge.weights import Options

KEY = Key.from_secret("rotation", bytes(range(32)))
GRID = (5, 7)
RNG = np.random.default_rng(0)


def drawn_signs(rounds, grid, channels=24):
    return RNG.choice(np.array([-1, 1], np.int8), (rounds * channels, *grid))


@pytest.mark.parametrize("size", [1, 2, 7, 12, 16])
def test_the_mixing_matrix_is_its_own_inverse(size):
    matrix = mixing_matrix(size)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_allclose(matrix @ matrix, np.eye(size), rtol=0, atol=1e-6)


def test_all_numbers_of_a_block_take_part_in_mixing():
    assert np.abs(mixing_matrix(12)).min() > 0.1


def test_what_is_turned_can_be_turned_back_and_keeps_its_norm():
    code = RNG.normal(size=(24, *GRID)).clip(-2.5, 2.5).astype(np.float32)
    turns = drawn_signs(SIGN_ROUNDS, GRID)
    turned = rotate(code, turns, 2)
    assert turned.dtype == np.float32
    np.testing.assert_allclose(rotate_back(turned, turns, 2), code, rtol=0, atol=1e-5)
    norms = [np.linalg.norm(part.reshape(2, 12, *GRID), axis=1) for part in (code, turned)]
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-5)


def test_the_rotation_is_that_of_the_page():
    """A round makes of number i the sum over j of (cos + sin)(2π ij / 12) / √12 · sign · number."""
    code = RNG.normal(size=(24, *GRID)).astype(np.float32)
    _, drawn = code_keying(Options(keyed_signs=True), KEY, 3, GRID, 24)
    recover = KEY.image_key("recover", 3)
    row, column = 4, 6
    expected = [float(number) for number in code[:, row, column]]
    for turn in range(6):
        channels = range(24 * turn, 24 * turn + 24)
        sign = signs(recover, CODE_SIGNS, channels, *GRID)[:, row, column].tolist()
        signed = [a * b for a, b in zip(expected, sign, strict=True)]
        expected = []
        for part in (signed[:12], signed[12:]):
            for i in range(12):
                angles = [2 * math.pi * i * j / 12 for j in range(12)]
                terms = [
                    (math.cos(angle) + math.sin(angle)) * number / math.sqrt(12)
                    for angle, number in zip(angles, part, strict=True)
                ]
                expected.append(sum(terms))
    turned = rotate(code, drawn, 2)[:, row, column]
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", ["one number alone", "all numbers equal"])
def test_a_turned_block_points_anywhere(block):
    """As on a sphere: Σ y⁴ is 3 · norm⁴ / (c + 2) on average; one or two rounds do not reach it."""
    grid = (200, 200)
    code = np.zeros((12, *grid), np.float32)
    code[slice(0, 1) if block == "one number alone" else slice(None)] = 1
    norm = float(np.square(code[:, 0, 0]).sum())

    def roundness(rounds):
        # The last mixing is public: it is looked at with and without it.
        turned = rotate(code, drawn_signs(rounds, grid, 12), 1)
        sums = [float(((one**4).sum(0)).mean()) for one in (turned, mix(turned, 1))]
        return np.array(sums) * 14 / (3 * norm**2)

    np.testing.assert_allclose(roundness(SIGN_ROUNDS), 1, atol=0.03)
    assert np.abs(roundness(1) - 1).max() > 0.1
