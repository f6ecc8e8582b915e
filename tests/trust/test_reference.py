"""The reference grid: honest copies agree, edits differ where they are, parts can be compared."""

from dataclasses import replace

import numpy as np
import pytest
from trust_samples import decoded, encoded

from imuge.protection.verify import on_frame
from imuge.trust.reference import (
    compare_reference,
    regions_differing,
)

NOTHING = np.zeros((256, 256), bool)


@pytest.fixture
def compare(draft, lasting, guard):
    assert draft.picture.evidence is not None

    def against(copy):
        found = on_frame(guard.verify(copy, recover=False))
        return compare_reference(lasting.evidence(0).grid, found), found

    return against


@pytest.mark.slow
def test_what_was_published_agrees(compare, draft):
    reference, _ = compare(draft.file)
    assert reference.maximum < 1
    assert reference.agrees
    assert not reference.is_another
    assert not reference.cells.any()


def test_a_saved_copy_agrees(compare, draft):
    reference, _ = compare(encoded(decoded(draft.file), "JPEG", quality=75))
    assert reference.agrees


@pytest.mark.slow
def test_an_edit_differs_where_it_is(compare, draft):
    forged = decoded(draft.file)
    forged[64:112, 96:160] = 255 - forged[64:112, 96:160]
    reference, frame = compare(encoded(forged))
    assert not reference.agrees
    mask, regions = regions_differing(reference, frame, NOTHING)
    left, top, right, bottom = regions[0].box
    assert 80 <= left <= 104
    assert 152 <= right <= 176
    assert 48 <= top <= 72
    assert 104 <= bottom <= 128
    assert (regions[0].found_by, regions[0].mean_probability) == ("reference", None)
    assert mask.sum() == sum(region.area_pixels for region in regions)


@pytest.mark.slow
def test_what_the_mark_shows_already_is_not_shown_twice(compare, draft):
    forged = decoded(draft.file)
    forged[64:112, 96:160] = 255 - forged[64:112, 96:160]
    reference, frame = compare(encoded(forged))
    known = NOTHING.copy()
    known[64:112, 96:160] = True
    mask, regions = regions_differing(reference, frame, known)
    assert regions == ()
    assert not mask.any()


@pytest.mark.slow
def test_a_part_is_compared_as_far_as_it_goes(compare, draft, lasting):
    _, frame = compare(draft.file)
    shown = frame.shown.copy()
    shown[:, 50:] = False
    pixels = np.where(shown[..., None], frame.pixels, np.uint8(0))
    part = compare_reference(lasting.evidence(0).grid, replace(frame, pixels=pixels, shown=shown))
    assert part.agrees
    assert 0.7 * 4096 * 50 / 192 < part.comparison.cells < 4096 * 50 / 192
    shown[:, 8:] = False
    tiny = replace(frame, pixels=pixels, shown=shown)
    assert compare_reference(lasting.evidence(0).grid, tiny) is None
