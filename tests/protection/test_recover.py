"""Contract: a reconstruction replaces the mask, and nothing else."""

import numpy as np
import pytest

from imuge.bench.scores import psnr_db
from imuge.engine.canvas import to_canvas
from imuge.protection.locate import locate
from imuge.protection.receive import receive
from imuge.protection.recover import RECOVERY_MARGIN, SEAM, paste, recover, widen

BOX = (slice(64, 168), slice(96, 200))


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


@pytest.fixture(scope="module")
def blotted(guard, key, immunized):
    """A copy with a grey box, read; the box in the copy and on its frame; and its code."""
    copy = immunized.image.copy()
    copy[BOX] = 128
    received = receive(guard.engine, copy, [key])
    message = received.reading.message
    code = locate(guard.engine, received.canvas, received.revealed, key, message).code
    mask = np.zeros((received.canvas.height, received.canvas.width), bool)
    mask[tuple(slice(part.start * 3 // 4, part.stop * 3 // 4) for part in BOX)] = True
    return copy, received, mask, code


@pytest.mark.parametrize("margin", [0, RECOVERY_MARGIN])
def test_only_the_mask_and_its_seam_are_replaced(guard, blotted, margin):
    copy, received, mask, code = blotted
    given = guard.engine, received.canvas
    found = recover(*given, mask, code, copy, received.placement, margin=margin)
    assert found.shape == copy.shape
    changed = (found != copy).any(2)
    assert changed[BOX].mean() > 0.95
    seam = int(np.ceil(SEAM[1] / received.placement.scale)) + 2
    changed[tuple(slice(part.start - seam, part.stop + seam) for part in BOX)] = False
    assert not changed.any()
    nothing = np.zeros_like(mask)
    np.testing.assert_array_equal(recover(*given, nothing, code, copy, received.placement), copy)


def test_no_pixel_of_a_forgery_remains_under_the_mask(guard, blotted):
    copy, received, mask, code = blotted
    holed = mask.copy()
    holed[80:84, 100:104] = False  # a hole in the mask is filled
    pasted = paste(copy, np.full((*mask.shape, 3), 255, np.float32), mask, received.placement)
    assert (pasted[BOX] == 255).all()
    given = copy, received.placement
    whole, filled = (
        recover(guard.engine, received.canvas, one, code, *given) for one in (mask, holed)
    )
    np.testing.assert_array_equal(filled, whole)


def test_what_was_there_comes_back(guard, blotted, photograph):
    copy, received, mask, code = blotted
    found = recover(guard.engine, received.canvas, mask, code, copy, received.placement)
    truth = np.zeros(copy.shape[:2], bool)
    truth[BOX] = True
    assert psnr_db(photograph, found, truth) > psnr_db(photograph, copy, truth) + 5
