"""16 bits a channel: read and written exactly, and 8 where they are asked for."""

import io
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from image_samples import (
    HEIGHT,
    ICC,
    IPTC,
    WIDTH,
    XMP,
    deep_array,
    deep_file,
    exif_block,
    grey_icc,
    png_chunk,
    with_png_chunks,
)
from PIL import Image
from test_image_orientation import STORED

from imuge.errors import ImageError, UnsupportedError
from imuge.image import encode, from_array, load, losses
from imuge.protection.frame import add_to_picture, published_frame


@pytest.mark.parametrize(
    ("kind", "channels"),
    [("PNG", 1), ("PNG", 2), ("PNG", 3), ("PNG", 4), ("TIFF", 1), ("TIFF", 3), ("TIFF", 4)],
)
def test_every_sample_survives_reading_and_writing(kind, channels):
    array = deep_array(channels)
    options = {"extrasamples": ["unassalpha"]} if kind == "TIFF" and channels == 4 else {}
    picture = load(deep_file(kind, array[..., 0] if channels == 1 else array, **options))
    colours = array[..., : 3 if channels > 2 else 1]
    alpha = array[..., -1] if channels in {2, 4} else None
    seen = picture.judged
    assert (picture.bits, picture.samples.dtype, picture.lossless) == (16, np.uint16, True)
    expected = np.broadcast_to(colours, picture.samples.shape)[seen]
    for again in (
        picture,
        load(encode(picture, format="PNG")),
        load(encode(picture, format="tif")),
    ):
        np.testing.assert_array_equal(again.samples[seen], expected)
        assert (again.samples[~seen] == 65535).all()
        if alpha is not None:
            np.testing.assert_array_equal(again.alpha, alpha)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (64, 64)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
    ],
    ids=["tiled", "big", "big-endian", "predicted", "planar"],
)
def test_tiff_layouts(options):
    array = deep_array()
    given = array.transpose(2, 0, 1).copy() if "planarconfig" in options else array
    np.testing.assert_array_equal(load(deep_file("TIFF", given, **options)).samples, array)


def test_written_tiff_is_what_others_read():
    array = deep_array(4)
    data = encode(from_array(array), format="TIFF")
    seen = array[..., 3] > 0
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data))[seen], array[seen])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_all_orientations_are_upright(kind, orientation):
    array = deep_array(4)
    stored = np.ascontiguousarray(STORED[orientation](array)) if orientation < 5 else None
    if stored is None:
        stored = np.dstack([STORED[orientation](array[..., k, None])[..., 0] for k in range(4)])
    if kind == "PNG":
        data = with_png_chunks(deep_file(kind, stored), (b"eXIf", exif_block(orientation)))
    else:
        tag = (274, "H", 1, orientation, True)
        data = deep_file(kind, stored, extrasamples=["unassalpha"], extratags=[tag])
    picture = load(data)
    seen = picture.judged
    np.testing.assert_array_equal(picture.alpha, array[..., 3])
    np.testing.assert_array_equal(picture.samples[seen], array[..., :3][seen])
    assert bool([note for note in picture.notes if "turned" in note]) == (orientation != 1)


def test_metadata_survives_16_bits():
    array = deep_array()
    text = (b"tEXt", b"Title\0A title")
    blocks = replace(
        from_array(array).metadata,
        exif=exif_block(),
        icc=ICC,
        xmp=XMP,
        text=(text,),
        dpi=(300, 200),
    )
    data = encode(replace(from_array(array), metadata=blocks))
    assert load(data).metadata == blocks
    assert png_chunk(*text) in data
    tiff = load(
        encode(replace(from_array(array), metadata=replace(blocks, iptc=IPTC)), format="tif")
    )
    assert (tiff.metadata.icc, tiff.metadata.xmp, tiff.metadata.iptc) == (ICC, XMP, IPTC)
    assert tiff.metadata.dpi == (300, 200)
    bare = load(encode(from_array(array)))
    assert bare.metadata == from_array(array).metadata


def test_grey_profile_is_applied_at_16_bits():
    grey = np.full((128, 128), 64 * 257, np.uint16)
    data = deep_file("PNG", grey)
    profile = b"grey\0\0" + zlib.compress(grey_icc(1.0))
    picture = load(with_png_chunks(data, (b"iCCP", profile)))
    assert picture.metadata.icc is None
    assert any("sRGB now" in note for note in picture.notes)
    # Linear 64/255 is 137 in sRGB's tone curve.
    assert np.abs(picture.samples.astype(int) - 137 * 257).max() <= 2 * 257


def test_8_bits_are_given_where_asked_and_losses_say_so():
    picture = load(deep_file("PNG"))
    rounded = np.rint(picture.samples / 257)
    np.testing.assert_array_equal(picture.pixels, rounded)
    assert losses(picture, "png") == losses(picture, "tiff") == ()
    for kind in ("JPEG", "WEBP", "AVIF"):
        assert f"{kind} is written with 8 bits per channel instead of 16" in losses(picture, kind)
    again = load(encode(picture, format="webp"))
    assert again.bits == 8


def test_a_patch_leaves_every_other_sample_as_it_was():
    picture = from_array(deep_array())
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:9, 7:20] = True
    patched = picture.with_patch(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), mask)
    np.testing.assert_array_equal(patched.samples[~mask], picture.samples[~mask])
    assert (patched.samples[mask] == 200 * 257).all()


def test_what_is_published_differs_by_what_is_added_alone_at_both_depths():
    frame = published_frame(WIDTH, HEIGHT)
    for array, grey_level in ((deep_array(), 257), ((deep_array() >> 8).astype(np.uint8), 1)):
        for levels in (0, 2):
            residual = np.full((*frame.size, 3), levels, np.float32)
            added = add_to_picture(array, residual, frame)
            wanted = np.minimum(array.astype(int) + levels * grey_level, np.iinfo(array.dtype).max)
            assert added.dtype == array.dtype
            np.testing.assert_array_equal(added, wanted)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_cut_files_are_refused(kind, kept):
    rng = np.random.default_rng(3)
    data = deep_file(kind, rng.integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16))
    with pytest.raises(ImageError, match="cut short"):
        load(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_without_pyvips_the_message_says_how_to_get_it(monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(UnsupportedError, match=r"16 bits.*pip install 'pyvips\[binary\]'"):
        load(deep_file(kind))
    with pytest.raises(UnsupportedError, match=r"pip install 'pyvips\[binary\]'"):
        encode(from_array(deep_array()))


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), {}, "32-bit floating-point channels"),
        (np.zeros((HEIGHT, WIDTH, 3), np.float16), {}, "16-bit floating-point channels"),
        (np.zeros((HEIGHT, WIDTH, 3), np.int16), {}, "16-bit signed channels"),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint32), {}, "32-bit channels"),
        (
            np.zeros((HEIGHT, WIDTH, 4), np.uint16),
            {"photometric": "separated"},
            "16 bits per channel in CMYK colours",
        ),
    ],
)
def test_other_numbers_are_refused_by_their_name(array, options, words):
    with pytest.raises(ImageError, match=words):
        load(deep_file("TIFF", array, **options))


def test_pillow_alone_would_lose_half_of_each_sample():  # why all this is done
    with Image.open(io.BytesIO(deep_file("PNG"))) as image:
        assert np.asarray(image).dtype == np.uint8
