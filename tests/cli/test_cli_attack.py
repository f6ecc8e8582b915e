"""`imuge attack`: changes that are real, repeatable and known."""

import io

import numpy as np
import pytest
from PIL import Image

from imuge.attacks.retouch import KINDS
from imuge.cli.terminal import FAILED, USAGE


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_what_the_mask_says(folder, imuge, plain, kind):
    tampering = "splice:tampered.png" if kind == "splice" else kind
    arguments = ["plain.png", "-o", "-", "--tamper", tampering, "--mask-out", "mask.png"]
    result = imuge("attack", *arguments, "--area", "0.2", "--seed", "3")
    assert result.exit_code == 0
    mask = pixels((folder / "mask.png").read_bytes())
    assert mask.shape == (128, 160)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask == 255).mean() == pytest.approx(0.2, abs=0.03)
    changed = (pixels(result.stdout_bytes) != plain).any(axis=2)
    assert not changed[mask == 0].any()
    assert changed[mask == 255].mean() > 0.85


def test_a_seed_repeats_and_another_does_not(imuge):
    arguments = ["attack", "plain.png", "-o", "-", "--tamper", "copy-move", "--seed"]
    first, again, other = (imuge(*arguments, seed).stdout_bytes for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_chain_runs_and_its_last_encoder_writes_the_file(folder, imuge):
    chain = "jpeg:70,resize:0.5,webp:80"
    result = imuge("attack", "plain.png", "-o", "out.webp", "--then", chain)
    assert result.exit_code == 0
    assert "0.0% of the picture changed" in result.stderr
    with Image.open(folder / "out.webp") as image:
        assert (image.format, image.size) == ("WEBP", (80, 64))
    assert imuge("attack", "plain.png", "-o", "out.png", "--then", chain).exit_code == 0
    with Image.open(folder / "out.png") as image:
        assert (image.format, image.size) == ("PNG", (80, 64))


def test_the_truth_moves_with_the_picture(folder, imuge):
    arguments = ["plain.png", "--tamper", "fill", "--area", "0.2", "--seed", "3"]
    imuge("attack", *arguments, "-o", "a.png", "--mask-out", "a-mask.png")
    chain = ["--then", "rotate:90,flip,pad:8,jpeg:90"]
    result = imuge("attack", *arguments, *chain, "-o", "b.jpg", "--mask-out", "b-mask.png")
    assert result.exit_code == 0
    here, there = (pixels((folder / f"{name}-mask.png").read_bytes()) for name in "ab")
    assert there.shape == (176, 144)
    assert (there[8:-8, 8:-8] == np.fliplr(np.rot90(here, -1))).all()
    assert not there[:8].any()
    with Image.open(folder / "b.jpg") as picture:
        assert picture.size == (144, 176)


@pytest.mark.slow
def test_what_it_did_is_found(folder, imuge, held, immunized):
    # Larger than protected.png, whose protection does not outlast a JPEG of quality 80.
    Image.fromarray(immunized.image).save(folder / "whole.png")
    arguments = ["whole.png", "-o", "copy.jpg", "--tamper", "fill", "--area", "0.15"]
    assert imuge("attack", *arguments, "--then", "jpeg:80").exit_code == 0
    assert imuge("verify", "copy.jpg", "--key", held).exit_code == 10


@pytest.mark.parametrize("taken", ["out.png", "mask.png", "plain.png"])
def test_what_exists_stays_unless_asked(folder, imuge, taken):
    if taken != "plain.png":
        (folder / taken).write_bytes(b"precious")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    output = "plain.png" if taken == "plain.png" else "out.png"
    arguments = ["plain.png", "-o", output, "--tamper", "fill", "--mask-out", "mask.png"]
    result = imuge("attack", *arguments)
    assert result.exit_code == FAILED
    assert f"{taken} exists and is not replaced; use --overwrite" in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert imuge("attack", *arguments, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "there is nothing to do"),
        (["--tamper", "paint"], "unknown kind of tampering 'paint'"),
        (["--tamper", "splice"], "--tamper splice:OTHER"),
        (["--tamper", "fill:protected.png"], "fill takes nothing after a colon"),
        (["--tamper", "fill", "--area", "0"], "expected an area"),
        (["--tamper", "fill", "--area", "nan"], "expected an area"),
        (["--tamper", "fill", "--shape", "star"], "unknown shape 'star'"),
        (["--tamper", "fill", "--seed", "-1"], "--seed"),
        (["--tamper", "fill", "--mask-out", "out.png"], "give two names"),
        (["--tamper", "fill", "--mask-out", "m.jpg"], "end its name in .png"),
        (["--then", "jpeg:700"], "jpeg needs a whole number from 1 to 100"),
        (["--then", "jpeg:70,"], "unknown step ''"),
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(folder, imuge, arguments, complaint):
    before = sorted(folder.iterdir())
    result = imuge("attack", "plain.png", "-o", "out.png", *arguments)
    assert result.exit_code == USAGE
    assert complaint in result.stderr
    assert sorted(folder.iterdir()) == before


def test_a_picture_to_paste_from_that_is_missing(folder, imuge):
    arguments = ["plain.png", "-o", "out.png", "--tamper", "splice:missing.png"]
    result = imuge("attack", *arguments)
    assert result.exit_code == FAILED
    assert "cannot read missing.png" in result.stderr
    assert not (folder / "out.png").exists()
