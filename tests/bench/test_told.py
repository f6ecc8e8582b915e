"""Oracle: who is told the message sees a whole copy exactly as the product does without."""

import numpy as np
import pytest

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.told import examine_told, mask_on_frame
from imuge.protection.receive import receive
from imuge.protection.verify import examine


@pytest.mark.parametrize("chain", ["none", "jpeg:80", "resize:0.9,jpeg:80"])
def test_told_sees_what_the_product_sees(guard, key, photograph, chain):
    published = ReleaseContestant(guard.engine, key, shipped=True).immunize(photograph, seed=4)
    received = resave(published.pixels, parse_chain(chain))
    told = examine_told(guard.engine, received, key, published.secret)
    found = receive(guard.engine, received, [key])
    assert found is not None
    assert found.reading.message == published.secret
    evidence = examine(guard.engine, found)
    assert evidence is not None
    np.testing.assert_allclose(told.canvas.image, evidence.canvas.image, atol=1e-6)
    np.testing.assert_allclose(told.located.probability, evidence.located.probability, atol=1e-5)
    assert told.located.clarity == evidence.located.clarity


@pytest.mark.slow
def test_a_mask_lies_on_the_frame_where_it_lies_in_the_copy(guard, key, photograph):
    published = ReleaseContestant(guard.engine, key, shipped=True).immunize(photograph, seed=4)
    told = examine_told(guard.engine, published.pixels, key, published.secret)
    height, width = photograph.shape[:2]
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 2 :] = True
    size = told.canvas.height, told.canvas.width
    on_frame = mask_on_frame(mask, told.placement_of(width, height), size)
    expected = np.zeros(size, bool)
    expected[size[0] // 4 : size[0] // 2, size[1] // 2 :] = True
    assert (on_frame & expected).sum() / (on_frame | expected).sum() > 0.97
