"""Template and its reading: round trips, damage, windows, and p-values on noise."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom, kstest

from imuge.errors import KeyFileError
from imuge.keys import (
    PRESENCE_THRESHOLD,
    Geometry,
    Key,
    Message,
    beacon,
    code_permutations,
    code_signs,
    guessed_beacon,
    layout_agreement,
    message_bits,
    new_image_id,
    read,
    template,
    verify_only,
)
from imuge.keys.reading import CANDIDATES, _cheapest
from imuge.keys.template import bit_numbers, layout_signs

KEY = Key.from_secret("test", bytes(range(32)))
OTHER = Key.from_secret("other", bytes(range(1, 33)))
IMAGE_ID = 0xDEADBEEFCAFE
GEOMETRY = Geometry(side_number=3, tall=False, shorter=288)
MESSAGE = Message(IMAGE_ID, GEOMETRY)
TAG_P = 2**-32  # of a message that fits at once
SCALES = (1, 1, 1, 2, 3, 4)


def noise(rows, columns, seed=0):
    """Heavy-tailed values (Student's t, 3 degrees of freedom) that resemble their neighbours."""
    raw = np.random.default_rng(seed).standard_t(3, (6, rows, columns))
    smooth = gaussian_filter(raw, (0, 1.0, 1.0))
    return (smooth / smooth.std()).astype(np.float32)


def with_wrong_bits(revealed, wrong, spare=4):
    """Reverse all but `spare` observations of some message bits."""
    damaged = revealed.copy()
    carried = bit_numbers(KEY, *revealed.shape[1:])
    for bit in wrong:
        channels, rows, columns = np.nonzero(carried == bit)
        damaged[channels[spare:], rows[spare:], columns[spare:]] *= -1
    return damaged


@pytest.mark.parametrize("shape", [(16, 16), (33, 21), (64, 48)])
@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        Message(0, Geometry(side_number=0, tall=False, shorter=1)),
        Message((1 << 48) - 1, Geometry(side_number=15, tall=True, shorter=2048)),
    ],
)
def test_the_message_comes_back(shape, message):
    reading = read(KEY, template(KEY, message, *shape))
    assert reading.present
    assert (reading.message, reading.image_id) == (message, message.image_id)
    assert (reading.flips, reading.agreement, reading.hypotheses) == (0, 1.0, 1)
    assert reading.tag_p == TAG_P
    assert 0 < reading.identity_p <= reading.presence_p * TAG_P
    assert layout_agreement(KEY, message.image_id, template(KEY, message, *shape))[0] == 1.0


def test_the_template_is_signs_of_the_stated_shape():
    drawn = template(KEY, MESSAGE, 9, 30)
    assert drawn.shape == (6, 9, 30)
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {-1.0, 1.0}


def test_a_crop_keeps_the_template():
    whole = template(KEY, MESSAGE, 40, 50)
    np.testing.assert_array_equal(template(KEY, MESSAGE, 13, 29), whole[:, :13, :29])
    bits = message_bits(KEY, MESSAGE)
    window = beacon(KEY, bits, 20, 17, offset=(11, 30))
    np.testing.assert_array_equal(window, whole[:2, 11:31, 30:47])


def test_every_bit_is_seen_once_a_tile_and_channel():
    carried = bit_numbers(KEY, 64, 96)
    assert (np.bincount(carried.ravel()) == 128).all()
    # A frame of 384x288 pixels has 32 whole tiles, and 8 of which the upper half is seen.
    seen = np.bincount(bit_numbers(KEY, 36, 48).ravel(), minlength=96)
    assert (seen.min() >= 32, seen.max() <= 40, seen.mean()) == (True, True, 36)


@pytest.mark.parametrize("offset", [(0, 0), (8, 16), (5, 3), (23, 30)])
def test_a_window_is_read_where_it_lay(offset):
    top, left = offset
    revealed = template(KEY, MESSAGE, 64, 64)[:, top : top + 30, left : left + 27]
    reading = read(KEY, revealed, offset=offset)
    assert (reading.image_id, reading.agreement) == (IMAGE_ID, 1.0)
    assert layout_agreement(KEY, IMAGE_ID, revealed, offset=offset)[0] == 1.0
    if offset != (0, 0):
        assert not read(KEY, revealed).present


@pytest.mark.parametrize("strength", [0.3, 0.6])
def test_a_weak_template_under_a_picture_is_read(strength):
    revealed = noise(64, 64) + np.float32(strength) * template(KEY, MESSAGE, 64, 64)
    reading = read(KEY, revealed)
    assert reading.image_id == IMAGE_ID
    assert 0.55 < reading.agreement < 0.9
    assert layout_agreement(KEY, IMAGE_ID, revealed)[1] < 1e-20


@pytest.mark.parametrize("wrong", [[], [40], [7, 95], [0, 15, 16], [47, 63, 64, 90]])
def test_few_wrong_bits_are_corrected(wrong):
    reading = read(KEY, with_wrong_bits(template(KEY, MESSAGE, 24, 36), wrong))
    assert reading.image_id == IMAGE_ID
    assert reading.flips == len(wrong)
    assert len(wrong) < reading.tag_p / TAG_P <= CANDIDATES
    assert reading.agreement == pytest.approx(1 - len(wrong) * 14 / 1728)


@pytest.mark.parametrize("count", [12, 20])
def test_many_wrong_bits_leave_presence_without_an_id(count):
    reading = read(KEY, with_wrong_bits(template(KEY, MESSAGE, 24, 36), range(count)))
    assert reading.present
    assert (reading.message, reading.tag_p, reading.identity_p) == (None, None, None)
    assert reading.flips == 0


def test_bits_that_an_edit_made_wrong_and_certain_are_corrected():
    rng = np.random.default_rng(3)
    revealed = template(KEY, MESSAGE, 24, 30) * np.float32(0.7) + noise(24, 30) * np.float32(0.3)
    edited = np.zeros((24, 30), bool)
    edited[4:18, 8:24] = True
    revealed[:, edited] = 2 * rng.choice([-1, 1], (6, edited.sum()))
    assert read(KEY, revealed).image_id == IMAGE_ID


def test_the_number_of_candidates():
    assert CANDIDATES == 2**15


def test_a_message_is_found_in_the_order_of_what_it_costs():
    """Reversing one bit of cost 5 comes before two of 3 and 4, and after one of 4."""
    masks = [1 << place for place in range(4)]
    order = list(_cheapest([3.0, 4.0, 5.0, 20.0], masks))
    assert order[:8] == [0b0, 0b1, 0b10, 0b100, 0b11, 0b101, 0b110, 0b111]
    assert sorted(order) == list(range(16))


def test_the_likeliest_bits_tell_where_blocks_lie_though_some_are_wrong():
    true = template(KEY, MESSAGE, 24, 36)
    guessed = guessed_beacon(KEY, with_wrong_bits(true, range(8)))
    assert (guessed == true[:2]).mean() == pytest.approx(1 - 8 / 96)
    window = guessed_beacon(KEY, true[:, 5:, 7:], offset=(5, 7))
    np.testing.assert_array_equal(window, true[:2, 5:, 7:])


def test_another_key_finds_nothing():
    reading = read(OTHER, template(KEY, MESSAGE, 64, 64))
    assert not reading.present
    assert reading.message is None
    assert reading.image_id is None
    assert reading.presence_p > PRESENCE_THRESHOLD


def test_another_picture_of_the_same_key_has_another_layout():
    revealed = template(KEY, MESSAGE, 64, 64)
    agreement, p = layout_agreement(KEY, IMAGE_ID + 1, revealed)
    assert 0.47 < agreement < 0.53
    assert p > 1e-4


def test_a_verify_only_key_reads_and_does_not_place_the_code():
    key = verify_only(KEY)
    revealed = template(KEY, MESSAGE, 32, 32)
    assert read(key, revealed) == read(KEY, revealed)
    assert layout_agreement(key, IMAGE_ID, revealed) == layout_agreement(KEY, IMAGE_ID, revealed)
    # Symmetric: what it verifies it could also forge.
    np.testing.assert_array_equal(template(key, MESSAGE, 32, 32), revealed)
    with pytest.raises(KeyFileError, match="verify-only"):
        code_permutations(key, IMAGE_ID, 4, 4)
    with pytest.raises(KeyFileError, match="verify-only"):
        code_signs(key, IMAGE_ID, 4, 4, 24)


def test_code_permutations_differ_by_description_and_picture():
    drawn = code_permutations(KEY, IMAGE_ID, 20, 30)
    assert drawn.shape == (2, 600)
    assert (np.sort(drawn, axis=1) == np.arange(600)).all()
    assert (drawn[0] == drawn[1]).mean() < 0.02
    assert (drawn == code_permutations(KEY, IMAGE_ID + 1, 20, 30)).mean() < 0.02


def test_signs_of_the_code_differ_by_channel_and_picture_and_keep_their_places():
    drawn = code_signs(KEY, IMAGE_ID, 64, 64, 24)
    flat = np.concatenate([drawn, code_signs(KEY, IMAGE_ID + 1, 64, 64, 24)]).reshape(48, -1)
    correlation = flat.astype(float) @ flat.T / 4096 - np.eye(48)
    assert np.abs(correlation).max() < 5 / 64
    np.testing.assert_array_equal(code_signs(KEY, IMAGE_ID, 20, 30, 12), drawn[:12, :20, :30])


def test_blocks_of_a_cell_share_a_sign():
    drawn = template(KEY, MESSAGE, 13, 22, scales=SCALES)
    plain = template(KEY, MESSAGE, 13, 22)
    np.testing.assert_array_equal(drawn[:3], plain[:3])
    for channel in (3, 4, 5):
        scale = SCALES[channel]
        rows, columns = np.arange(13) // scale, np.arange(22) // scale
        np.testing.assert_array_equal(drawn[channel], plain[channel][np.ix_(rows, columns)])


@pytest.mark.parametrize("offset", [(0, 0), (8, 16), (5, 3), (23, 30)])
def test_a_window_of_a_scaled_template_is_read_where_it_lay(offset):
    top, left = offset
    revealed = template(KEY, MESSAGE, 64, 64, scales=SCALES)[:, top : top + 30, left : left + 27]
    window = layout_signs(KEY, IMAGE_ID, 30, 27, scales=SCALES, offset=offset)
    np.testing.assert_array_equal(window, revealed[2:])
    assert read(KEY, revealed, offset=offset).image_id == IMAGE_ID
    found = layout_agreement(KEY, IMAGE_ID, revealed, scales=SCALES, offset=offset)
    assert found[0] == 1.0
    assert found[1] < 1e-200


def test_a_cell_is_one_observation():
    scales = (1, 1, 4, 4, 4, 4)
    revealed = template(KEY, MESSAGE, 8, 8, scales=scales)
    assert layout_agreement(KEY, IMAGE_ID, revealed, scales=scales) == (1.0, 0.5**16)
    # What is left of a cell decides for it, however little; a cell without any does not count.
    valid = np.zeros((8, 8), bool)
    valid[0, 0] = valid[7, 7] = True
    revealed[2, 0, 0] *= -1
    agreement, p = layout_agreement(KEY, IMAGE_ID, revealed, valid, scales=scales)
    assert agreement == 7 / 8
    assert p == pytest.approx(9 / 2**8)


def test_one_loud_block_does_not_outweigh_its_cell():
    scales = (1, 1, 4, 4, 4, 4)
    revealed = template(KEY, MESSAGE, 8, 8, scales=scales)
    revealed[2:, 1, 1] *= np.float32(-1e30)
    assert layout_agreement(KEY, IMAGE_ID, revealed, scales=scales)[0] == 1.0


@pytest.mark.parametrize("scales", [(1, 2, 1, 1, 1, 1), (1, 1, 0, 1, 1, 1), (1, 1, 2), ()])
def test_scales_that_no_template_has_are_refused(scales):
    with pytest.raises(ValueError, match="scales"):
        template(KEY, MESSAGE, 8, 8, scales=scales)


def test_blocks_that_are_not_valid_do_not_count():
    revealed = template(KEY, MESSAGE, 32, 32)
    valid = np.ones((32, 32), bool)
    valid[4:20, 10:25] = False
    revealed[:, ~valid] = np.float32(-1e30)
    assert read(KEY, revealed, valid=valid).agreement == 1.0
    assert read(KEY, revealed, valid=valid).image_id == IMAGE_ID
    assert layout_agreement(KEY, IMAGE_ID, revealed, valid)[0] == 1.0


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_nothing_observed_is_nothing_found(value):
    blank = np.full((6, 16, 16), value, np.float32)
    reading = read(KEY, blank)
    assert (reading.present, reading.presence_p, reading.agreement) == (False, 1.0, 0.5)
    assert layout_agreement(KEY, IMAGE_ID, blank) == (0.5, 1.0)
    protected = template(KEY, MESSAGE, 16, 16)
    assert not read(KEY, protected, valid=np.zeros((16, 16), bool)).present
    assert read(KEY, protected[:, :0]).presence_p == 1.0


def test_p_stays_positive_and_finite_at_extremes():
    for scale in (1e-30, 1.0, 1e30, np.inf):
        revealed = template(KEY, MESSAGE, 128, 128) * np.float32(scale)
        reading = read(KEY, revealed, hypotheses=1000)
        assert 0 < reading.identity_p < reading.presence_p < 1e-200
        assert layout_agreement(KEY, IMAGE_ID, revealed)[1] == 1e-300
    assert layout_agreement(KEY, IMAGE_ID, -template(KEY, MESSAGE, 16, 16)) == (0.0, 1.0)


def test_p_values_are_corrected_for_what_was_tried():
    revealed = template(KEY, MESSAGE, 11, 11)
    once, often = read(KEY, revealed), read(KEY, revealed, hypotheses=50)
    assert once.present
    assert often.presence_p == pytest.approx(50 * once.presence_p)
    assert often.tag_p == pytest.approx(50 * TAG_P)
    assert often.identity_p == pytest.approx(50 * once.identity_p)  # once, not twice
    assert often.hypotheses == 50
    faint = read(KEY, noise(16, 16), hypotheses=10**6)
    assert faint.presence_p == 1.0


def test_the_correction_decides_about_presence():
    revealed = template(KEY, MESSAGE, 10, 10)
    once = read(KEY, revealed)
    needed = int(PRESENCE_THRESHOLD / once.presence_p) + 1
    assert once.image_id == IMAGE_ID
    often = read(KEY, revealed, hypotheses=needed)
    assert (often.present, often.message, often.tag_p) == (False, None, None)


def test_one_loud_block_does_not_outweigh_the_rest():
    revealed = template(KEY, MESSAGE, 32, 32)
    revealed[:, 5, 5] *= np.float32(-2)
    at_the_clamp = read(KEY, revealed)
    revealed[:, 5, 5] *= np.float32(1000)
    assert read(KEY, revealed) == at_the_clamp
    assert at_the_clamp.image_id == IMAGE_ID


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 8, 8\)"):
        read(KEY, np.zeros((5, 8, 8), np.float32))
    with pytest.raises(ValueError, match=r"\(8, 9\)"):
        layout_agreement(KEY, 1, np.zeros((6, 8, 8), np.float32), np.ones((8, 9), bool))
    with pytest.raises(ValueError, match="hypothesis"):
        read(KEY, np.zeros((6, 8, 8), np.float32), hypotheses=0)
    with pytest.raises(ValueError, match="-1"):
        read(KEY, np.zeros((6, 8, 8), np.float32), offset=(-1, 0))
    with pytest.raises(ValueError, match="96 message bits"):
        beacon(KEY, np.zeros(32, np.int8), 8, 8)
    with pytest.raises(ValueError, match="48 bits"):
        layout_signs(KEY, 1 << 48, 8, 8)


def test_image_ids_are_48_bits_and_differ():
    drawn = {new_image_id() for _ in range(50)}
    assert len(drawn) == 50
    assert max(drawn) >= 1 << 40
    assert all(0 <= image_id < 1 << 48 for image_id in drawn)


def p_values(rows, columns):
    """Presence and layout p of fixed values under 300 random keys, the layout's without its steps.

    A count of agreeing signs has steps; drawing within the step makes its p-value continuous.
    """
    values = noise(rows, columns, seed=rows)
    keys = [Key.from_secret("n", n.to_bytes(32, "big")) for n in range(300)]
    presence = np.array([read(key, values).presence_p for key in keys])
    agreement, layout = np.array([layout_agreement(key, IMAGE_ID, values) for key in keys]).T
    signs = 4 * rows * columns
    steps = binom.pmf(np.rint(agreement * signs), signs, 0.5)
    return presence, layout, layout - np.random.default_rng(rows).random(300) * steps


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32, 32), (36, 48), (64, 64)])
def test_p_values_are_uniform_without_protection(shape):
    presence, layout, smooth_layout = p_values(*shape)
    assert kstest(presence, "uniform").pvalue > 0.01
    assert kstest(smooth_layout, "uniform").pvalue > 0.01
    # Small p-values are what is judged by: no more of them than stated.
    for p in (presence, layout):
        assert (p <= 0.05).sum() <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05)


def test_p_of_a_scaled_layout_is_uniform_without_protection():
    """Neighbours resemble each other, so blocks of a cell must not pass as many tosses."""
    values = gaussian_filter(np.random.default_rng(5).normal(size=(6, 64, 64)), (0, 2.0, 2.0))
    keys = [Key.from_secret("n", n.to_bytes(32, "big")) for n in range(300)]
    scales = (1, 1, 4, 4, 4, 4)
    found = [
        layout_agreement(key, IMAGE_ID, values.astype(np.float32), scales=scales) for key in keys
    ]
    agreement, p = np.array(found).T
    steps = binom.pmf(np.rint(agreement * 4 * 16 * 16), 4 * 16 * 16, 0.5)
    smooth = p - np.random.default_rng(6).random(300) * steps
    assert kstest(smooth, "uniform").pvalue > 0.01
    assert (p <= 0.05).sum() <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05)


@pytest.mark.parametrize("size", [8, 16])  # about one and five observations a bit
def test_few_observations_err_on_the_safe_side(size):
    presence, layout, smooth_layout = p_values(size, size)
    assert (presence <= 0.05).sum() <= 15
    assert presence.min() > 1e-3
    assert kstest(layout, "uniform", alternative="greater").pvalue > 0.01
    assert kstest(smooth_layout, "uniform").pvalue > 0.01
