"""Contract: a reconstruction replaces the mask, and nothing else."""

import numpy as np
import pytest

from imuge.bench.scores import psnr_db
from imuge.engine.canvas import to_canvas
from imuge.protection.locate import locate
from imuge.protection.recover import RECOVERY_MARGIN, recover, widen


def test_the_recoverers_mask_is_wider_and_covers_what_lies_outside():
    canvas = to_canvas(np.zeros((40, 50, 3), np.uint8))
    mask = np.zeros((40, 50), bool)
    mask[10, 20] = True
    wide = widen(canvas, mask)
    assert wide.shape == (48, 64)
    assert wide[:40, :50].sum() == (2 * RECOVERY_MARGIN + 1) ** 2
    assert wide[40:].all()
    assert wide[:, 50:].all()
    assert np.array_equal(widen(canvas, mask, 0)[:40, :50], mask)


@pytest.mark.parametrize("margin", [0, RECOVERY_MARGIN])
def test_only_the_mask_is_replaced(guard, key, immunized, margin):
    received = immunized.image[:250, :243].copy()
    mask = np.zeros(received.shape[:2], bool)
    mask[64:170, 96:200] = True
    received[mask] = 128
    canvas = to_canvas(received)
    revealed = guard.engine.reveal(canvas.image)
    # Cut, so that the permutation is not that of the whole picture: code comes home to no place.
    code = locate(guard.engine, canvas, revealed, key, int(immunized.image_id, 16)).code
    found = recover(guard.engine, canvas, mask, code, margin=margin)
    assert found.shape == received.shape
    np.testing.assert_array_equal(found[~mask], received[~mask])
    assert (found[mask] != received[mask]).any()
    nothing = np.zeros_like(mask)
    np.testing.assert_array_equal(recover(guard.engine, canvas, nothing, code), received)


def test_what_was_there_comes_back(guard, key, immunized, photograph):
    received = immunized.image.copy()
    mask = np.zeros((256, 256), bool)
    mask[64:170, 96:200] = True
    received[mask] = 128
    canvas = to_canvas(received)
    revealed = guard.engine.reveal(canvas.image)
    code = locate(guard.engine, canvas, revealed, key, int(immunized.image_id, 16)).code
    found = recover(guard.engine, canvas, mask, code)
    assert psnr_db(photograph, found, mask) > psnr_db(photograph, received, mask) + 5
