"""Contract: a reconstruction replaces the mask, and nothing else."""

import numpy as np
import pytest

from imuge.bench.scores import psnr_db
from imuge.engine.canvas import to_canvas
from imuge.protection.locate import locate
from imuge.protection.receive import receive
from imuge.protection.recover import RECOVERY_MARGIN, SEAM, TRUST_MARGIN, paste, recover, widen
from imuge.protection.tone import AS_PUBLISHED

BOX = (slice(64, 168), slice(96, 200))


def test_the_recoverers_mask_is_wider_and_covers_what_lies_outside():
    canvas = to_canvas(np.zeros((40, 50, 3), np.uint8))
    mask = np.zeros((40, 50), bool)
    mask[10, 20] = True
    wide = widen(canvas, mask)
    assert wide.shape == (48, 64)
    assert wide[:40, :50].sum() == (2 * TRUST_MARGIN + 1) ** 2
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
    given, place = (guard.engine, received.canvas), received.placement
    found = recover(*given, mask, code, copy, place, AS_PUBLISHED, margin=margin)
    assert found.shape == copy.shape
    changed = (found != copy).any(2)
    assert changed[BOX].mean() > 0.95
    seam = int(np.ceil(SEAM[1] / place.scale)) + 2
    changed[tuple(slice(part.start - seam, part.stop + seam) for part in BOX)] = False
    assert not changed.any()
    nothing = np.zeros_like(mask)
    untouched = recover(*given, nothing, code, copy, place, AS_PUBLISHED)
    np.testing.assert_array_equal(untouched, copy)


def test_nothing_that_the_recoverer_saw_is_shown_as_reconstruction():
    assert SEAM[0] < SEAM[1] <= RECOVERY_MARGIN


def test_no_pixel_of_a_forgery_remains_under_the_mask(guard, blotted):
    copy, received, mask, code = blotted
    holed = mask.copy()
    holed[80:84, 100:104] = False  # a hole in the mask is filled
    pasted = paste(copy, np.full((*mask.shape, 3), 255, np.float32), mask, received.placement)
    assert (pasted[BOX] == 255).all()
    given = copy, received.placement, AS_PUBLISHED
    whole, filled = (
        recover(guard.engine, received.canvas, one, code, *given) for one in (mask, holed)
    )
    np.testing.assert_array_equal(filled, whole)


def test_what_was_there_comes_back(guard, blotted, photograph):
    copy, received, mask, code = blotted
    given = mask, code, copy, received.placement, AS_PUBLISHED
    found = recover(guard.engine, received.canvas, *given)
    truth = np.zeros(copy.shape[:2], bool)
    truth[BOX] = True
    assert psnr_db(photograph, found, truth) > psnr_db(photograph, copy, truth) + 5


@pytest.mark.slow
def test_a_reconstruction_follows_the_tones_of_the_copy(guard, immunized):
    darker = np.array([0.7 * level + 20 for level in range(256)]).round().astype(np.uint8)
    clean = darker[immunized.image]
    copy = clean.copy()
    copy[BOX] = 128
    verdict = guard.verify(copy)
    found = verdict.evidence
    given = found.shown.mask, found.located.code, copy, found.placement
    plain = recover(guard.engine, found.canvas, *given, AS_PUBLISHED)
    truth = np.zeros(copy.shape[:2], bool)
    truth[BOX] = True
    assert psnr_db(clean, verdict.recovered, truth) > psnr_db(clean, plain, truth) + 1
