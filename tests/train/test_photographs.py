"""A folder of photographs becomes crops on the device."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from imuge.errors import ConfigError
from imuge.train.photographs import PhotoBank, find_photographs

CPU = torch.device("cpu")


def load(folder, settings, **options):
    said = []
    bank = PhotoBank.load(
        find_photographs(folder), settings, device=CPU, seed=0, say=said.append, **options
    )
    return bank, said


def save(path, height, width, **options):
    rng = np.random.default_rng(height * width)
    pixels = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    Image.fromarray(pixels).resize((width, height)).save(path, **options)


@pytest.mark.slow
def test_a_batch_holds_crops_of_the_photographs(tmp_path, tiny):
    save(tmp_path / "a.png", 200, 300)
    bank, said = load(tmp_path, dataclasses.replace(tiny.data, scales=(1.0, 1.0)))
    original = torch.from_numpy(np.array(Image.open(tmp_path / "a.png"))).permute(2, 0, 1) / 255
    batch = bank.batch(6)
    assert batch.shape == (6, 3, 64, 64)
    assert said == []
    windows = original.unfold(1, 64, 1).unfold(2, 64, 1)
    for crop in batch:
        found = [(windows == c[:, None, None]).all((0, 3, 4)).any() for c in (crop, crop.flip(2))]
        assert any(found), "a crop is in the photograph, or its mirror image is"


def test_the_same_seed_cuts_the_same_squares(tmp_path, tiny):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, 160, 192)
    first, second = (load(tmp_path, tiny.data)[0] for _ in range(2))
    for a, b in zip(first.pools, second.pools, strict=True):
        assert torch.equal(a, b)


def test_every_scale_has_its_share(tmp_path, tiny):
    save(tmp_path / "a.png", 256, 256)
    bank, _ = load(tmp_path, tiny.data)
    assert [pool.shape[1:3] for pool in bank.pools] == [(128, 128), (96, 96)]
    assert bank.batch(7).shape[0] == 7


def test_a_share_of_the_crops_is_toned_in_whole_grey_levels(tmp_path, tiny):
    Image.new("RGB", (160, 160), (150, 100, 60)).save(tmp_path / "a.png")
    bank, _ = load(tmp_path, dataclasses.replace(tiny.data, toned=0.5))
    batch = 255 * bank.batch(64)
    assert torch.allclose(batch, batch.round(), atol=1e-4)
    assert batch.min() >= 0
    assert batch.max() <= 255
    colours = batch.amax((2, 3))
    plain = (colours == torch.tensor([150.0, 100.0, 60.0])).all(1)
    assert 16 < int(plain.sum()) < 48
    assert len(colours[~plain].unique(dim=0)) == int((~plain).sum()), "each has its own tone"
    assert torch.equal(batch.amin((2, 3)), colours), "and one tone alone"


def test_a_photograph_on_its_side_is_turned_upright(tmp_path, tiny):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.jpg", 128, 512, exif=exif)
    data = dataclasses.replace(tiny.data, scales=(1.0,), shares=(1.0,), sides=(128,), squares=(1,))
    bank, _ = load(tmp_path, data)
    with Image.open(tmp_path / "a.jpg") as image:
        upright = np.asarray(image.rotate(-90, expand=True))
    square = bank.pools[0][0].numpy()
    rows = [np.array_equal(upright[top : top + 128], square) for top in range(512 - 127)]
    assert any(rows)


def test_what_cannot_be_used_is_left_out_and_named(tmp_path, tiny):
    save(tmp_path / "good.png", 128, 128)
    save(tmp_path / "small.png", 56, 200)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    done = []
    bank, said = load(tmp_path, tiny.data, shown=done.append)
    assert bank.photographs == 1
    assert said == [
        "left out 1 unreadable pictures: broken.jpg",
        "left out 1 pictures below 64 pixels: small.png",
    ]
    assert done == [1, 2, 3]


def test_folders_without_use_are_refused(tmp_path, tiny):
    with pytest.raises(ConfigError, match=r"expected a folder of photographs, got .*nowhere"):
        find_photographs(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"holds no photographs; expected files ending in"):
        find_photographs(tmp_path)
    save(tmp_path / "small.png", 48, 48)
    with pytest.raises(ConfigError, match=r"none of 1 pictures .* 1 have a side below 64 pixels"):
        load(tmp_path, tiny.data)
