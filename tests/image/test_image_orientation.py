"""The eight EXIF orientations: pixels upright once, the blocks say 1, nothing else moves."""

import io

import numpy as np
import pytest
from image_samples import CORNERS, FORMATS, HEIGHT, WIDTH, exif_block, file, photo
from PIL import Image, ImageOps

from imuge.image import encode, from_pil, load

# How a picture is stored so that a reader obeying orientation n sees it upright.
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, 3),
}


def stored(kind, orientation):
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(photo()))))
    if kind == "TIFF":
        return file(kind, image, tags={274: orientation})
    return file(kind, image, exif=exif_block(orientation))


def is_upright(pixels):
    if pixels.shape != (HEIGHT, WIDTH, 3):
        return False
    seen = [pixels[y, x].astype(int) for y in (16, -16) for x in (16, -16)]
    return np.abs(np.array(seen) - CORNERS).max() < 40


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", FORMATS)
def test_orientation_is_applied_once_and_reset(kind, orientation):
    picture = load(stored(kind, orientation))
    assert is_upright(picture.pixels)
    # Written again, every reader sees the same: no second turn.
    again = encode(picture)
    assert is_upright(load(again).pixels)
    if kind != "HEIF":
        with Image.open(io.BytesIO(again)) as image:
            assert image.getexif().get(274, 1) == 1
            assert is_upright(np.asarray(ImageOps.exif_transpose(image).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_only_the_orientation_changes_in_exif(kind, orientation):
    picture = load(stored(kind, orientation))
    assert picture.metadata.exif == exif_block(1)
    assert bool(picture.notes) == (orientation != 1)


def test_upright_file_keeps_exif_in_heif_and_avif():
    assert load(file("HEIF", exif=exif_block(1))).metadata.exif == exif_block(1)
    assert load(file("HEIF", exif=exif_block(6))).metadata.exif == exif_block(1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_xmp_orientation_is_reset_with_it(kind):
    xmp = b'<x tiff:Orientation="6" a="b"><tiff:Orientation>6</tiff:Orientation></x>'
    for exif in (exif_block(6), None):
        image = Image.fromarray(np.rot90(np.asarray(photo()), 1).copy())
        picture = load(file(kind, image, exif=exif, xmp=xmp))
        assert is_upright(picture.pixels)
        assert picture.metadata.xmp == xmp.replace(b"6", b"1")


@pytest.mark.parametrize("tags", [{274: 6}, {}])
def test_tiff_is_not_turned_again_for_its_xmp(tags):
    image = Image.fromarray(np.rot90(np.asarray(photo()), 1).copy())
    picture = load(file("TIFF", image, xmp=b'<x tiff:Orientation="6"/>', tags=tags))
    assert is_upright(picture.pixels)
    assert picture.metadata.xmp == b'<x tiff:Orientation="1"/>'


def test_exif_outranks_xmp():
    data = file("JPEG", exif=exif_block(1), xmp=b'<x tiff:Orientation="6"/>')
    assert is_upright(load(data).pixels)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_nonsense_orientation_is_ignored(value):
    picture = load(file("JPEG", exif=exif_block(value)))
    assert is_upright(picture.pixels)
    assert picture.notes == ()


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_pillow_pictures_are_turned_as_well(kind, loaded):
    with Image.open(io.BytesIO(stored(kind, 6))) as image:
        if loaded:
            image.load()
        picture = from_pil(image)
        assert is_upright(picture.pixels)
        assert is_upright(from_pil(ImageOps.exif_transpose(image)).pixels)


def test_resolution_turns_with_the_picture():
    image = photo().transpose(Image.Transpose.ROTATE_90)
    picture = load(file("JPEG", image, exif=exif_block(6), dpi=(100, 200)))
    assert picture.metadata.dpi == (200, 100)
