import io

import numpy as np
import pytest
from PIL import Image

from imuge.attacks.resave import (
    PLATFORMS,
    STEPS,
    Change,
    Encoder,
    Step,
    carried,
    parse_chain,
    placed,
    resave,
    resave_to_bytes,
)
from imuge.errors import ConfigError, ImageError

NUMBERS = {"long-edge": 100, "median": 3, "resize": 0.7, "resize-back": 0.5, "crop": 0.8}
NUMBERS |= {"rotate": 3, "pad": 8}
QUIET = {"gamma": 1, "brightness": 1, "contrast": 1, "saturation": 1, "sharpen": 0, "noise": 0}
QUIET |= {"crop": 1, "resize": 1, "resize-back": 1, "long-edge": 500, "png": 0}
QUIET |= {"rotate": 0, "stretch": 1}


def _decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _step(name):
    kind = STEPS[name]
    if kind.limits is None:
        return Step(name)
    return Step(name, 80 if isinstance(kind, Encoder) else NUMBERS.get(name, 1.5))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_runs_changes_something_and_repeats(name, picture):
    before = picture.copy()
    chain = (_step(name),)
    result = resave(picture, chain)
    assert result.dtype == np.uint8
    assert (result == resave(picture, chain)).all()
    assert (picture == before).all()
    if name != "png":
        assert result.shape != picture.shape or (result != picture).any()


@pytest.mark.parametrize("name", QUIET)
def test_neutral_numbers_change_nothing(name, picture):
    assert (resave(picture, (Step(name, QUIET[name]),)) == picture).all()


@pytest.mark.parametrize("name", STEPS)
def test_the_file_of_a_chain_holds_what_resave_returns(name, picture):
    chain = (Step("resize", 0.9), _step(name))
    file = resave_to_bytes(picture, chain)
    assert (_decoded(file.data) == resave(picture, chain)).all()
    wanted = STEPS[name].suffix if isinstance(STEPS[name], Encoder) else ".png"
    assert file.suffix == wanted


def test_the_empty_chain_is_a_png_of_the_picture(picture):
    file = resave_to_bytes(picture, parse_chain("none"))
    assert file.suffix == ".png"
    assert (_decoded(file.data) == picture).all()


@pytest.mark.parametrize(
    ("step", "options"),
    [
        ("jpeg:70", {"format": "JPEG", "quality": 70}),
        ("jpeg444:70", {"format": "JPEG", "quality": 70, "subsampling": 0}),
        ("webp:60", {"format": "WEBP", "quality": 60}),
        ("avif:60", {"format": "AVIF", "quality": 60}),
    ],
)
def test_encoders_are_pillows_own(step, options, picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, **options)
    file = resave_to_bytes(picture, parse_chain(step))
    assert file.data == buffer.getvalue()
    assert (resave(picture, parse_chain(step)) == _decoded(buffer.getvalue())).all()


def test_plain_jpeg_halves_the_colour_planes_and_jpeg444_does_not(picture):
    def sampling(step):
        image = Image.open(io.BytesIO(resave_to_bytes(picture, parse_chain(step)).data))
        return [layer[1:3] for layer in image.layer]

    assert sampling("jpeg:80")[0] == (2, 2)
    assert sampling("jpeg444:80")[0] == (1, 1)


def test_sizes(picture):
    height, width, _ = picture.shape

    def size(text):
        return resave(picture, parse_chain(text)).shape[:2]

    assert size("resize:0.5") == (height // 2, width // 2)
    assert size("resize-back:0.5") == (height, width)
    assert size("long-edge:65") == (height // 2, 65)
    assert size("long-edge:1000") == (height, width)
    assert size("crop:0.5") == (height // 2, width // 2)


def test_a_crop_is_a_window_of_the_picture(picture):
    window = resave(picture, parse_chain("crop:0.9"))
    height, width, _ = window.shape
    windows = np.lib.stride_tricks.sliding_window_view(picture, (height, width, 3))
    assert (windows == window).all(axis=(3, 4, 5)).any()


def test_noise_has_its_sigma_and_follows_the_seed():
    grey = np.full((100, 100, 3), 128, np.uint8)
    chain = parse_chain("noise:5")
    assert resave(grey, chain).std() == pytest.approx(5, rel=0.05)
    assert (resave(grey, chain, seed=1) != resave(grey, chain, seed=2)).any()
    twice = resave(grey, parse_chain("noise:5,noise:5"))
    assert twice.std() == pytest.approx(5 * np.sqrt(2), rel=0.05)  # independent, not the same


def test_gamma_brightness_and_contrast_move_the_right_way():
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert resave(grey, parse_chain("gamma:2"))[0, 0, 0] == round(255 * (100 / 255) ** 2)
    assert resave(grey, parse_chain("brightness:1.5"))[0, 0, 0] == 150
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert resave(ramp, parse_chain("contrast:0.5")).std() == pytest.approx(
        ramp.std() / 2, rel=0.02
    )


def test_blur_takes_detail_away_and_sharpen_adds_it(picture):
    plain = picture.std()
    assert resave(picture, parse_chain("blur:2")).std() < plain
    assert resave(picture, parse_chain("sharpen:1")).std() > plain


def test_chains_are_read_in_order_and_written_back():
    chain = parse_chain(" jpeg:70, resize:0.7,png ")
    assert chain == (Step("jpeg", 70), Step("resize", 0.7), Step("png"))
    assert ",".join(map(str, chain)) == "jpeg:70,resize:0.7,png"


@pytest.mark.parametrize("name", PLATFORMS)
def test_platforms_are_chains_that_end_in_jpeg(name, picture):
    chain = parse_chain(name)
    assert chain == parse_chain(PLATFORMS[name])
    assert resave_to_bytes(picture, chain).suffix == ".jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gif:3", r"unknown step 'gif'; known are jpeg, .* an example is jpeg:70,"),
        ("", "unknown step ''"),
        ("jpeg:70,", "unknown step ''"),
        ("jpeg:70,facebook", "unknown step 'facebook'"),
        (
            "jpeg",
            "a whole number from 1 to 100, the quality, got 'jpeg'; an example is jpeg:75",
        ),
        ("jpeg:", "got 'jpeg:'"),
        ("jpeg:0", "from 1 to 100"),
        ("jpeg:70.5", "whole number"),
        ("webp:101", "webp needs"),
        ("resize:ten", "resize needs a number from 0.05 to 4, the factor, got 'resize:ten'"),
        ("crop:60", r"the share of each side that is kept, got 'crop:60'; an example is crop:0\.6"),
        ("rotate:400", "from -180 to 180, degrees clockwise"),
        ("resize:nan", "resize needs"),
        ("blur:-1", "blur needs"),
        ("noise:inf", "noise needs"),
        ("png:3", "png takes no number, got 'png:3'; write it as png"),
    ],
)
def test_bad_chains_are_refused_and_the_message_says_what_is_known(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_chain(text)


def test_every_example_that_an_error_gives_can_be_run():
    for name, kind in STEPS.items():
        if kind.limits is not None:
            (step,) = parse_chain(f"{name}:{kind.example:g}")
            assert kind.number
            assert step.value == kind.example


def test_a_picture_too_large_for_the_format_is_an_image_error():
    with pytest.raises(ImageError, match="cannot encode 16400x1 pixels as WEBP"):
        resave(np.zeros((1, 16400, 3), np.uint8), parse_chain("webp:80"))


def test_other_kinds_of_array_are_refused(picture):
    with pytest.raises(ImageError, match="uint8 RGB"):
        resave(picture[..., 0], parse_chain("none"))


MOVES = [name for name, kind in STEPS.items() if isinstance(kind, Change) and kind.moves]


@pytest.mark.parametrize("name", MOVES)
def test_the_truth_goes_where_the_pixels_go(name):
    picture = np.full((120, 160, 3), 40, np.uint8)
    picture[20:70, 30:90] = 220
    mask = picture[..., 0] > 128
    chain = (Step("resize", 0.8), _step(name), Step("flip"))
    moved, truth = resave(picture, chain, seed=5), carried(mask, chain, seed=5)
    assert truth.shape == moved.shape[:2]
    seen = (moved[..., 0] > 128) & (moved[..., 0] < 250)  # a rim of white is no change
    assert (seen == truth).mean() > 0.98
    assert truth.any()


def test_a_mask_stays_where_nothing_moves():
    mask = np.zeros((64, 64), bool)
    mask[10:20, 5:50] = True
    assert (carried(mask, parse_chain("jpeg:50,blur:2,noise:3")) == mask).all()


def test_quarter_turns_are_exact_and_clockwise(picture):
    turned = resave(picture, parse_chain("rotate:90"))
    assert (turned == np.rot90(picture, -1)).all()
    assert (resave(picture, parse_chain("rotate:-90")) == np.rot90(picture)).all()
    assert (resave(turned, parse_chain("rotate:90,rotate:180")) == picture).all()


@pytest.mark.parametrize("degrees", [-30, -1, 0.2, 4, 44, 60, 135])
@pytest.mark.parametrize("shape", [(100, 300, 3), (200, 200, 3), (300, 100, 3)])
def test_a_turned_picture_shows_none_of_what_lies_outside(degrees, shape):
    white = np.full(shape, 255, np.uint8)
    turned = resave(white, (Step("rotate", degrees),))
    assert turned.min() > 200  # black corners would be 0
    assert turned.size > 0.1 * white.size


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [
        ("crop:0.5", None),
        ("flip", [[-1, 0, 120], [0, 1, 0]]),
        ("rotate:90", [[0, 1, 0], [-1, 0, 80]]),
        ("stretch:2,jpeg:70", [[0.5, 0, 0], [0, 1, 0]]),
        ("pad:8", [[1, 0, -8], [0, 1, -8]]),
    ],
)
def test_where_a_chain_puts_pixels_is_known_exactly(chain, wanted):
    found = placed((80, 120), parse_chain(chain), seed=4)
    if wanted is None:  # somewhere
        np.testing.assert_allclose(found[:, :2], np.eye(2), atol=1e-3)
        left, top = np.rint(found[:, 2]).astype(int)
        mask = np.zeros((80, 120), bool)
        mask[top : top + 40, left : left + 60] = True
        assert carried(mask, parse_chain(chain), seed=4).all()
    else:
        np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_page_shows_the_picture_on_a_screen_and_nothing_else_of_it():
    mask = np.ones((300, 500), bool)
    chain = parse_chain("page:0.7")
    moved, back = carried(mask, chain, seed=2), placed((300, 500), chain, seed=2)
    assert moved.shape == (1080, 1920)
    assert moved.sum() == pytest.approx(0.7 * 1920 * 0.7 * 1920 * 0.6, rel=0.01)
    rows, columns = np.nonzero(moved)
    corner = back @ (columns.min(), rows.min(), 1)
    np.testing.assert_allclose(corner, (0, 0), atol=1)
