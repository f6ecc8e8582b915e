"""Property: the attacks find what signs leave in the open, and nothing of what rotations hide."""

import json

import numpy as np
import pytest

from imuge.bench import secrecy
from imuge.keys import Key, code_permutations, code_signs
from imuge.keys.rotation import SIGN_ROUNDS
from imuge.protection.code import scatter_code

GRID = (32, 32)
PHOTOGRAPHS = "tests/data"
SMALL = 0.02


@pytest.fixture(scope="module")
def found():
    """The best attack on every way of hiding: 1024 blocks, revealed as well as on a PNG."""
    rng = np.random.default_rng(0)
    key = Key.from_secret("secrecy", bytes(range(32)))
    code = rng.normal(size=(24, *GRID)).clip(-2.5, 2.5).astype(np.float32)
    error = rng.normal(scale=0.1, size=code.shape).astype(np.float32)
    signs = code_signs(key, 5, *GRID, SIGN_ROUNDS * 24)
    shares = {}
    for way, form in secrecy.ways(code, signs).items():
        parts = 24 if way == secrecy.APART else 2
        permutations = code_permutations(key, 5, *GRID, parts=parts)
        revealed = scatter_code(form, permutations) + error
        sample = next(secrecy.samples(code, revealed, permutations))
        shares[way] = sample.shares(trials=way in secrecy.TRIABLE)
    return shares


@pytest.mark.slow
def test_every_attack_works_on_what_it_is_for(found):
    assert found["plain"]["numbers"] > 0.9
    assert found["signed"]["magnitudes"] > 0.9
    assert found["signed, mixed"]["magnitudes, un-mixed"] > 0.9
    assert found["two rounds"]["every sign"] > 0.5


@pytest.mark.slow
def test_signs_hide_the_numbers_but_not_the_magnitudes(found):
    assert found["signed"]["numbers"] < 0.1  # a few keep nearly all their signs
    assert found["signed, mixed"]["magnitudes"] < SMALL


@pytest.mark.slow
def test_the_keyed_rotation_withstands_every_attack(found):
    assert found["keyed_signs"].keys() == {*found["plain"], "every sign"}
    assert max(found["keyed_signs"].values()) < SMALL


@pytest.mark.slow
def test_one_number_does_not_tell_where_it_belongs(found):
    # Of 1024 numbers some are the nearest by chance, however little error there is.
    assert max(found[secrecy.APART].values()) < 2 * SMALL


@pytest.mark.slow
def test_secrecy_measures_every_way(tmp_path, capsys, request):
    data = request.config.rootpath / PHOTOGRAPHS
    secrecy.main(["--data", str(data), "--out", str(tmp_path), "--pictures", "1"])
    result = json.loads((tmp_path / "secrecy.json").read_text())
    assert result["best"]["revealed"]["plain"]["none"]["share"] > 2 * SMALL
    assert result["best"]["clear"]["signed"]["none"]["share"] > 0.1
    assert result["best"]["clear"]["keyed_signs"]["none"]["share"] < SMALL
    assert (tmp_path / "secrecy.md").read_text() in capsys.readouterr().out
