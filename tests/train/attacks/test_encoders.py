"""Files in a training step, held against the product's own way of a copy back to its frame."""

import numpy as np
import pytest
import torch
from PIL import Image

from imuge.attacks.resave import parse_chain, resave
from imuge.protection.frame import to_frame, whole_frame
from imuge.train.attacks.encoders import FORMATS, encoded, through_file

QUALITY = {"JPEG": 60, "WEBP": 70, "AVIF": 60}
CHAIN = {"JPEG": "jpeg:60", "WEBP": "webp:70", "AVIF": "avif:60"}


def to_tensor(pixels):
    return torch.from_numpy(np.array(pixels)).movedim(2, 0)[None] / 255


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("side", [272, 384, 512])
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_grown_file_is_a_copy_as_the_product_takes_it_to_its_frame(
    photograph, monkeypatch, file_format, side
):
    # The crop is a whole frame here: the copy is a picture of it, saved, and taken back.
    copy = Image.fromarray(photograph).resize((side, side), Image.Resampling.BICUBIC)
    received = resave(np.asarray(copy), parse_chain(CHAIN[file_format]))
    wanted = to_frame(received, whole_frame(side, side, 256))
    quick = through_file(photograph, file_format, QUALITY[file_format], side / 256)
    if file_format != "JPEG":  # with the encoder's own settings
        monkeypatch.setitem(FORMATS, file_format, {})
    made = through_file(photograph, file_format, QUALITY[file_format], side / 256)
    assert np.abs(made - wanted).mean() < 0.35, "rounding to 8 bits alone is a quarter of a level"
    damage, theirs = made.astype(float) - photograph, wanted - photograph
    assert correlation(damage, theirs) > 0.99
    # As quick as training runs them, encoders take away as much.
    lost = np.abs(quick.astype(float) - photograph).mean()
    assert lost == pytest.approx(np.abs(theirs).mean(), rel=0.1)
    assert lost > 1


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_sample_has_its_own_numbers_and_all_pass_the_gradient(photograph, file_format):
    pixels = [photograph[:64, :96], photograph[64:128, :96], photograph[128:192, :96]]
    batch = torch.cat([to_tensor(p) for p in pixels]).requires_grad_()
    numbers = [(40, 1.5, (3, 10)), (60, 0.95, (0, 0)), (80, 2.0, (15, 15))]
    result = encoded(
        batch,
        file_format,
        torch.tensor([float(n[0]) for n in numbers]),
        grow=torch.tensor([n[1] for n in numbers]),
        phase=torch.tensor([[float(p) for p in n[2]] for n in numbers]),
    )
    for made, crop, number in zip(result, pixels, numbers, strict=True):
        alone = to_tensor(through_file(crop, file_format, *number))[0]
        assert torch.equal(made, alone)
    result.square().sum().backward()
    torch.testing.assert_close(batch.grad, 2 * result.detach())


def test_a_better_file_is_nearer(photograph):
    batch = to_tensor(photograph[:64, :64]).expand(2, -1, -1, -1)
    for file_format in FORMATS:
        made = encoded(batch, file_format, torch.tensor([30.0, 95.0]))
        worse, better = (made - batch).square().mean((1, 2, 3)).tolist()
        assert better < worse


def test_a_phase_moves_the_grid_and_not_the_content(photograph):
    whole, shifted = (
        through_file(photograph, "JPEG", 98, 2.0, phase).astype(float)
        for phase in ((0, 0), (5, 11))
    )
    moved = np.abs(np.diff(whole, axis=0)).mean()  # by one pixel
    assert np.abs(whole - shifted).mean() < 0.2 * moved
    # JPEG's edges lie every 8 pixels: between columns 7 and 8 here, 3 and 4 there.
    for phase, edge in (((0, 0), 7), ((4, 4), 3)):
        made = through_file(photograph, "JPEG", 10, 1.0, phase).astype(float)
        assert correlation(made, photograph) > 0.98
        for axis in (0, 1):
            steps = np.abs(np.diff(made - photograph, axis=axis)).mean((1 - axis, 2))
            places = np.arange(len(steps)) % 8
            assert steps[places == edge].mean() > 1.25 * steps[places != edge].mean()
