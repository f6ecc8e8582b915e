"""How far is looked for a copy, what is counted, and that only the beacon decides."""

import io

import numpy as np
import pytest
from PIL import Image

from imuge.errors import ProtectionError
from imuge.guard import Guard
from imuge.image import from_array
from imuge.keys import PRESENCE_THRESHOLD, Key, new_key, verify_only
from imuge.protection import places
from imuge.protection.embed import prepare, publish
from imuge.protection.frame import add_to_picture, published_frame
from imuge.protection.peaks import Maps, hits
from imuge.protection.pilot import pattern, spectrum
from imuge.protection.placement import Placement, apart, window_shown
from imuge.protection.places import MOST_PLACES, Place, places_by_waves
from imuge.protection.receive import receive


@pytest.fixture(scope="module")
def small(large_photograph):
    """A part of the portrait, (240, 320, 3): its frame is 256x192."""
    return large_photograph[40:280, 90:410].copy()


@pytest.fixture(scope="module")
def copy(guard, small):
    """It, immunized."""
    return guard.immunize(small).image


@pytest.fixture
def reveals(guard, monkeypatch):
    """The sizes of frames that were revealed, in order."""
    sizes = []
    real = guard.engine.reveal

    def counted(image):
        sizes.append(image.shape[1:])
        return real(image)

    monkeypatch.setattr(guard.engine, "reveal", counted)
    return sizes


def scaled(pixels, share):
    height, width = pixels.shape[:2]
    size = (round(width * share), round(height * share))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("share", [0.9, 1.0, 1.5, 3.1])
def test_a_whole_copy_of_any_scale_is_read_with_one_reveal(guard, key, copy, reveals, share):
    received = receive(guard.engine, scaled(copy, share), [key])
    assert received.piloted
    assert (received.canvas.height, received.canvas.width) == (192, 256)
    assert reveals == [(192, 256)]
    assert received.placement.scale == pytest.approx(0.8 / share, rel=0.01)


@pytest.mark.slow
def test_a_copy_without_its_waves_is_read_edge_to_edge(guard, key, small, monkeypatch):
    monkeypatch.setattr(
        "imuge.protection.embed.pilot", lambda _, deviation: np.zeros_like(deviation)
    )
    bare = guard.immunize(small).image
    received = receive(guard.engine, scaled(bare, 1.2), [key])
    assert received.reading.present
    assert not received.piloted
    verdict = guard.verify(bare)
    assert (verdict.verdict, verdict.geometry.placed_by) == ("intact", "edges")


@pytest.mark.slow
def test_every_reading_is_counted_as_a_hypothesis(guard, key, small, reveals):
    keys = [new_key("first"), new_key("second"), key]
    received = receive(guard.engine, small, keys)
    sides = sum(side <= 1.1 * 320 for side in (128, 192, 256, 384))
    assert received.alignments == MOST_PLACES + sides
    assert received.reading.hypotheses == 3 * received.alignments
    # Edge to edge every key reads what one reveal gave.
    places = len(reveals) - sides
    assert 0 <= places <= 3 * MOST_PLACES
    assert places + 3 * sides <= received.reading.hypotheses
    assert not received.reading.present


def test_p_values_are_corrected_for_keys_and_alignments(guard, key, copy):
    alone = receive(guard.engine, copy, [key])
    among = receive(guard.engine, copy, [new_key("first"), key])
    assert alone.reading.presence_p < PRESENCE_THRESHOLD
    assert among.reading.presence_p == pytest.approx(2 * alone.reading.presence_p)
    assert alone.reading.tag_p == pytest.approx(alone.alignments / 2**32)
    verdict = guard.verify(copy)
    assert verdict.corrected_for == {"keys": 1, "alignments": alone.alignments}
    assert verdict.presence_p == alone.reading.presence_p


def test_a_part_half_a_pixel_off_is_read_by_the_bits_that_are_likeliest(
    guard, key, published, monkeypatch
):
    left, top, width, height = 60, 40, 260, 220
    buffer = io.BytesIO()
    part = Image.fromarray(published[top : top + height, left : left + width])
    part.save(buffer, "JPEG", quality=75)
    share = 384 / 512
    true = Placement(
        matrix=share * np.eye(2),
        offset=share * np.array([left, top]),
        width=width,
        height=height,
    )
    near = true.moved(0.6, -0.4)
    start, size = window_shown(near)
    place = Place(keys=[key], placement=near, start=start, size=size, piloted=True)
    found = read_at(guard, place, np.asarray(Image.open(buffer)), monkeypatch)
    assert found.reading.image_id == 2
    assert apart(found.placement, true) < 0.45 < apart(near, true)
    # As evidence of a beacon only the first place counts, for it was not looked for with its help.
    monkeypatch.setattr("imuge.protection.receive._closer", lambda *given: given[-1])
    first = read_at(guard, place, np.asarray(Image.open(buffer)), monkeypatch)
    assert first.reading.image_id is None
    assert first.reading.presence_p == found.reading.presence_p < PRESENCE_THRESHOLD


def test_nobody_searches_further_where_a_whole_copy_is_found(key, published, monkeypatch):
    def further(*_, **__):
        raise AssertionError("a search over scales and turns")

    monkeypatch.setattr("imuge.protection.places._found", further)
    others = [Key.from_secret(f"other{number}", bytes([number] * 32)) for number in range(3)]
    first = next(places_by_waves(published, [*others, key], "quick"))
    assert first.whole
    assert first.keys == [key]
    with pytest.raises(AssertionError, match="scales and turns"):
        next(places_by_waves(published, others, "quick"))
    assert list(places_by_waves(published, others, "off")) == []


def test_what_was_read_as_whole_is_not_tried_again(key, published):
    places = list(places_by_waves(published, [key], "quick"))
    assert sum(place.whole for place in places) == 1


def read_at(guard, place, pixels, monkeypatch):
    monkeypatch.setattr("imuge.protection.receive.places_by_waves", lambda *_: iter([place]))
    monkeypatch.setattr("imuge.protection.receive.places_edge_to_edge", lambda *_: iter([]))
    return receive(guard.engine, pixels, place.keys)


def test_only_the_beacon_decides(guard, small, keyed):
    """Somebody who could make the waves has not made a protected picture of it."""
    frame = published_frame(320, 240)
    strong = np.repeat(3 * pattern(keyed, *frame.size)[..., None], 3, 2)
    waved = add_to_picture(small, strong, frame)
    assert hits(Maps(spectrum(waved)), keyed)[0].score > 8
    assert guard.verify(waved).verdict == "unprotected"


@pytest.fixture(scope="module")
def turned(copy):
    """By a quarter clockwise, and then mirrored."""
    return np.ascontiguousarray(np.rot90(copy, -1)[:, ::-1])


@pytest.mark.slow
def test_search_off_takes_copies_to_be_whole_and_upright(guard, published, copy, turned):
    assert guard.verify(scaled(copy, 1.3), search="off").verdict == "intact"
    assert guard.verify(turned, search="off").verdict == "unprotected"
    assert guard.verify(published[60:430, 40:470], search="off").verdict == "unprotected"


@pytest.mark.slow
def test_a_quick_search_finds_quarter_turns_mirroring_and_parts(guard, published, turned):
    verdict = guard.verify(turned)
    assert verdict.verdict == "intact"
    assert (verdict.geometry.turn, verdict.geometry.mirrored) == (90, True)
    assert verdict.geometry.share == 1
    assert "is mirrored and is turned by 90°" in verdict.sentence
    part = guard.verify(published[60:430, 40:470])
    assert part.verdict == "intact"
    assert part.geometry.share == pytest.approx(370 * 430 / 512**2, abs=0.01)
    np.testing.assert_allclose(part.geometry.outline[0], (40 / 512, 60 / 512), atol=0.003)
    assert "shows 61% of what was published" in part.sentence


@pytest.mark.parametrize("degrees", [12, pytest.param(-37, marks=pytest.mark.slow)])
def test_a_quick_search_finds_every_turn(guard, key, published, degrees):
    image = Image.fromarray(published)
    turned = image.rotate(-degrees, Image.Resampling.BICUBIC).crop((80, 80, 432, 432))
    received = receive(guard.engine, np.asarray(turned), [key])
    assert received.reading.message is not None
    assert received.placement.turn == pytest.approx(degrees, abs=0.2)


@pytest.mark.slow
def test_no_place_is_revealed_twice(guard, key, published, monkeypatch):
    real, seen = guard.engine.reveal, []

    def kept(image):
        seen.append(image.tobytes())
        return real(image)

    monkeypatch.setattr(guard.engine, "reveal", kept)
    part = np.ascontiguousarray(published[60:430, 40:470])
    assert receive(guard.engine, part, [key]).reading.message is not None
    aligning = seen[:-1]  # the last is of the part on its whole frame
    assert len(aligning) > 4
    assert len(set(aligning)) == len(aligning)


@pytest.mark.slow
def test_a_full_search_finds_unlike_scales_that_a_quick_one_does_not(guard, key, published):
    copy = np.asarray(Image.fromarray(published).resize((780, 520), Image.Resampling.LANCZOS))
    assert not receive(guard.engine, copy, [key]).piloted
    received = receive(guard.engine, copy, [key], search="full")
    assert received.reading.message is not None
    assert received.piloted
    np.testing.assert_allclose(received.placement.corners()[2], (384, 384), atol=0.5)


def on_a_page(copy, left=150, top=90, size=(800, 760)):
    page = np.full((*size, 3), 255, np.uint8)
    page[20::24, 40:-40] = 60
    page[top : top + copy.shape[0], left : left + copy.shape[1]] = copy
    return page


@pytest.mark.slow
def test_a_copy_inside_something_larger_is_read(guard, key, published):
    received = receive(guard.engine, on_a_page(published), [key])
    assert received.reading.message is not None
    assert received.canvas.shown is None, "all of the frame is there"
    corners = received.placement.at(np.array([(150.0, 90.0), (662.0, 602.0)]))
    np.testing.assert_allclose(corners, [(0, 0), (384, 384)], atol=0.5)


@pytest.mark.slow
def test_a_copy_inside_something_larger_is_judged_and_what_is_around_it_is_not(guard, published):
    changed = published.copy()
    changed[200:300, 150:260] = published[20:120, 350:460]
    for copy, finding in ((published, "intact"), (changed, "tampered")):
        verdict = guard.verify(on_a_page(copy))
        assert verdict.verdict == finding, verdict.sentence
        assert "lies inside a larger picture" in verdict.sentence
        assert verdict.geometry.share == 1
        corners = [(150, 90), (662, 90), (662, 602), (150, 602)]
        np.testing.assert_allclose(verdict.geometry.within, corners, atol=1.5)
    left, top, right, bottom = verdict.regions[0].box
    np.testing.assert_allclose((left, top, right, bottom), (300, 290, 410, 390), atol=12)


@pytest.mark.slow
def test_windows_find_what_is_small_on_a_page(guard, key, published, monkeypatch):
    """Where nothing stands out in the whole, a full search looks at its parts."""
    page, sizes = on_a_page(published), []
    real = places.spectrum

    def deaf(pixels):
        sizes.append(pixels.shape[:2])
        return real(np.zeros_like(pixels) if pixels.shape == page.shape else pixels)

    monkeypatch.setattr(places, "spectrum", deaf)
    received = receive(guard.engine, page, [key], search="full")
    assert len(sizes) == 10
    assert set(sizes[1:]) == {(400, 380)}
    assert received.reading.message is not None
    corner = received.placement.at(np.array([(150.0, 90.0)]))
    np.testing.assert_allclose(corner, [(0, 0)], atol=0.5)


@pytest.mark.slow
def test_a_change_in_a_part_is_shown_where_it_is_in_the_part(guard, published, small):
    copy = published[60:430, 40:470].copy()
    copy[100:200, 150:260] = small[100:200, 150:260]
    verdict = guard.verify(copy)
    assert verdict.verdict == "tampered"
    left, top, right, bottom = verdict.regions[0].box
    np.testing.assert_allclose((left, top, right, bottom), (150, 100, 260, 200), atol=10)
    assert verdict.recovered.shape == copy.shape
    before = published[60:430, 40:470].astype(float)
    inside = (slice(100, 200), slice(150, 260))
    errors = [np.square(made[inside] - before[inside]).mean() for made in (verdict.recovered, copy)]
    assert errors[0] < errors[1] / 3


@pytest.mark.slow
def test_whether_a_picture_is_protected_already_is_asked_quickly(guard, key, small, copy, reveals):
    engine = guard.engine
    large = np.full((600, 500, 3), 90, np.uint8)
    assert receive(engine, large, [key], whole_copies=False) is None
    assert reveals == []
    # Of small frames the waves may be missed, so they are read, too: 128 and 192 of these.
    assert not receive(engine, small, [key], whole_copies=False).reading.present
    assert {max(size) for size in reveals} >= {128, 192}
    assert (192, 256) not in reveals
    reveals.clear()
    found = receive(engine, scaled(copy, 0.9), [key], whole_copies=False)
    assert found.reading.present
    assert len(reveals) == 1
    with pytest.raises(ProtectionError, match="protected with key test already"):
        guard.immunize(scaled(copy, 1.4)[20:, 30:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [{"side_number": 15}, {"side_number": 0, "shorter": 200}],
    ids=["no such side", "shorter side longer"],
)
def test_a_message_with_a_frame_that_cannot_be_is_degraded(guard, key, small, with_geometry, parts):
    with_geometry(**parts)
    made = publish(guard.engine, small, prepare(guard.engine, small), key, 77)
    verdict = guard.verify(made, hidden_copy=True)
    assert verdict.verdict == "degraded"
    assert verdict.geometry is None
    assert verdict.image_id == f"{77:012x}"
    assert not verdict.mask.any()
    assert verdict.recovered is None


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.82, 0.7, 0.55])
def test_a_copy_hardly_as_large_as_its_frame_warns_and_accuses_nobody(guard, copy, share):
    verdict = guard.verify(scaled(copy, share))
    assert verdict.verdict in ("intact", "degraded", "unprotected")
    assert not verdict.mask.any()
    said = any("needs about 280 pixels" in warning for warning in verdict.warnings)
    assert said == (verdict.verdict != "unprotected")
    if share > 0.8:
        assert verdict.verdict == "intact"


@pytest.mark.slow
def test_pixels_that_nobody_sees_are_no_evidence(guard, copy):
    seen = np.full(copy.shape[:2], 255, np.uint8)
    seen[:, 200:] = 0
    changed = copy.copy()
    changed[60:160, 220:300] = 255 - changed[60:160, 220:300]
    assert guard.verify(changed).verdict == "tampered"
    verdict = guard.verify(from_array(np.dstack([changed, seen])))
    assert verdict.verdict == "intact"
    assert not verdict.mask.any()


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("size", [(128, 128), (131, 300)])
def test_a_flat_picture_is_looked_through_without_a_fuss(guard, level, size):
    """No warning of numpy's, all of which are errors here, and no number that is none."""
    flat = np.full((*size, 3), level, np.uint8)
    verdict = guard.verify(flat)
    assert verdict.verdict == "unprotected"
    assert 0 <= verdict.presence_p <= 1


@pytest.mark.slow
def test_a_verify_only_key_finds_the_same(guard, key, copy):
    full = receive(guard.engine, copy, [key])
    reader = receive(guard.engine, copy, [verify_only(key)])
    assert reader.reading == full.reading
    assert Guard(verify_only(key), engine=guard.engine).verify(copy).verdict == "intact"
