"""What `encode` writes, and what it refuses to write."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_samples import FORMATS, ICC, LOSSLESS, XMP, alpha, exif_block, file, photo
from PIL import Image, JpegImagePlugin

from imuge.errors import ImageError
from imuge.image import (
    SUFFIXES,
    check_output,
    encode,
    format_for,
    from_array,
    from_pil,
    load,
    to_pil,
)

RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (130, 150, 4), dtype=np.uint8)
NOISE[:20, :, 3] = 0  # colours under full transparency are kept too


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_are_bit_exact(kind, channels):
    picture = from_array(NOISE[..., :channels])
    again = load(encode(picture, format=kind))
    assert again.lossless
    assert again.format == kind
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    if channels == 4:
        np.testing.assert_array_equal(again.alpha, picture.alpha)


@pytest.mark.parametrize("kind", FORMATS)
def test_lossy_formats_stay_close(kind):
    picture = replace(load(file("PNG")), lossless=False)
    again = load(encode(picture, format=kind))
    error = again.pixels.astype(float) - picture.pixels
    psnr_db = 10 * np.log10(255**2 / max(np.mean(error**2), 1e-9))
    assert psnr_db > (32 if kind == "WEBP" else 38)  # WebP halves the colour resolution


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
def test_lossy_formats_keep_alpha_exactly(kind):
    picture = replace(load(file("PNG", photo("RGBA"))), lossless=False)
    again = load(encode(picture, format=kind))
    np.testing.assert_array_equal(again.alpha, alpha())


def test_jpeg_keeps_full_colour_resolution():
    with Image.open(io.BytesIO(encode(load(file("JPEG"))))) as image:
        assert JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_own_format_is_the_default(kind):
    picture = load(file(kind))
    assert load(encode(picture)).format == kind
    assert check_output(picture) == kind


def test_marked_pixels_are_written_and_alpha_stays():
    picture = load(file("PNG", photo("RGBA")))
    marked = picture.with_pixels(255 - picture.pixels)
    again = load(encode(marked))
    seen = picture.judged
    np.testing.assert_array_equal(again.pixels[seen], 255 - picture.pixels[seen])
    assert (again.pixels[~seen] == 255).all()
    np.testing.assert_array_equal(again.alpha, alpha())


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 3), np.uint8), np.zeros((136, 160, 3))])
def test_other_pixels_must_fit(pixels):
    with pytest.raises(ImageError, match=r"\(136, 160, 3\)"):
        load(file("PNG")).with_pixels(pixels)


def test_jpeg_refuses_transparency_but_takes_opaque_alpha():
    with pytest.raises(ImageError, match="choose png or webp"):
        encode(load(file("PNG", photo("RGBA"))), format="JPEG")
    opaque = photo()
    opaque.putalpha(255)
    assert load(encode(load(file("PNG", opaque)), format="JPEG")).alpha is None


@pytest.mark.parametrize(("suffix", "kind"), SUFFIXES.items())
def test_suffix_chooses_the_format(suffix, kind):
    assert format_for(Path(f"a.b{suffix.upper()}")) == kind


@pytest.mark.parametrize("name", ["photo", "photo.gif", ".png", "photo.png~"])
def test_unknown_suffix_lists_the_known_ones(name):
    with pytest.raises(ImageError, match=r"\.jpg.*\.heic"):
        format_for(Path(name))


def test_unknown_format_lists_the_known_ones():
    with pytest.raises(ImageError, match=r"'bmp'.*JPEG, PNG"):
        encode(load(file("PNG")), format="bmp")


def test_heic_output_without_the_package_says_how_to_get_it(monkeypatch):
    picture = load(file("PNG"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for refused in (lambda: format_for(Path("a.heic")), lambda: encode(picture, format="heic")):
        with pytest.raises(ImageError, match="pip install pillow-heif"):
            refused()


def test_too_wide_for_webp_is_one_sentence():
    picture = from_array(np.zeros((128, 16400), np.uint8))
    with pytest.raises(
        ImageError, match=r"16400×128.*WEBP holds at most 16,383.*choose another format"
    ):
        encode(picture, format="webp")


@pytest.mark.slow
def test_large_heic_is_tiled_and_keeps_its_blocks():
    blocks = load(file("JPEG", icc=b"I" * 200, xmp=b"<x/>")).metadata
    wide = replace(from_array(np.full((128, 2100, 3), 90, np.uint8)), metadata=blocks)
    data = encode(wide, format="HEIF")
    again = load(data)
    assert b"grid" in data
    assert again.pixels.shape == (128, 2100, 3)
    assert (again.metadata.icc, again.metadata.xmp) == (blocks.icc, blocks.xmp)


def test_pillow_gets_profile_exif_xmp_and_resolution():
    source = load(file("JPEG", exif=exif_block(6), icc=ICC, xmp=XMP, dpi=(300, 200)))
    image = to_pil(source)
    assert (image.mode, image.size) == ("RGB", source.pixels.shape[1::-1])
    again = from_pil(image)
    assert again.metadata == source.metadata
    assert image.getexif()[274] == 1
    out = io.BytesIO()
    image.save(out, "PNG")
    assert Image.open(out).info["icc_profile"] == ICC
    assert to_pil(load(file("PNG", photo("RGBA")))).mode == "RGBA"
