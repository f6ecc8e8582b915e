"""Whole tool: what the code says about what is seen decides where the template cannot."""

import numpy as np
import pytest

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.framing import framed
from imuge.bench.trust.reembedded import embed_again
from imuge.guard import Guard
from imuge.keys import verify_only

PLACE = (slice(100, 172), slice(120, 192))  # whose template survives being embedded again
FACE = (slice(64, 176), slice(96, 208))


def square(place):
    made = np.zeros((256, 256), bool)
    made[place] = True
    return made


@pytest.fixture(scope="module")
def mask():
    return square(PLACE)


@pytest.fixture(scope="module")
def forged(immunized, other_photograph, mask):
    return np.where(mask[..., None], other_photograph, immunized.image)


@pytest.fixture(scope="module")
def embedded_again(guard, immunized, forged, mask):
    """The edit, with what the published picture carries embedded over it: no key is needed."""
    return embed_again(guard.engine, immunized.image, forged, mask)


@pytest.fixture(scope="module")
def face():
    return square(FACE)


@pytest.fixture(scope="module")
def blurred(immunized, face):
    """A place that was softened until the template is gone and the content is not."""
    return framed(immunized.image, face, "blur")


def test_protection_embedded_again_over_an_edit_is_found(guard, embedded_again, mask):
    verdict = guard.verify(embedded_again, recover=False)
    assert (verdict.verdict, verdict.exit_status) == ("tampered", 10)
    (region,) = verdict.regions
    assert (region.kind, region.content) == ("protected again", "differs")
    assert region.template_agreement > 0.65, "chance leaves one half"
    assert region.content_agreement < 0.25
    assert "embedded again" in verdict.sentence
    # Outlines by content are those of blocks, which a frame of 192 has few of.
    assert 2 * (verdict.mask & mask).sum() / (verdict.mask.sum() + mask.sum()) > 0.8
    (record,) = verdict.to_dict()["regions"]
    assert record["kind"] == "protected again"
    assert record["content"] == "differs"


def test_a_verify_only_key_cannot_tell(key, guard, embedded_again, forged, mask):
    reader = Guard(verify_only(key), engine=guard.engine)
    unheard = reader.verify(embedded_again, recover=False)  # it reads worse there, and no more
    told = {(region.kind, region.content) for region in unheard.regions}
    assert told <= {("changed", "not checked")}
    assert (unheard.mask & ~mask).mean() < 0.005
    verdict = reader.verify(forged, recover=False)
    assert verdict.verdict == "tampered"
    assert {region.content for region in verdict.regions} == {"not checked"}
    assert any("verify-only" in warning for warning in verdict.warnings)


def test_a_face_that_was_blurred_is_no_tampering(guard, blurred, face):
    verdict = guard.verify(blurred)
    assert (verdict.verdict, verdict.exit_status, verdict.tampered_area) == ("intact", 0, 0)
    assert {region.kind for region in verdict.regions} == {"protection lost"}
    assert {region.content for region in verdict.regions} == {"agrees"}
    assert "protection is lost" in verdict.sentence
    assert not verdict.mask.any()
    assert (verdict.lost_mask & face).sum() > 0.8 * face.sum()
    assert verdict.recovered is None


def test_an_ordinary_edit_is_what_both_witnesses_say(guard, forged, mask):
    verdict = guard.verify(forged, recover=False)
    assert verdict.verdict == "tampered"
    assert {(region.kind, region.content) for region in verdict.regions} == {("changed", "differs")}
    assert 2 * (verdict.mask & mask).sum() / (verdict.mask.sum() + mask.sum()) > 0.95


def test_an_untouched_copy_after_webp_70_shows_no_region(guard, published):
    copy = resave(published, parse_chain("webp:70"))
    verdict = guard.verify(copy, recover=False)
    assert (verdict.verdict, verdict.regions) == ("intact", ())


@pytest.mark.slow
def test_a_crop_is_judged_by_what_of_it_is_left(guard, published, large_photograph):
    mask = np.zeros((512, 512), bool)
    mask[150:270, 200:330] = True
    edit = np.where(mask[..., None], large_photograph[::-1, ::-1], published)
    again = embed_again(guard.engine, published, edit, mask)
    verdict = guard.verify(again[:, 72:], recover=False)
    assert verdict.verdict == "tampered"
    assert verdict.geometry.share < 0.9
    (region,) = verdict.regions
    assert (region.counts, region.content) == (True, "differs")
    left, _, _, bottom = region.box
    assert abs(left - 128) < 20
    assert abs(bottom - 270) < 20


@pytest.fixture(scope="module")
def moved(immunized, photograph, other_photograph):
    """What the published picture carries, in another one."""
    there = immunized.image.astype(int) - photograph + other_photograph
    return there.clip(0, 255).astype(np.uint8)


def test_moved_protection_is_foreign_by_content(guard, immunized, moved):
    verdict = guard.verify(moved, recover=False)
    assert (verdict.verdict, verdict.hidden_copy) == ("foreign", "disagrees")
    assert abs(verdict.hidden_copy_agreement) < 0.1
    own = guard.verify(immunized.image, recover=False)
    assert own.hidden_copy == "agrees"
    assert own.hidden_copy_agreement > 0.4


@pytest.fixture
def all_marked(monkeypatch, guard):
    """The localizer finds the whole picture changed."""
    localize = guard.engine.localize
    monkeypatch.setattr(guard.engine, "localize", lambda *given: 8 + 0 * localize(*given))


@pytest.mark.usefixtures("all_marked")
def test_where_all_is_marked_what_is_protected_still_tells_whose_it_is(guard, moved, forged):
    verdict = guard.verify(moved, recover=False)
    assert (verdict.verdict, verdict.hidden_copy) == ("foreign", "disagrees")
    own = guard.verify(forged, recover=False)
    assert (own.verdict, own.hidden_copy) == ("tampered", "agrees")
