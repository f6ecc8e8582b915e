"""What was cut away is shown to who holds the full key, and only what its code tells of it."""

import numpy as np
import pytest

from imuge.guard import Guard
from imuge.keys import verify_only
from imuge.protection.code import HiddenCode
from imuge.protection.tone import AS_PUBLISHED
from imuge.protection.uncrop import GROUND, LINE, uncrop

CUT = (slice(60, 430), slice(40, 470))


@pytest.fixture(scope="module")
def part(guard, published):
    """A verdict on three fifths of the portrait, and what surrounds it."""
    return guard.verify(published[CUT], recover=False, uncrop=True)


def test_the_copy_lies_in_its_place_and_around_it_is_nearly_what_was_there(part, published):
    assert part.uncropped.shape == (384, 384, 3)
    small = np.asarray(published, float).reshape(512, 512, 3)[::4, ::4]
    made = part.uncropped[::3, ::3].astype(float)  # both a quarter of the portrait, roughly
    inside = np.zeros((128, 128), bool)
    inside[20:100, 15:110] = True
    errors = np.abs(small - made).mean(2)
    assert errors[inside].mean() < 12
    around = errors[~inside & (np.indices((128, 128))[0] > 2)]
    plain = np.abs(small - small[inside].mean(0)).mean(2)[~inside].mean()
    assert around.mean() < 0.6 * plain, "better than one colour"


@pytest.mark.slow
def test_nothing_is_shown_of_a_whole_copy_nor_to_a_verify_only_key(guard, key, published):
    assert guard.verify(published, recover=False, uncrop=True).uncropped is None
    reader = Guard(verify_only(key), engine=guard.engine)
    assert reader.verify(published[CUT], uncrop=True).uncropped is None


@pytest.mark.slow
def test_it_can_be_asked_for_later_and_is_no_part_of_the_record(guard, published, part):
    later = guard.uncrop(guard.verify(published[CUT], recover=False))
    np.testing.assert_array_equal(later.uncropped, part.uncropped)
    assert guard.uncrop(later) is later
    assert "uncropped" not in later.to_dict()


def test_what_no_code_tells_of_is_hatched(guard, part):
    canvas, code = part.evidence.canvas, part.evidence.located.code
    empty = HiddenCode(np.zeros_like(code.codes), code.permutations)
    nothing = np.zeros(canvas.shown.shape, bool)
    made = uncrop(guard.engine, canvas, nothing, empty, AS_PUBLISHED)
    assert set(np.unique(made[~canvas.shown])) == {LINE, GROUND}
    assert np.isin(part.uncropped[~canvas.shown], (LINE, GROUND)).all(1).mean() < 0.1
