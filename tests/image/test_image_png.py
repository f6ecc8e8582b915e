"""PNG's side data cost themselves and never the picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from image_samples import ICC, XMP, exif_block, file, photo, png_chunk, with_png_chunks
from PIL import Image

from imuge.errors import ImageError
from imuge.image import encode, load, losses, png

BIG_PROFILE = ICC + np.random.default_rng(5).bytes(1_500_000).hex().encode()


def profile(icc):
    return (b"iCCP", b"name\0\0" + zlib.compress(icc, 1))


def same_pixels(picture):
    np.testing.assert_array_equal(picture.pixels, np.asarray(photo()))
    return picture


def test_a_profile_above_the_readers_limit_is_read_and_known_to_be_lost_before_png():
    picture = same_pixels(load(with_png_chunks(file("PNG"), profile(BIG_PROFILE))))
    assert picture.metadata.icc == BIG_PROFILE
    (said,) = losses(picture)
    assert said.startswith("the colour profile is 3,000,792 bytes long, more than 1,048,576")
    assert load(encode(picture)).metadata.icc is None
    assert load(encode(picture, format="jpeg")).metadata.icc == BIG_PROFILE
    assert losses(picture, "jpeg") == ()


@pytest.mark.parametrize(
    "body", [b"x\0\0not zlib at all", b"x\0\0" + zlib.compress(ICC)[:-9], b"no end of the name"]
)
def test_a_broken_profile_is_dropped_with_a_note(body):
    picture = same_pixels(load(with_png_chunks(file("PNG"), (b"iCCP", body))))
    assert picture.metadata.icc is None
    assert picture.notes == ("the colour profile is damaged or too long and is dropped",)


def test_a_bomb_of_a_profile_is_not_inflated():
    machine = zlib.compressobj(9)
    bomb = b"".join(machine.compress(bytes(2**20)) for _ in range(40))
    picture = load(with_png_chunks(file("PNG"), (b"iCCP", b"x\0\0" + bomb + machine.flush())))
    assert picture.metadata.icc is None


def test_texts_longer_than_readers_take_are_dropped_by_name_and_the_others_kept():
    long = (b"zTXt", b"workflow\0\0" + zlib.compress(b"{}" * 2**20))
    kept = (b"iTXt", b"prompt\0\0\0\0\0" + b"{}" * 2**20)
    picture = same_pixels(load(with_png_chunks(file("PNG"), long, kept)))
    assert picture.metadata.text == (kept,)
    assert picture.notes == (
        "the text 'workflow' is damaged, or longer than PNG readers take, and is dropped",
    )
    assert load(encode(picture)).metadata.text == (kept,)


def test_texts_that_are_too_long_together_are_dropped_from_where_they_are():
    texts = [(b"zTXt", b"k%d\0\0" % k + zlib.compress(bytes(1_000_000))) for k in range(70)]
    picture = same_pixels(load(with_png_chunks(file("PNG"), *texts)))
    assert picture.metadata.text == tuple(texts[:67])
    assert [note.split("'")[1] for note in picture.notes] == ["k67", "k68", "k69"]
    with Image.open(io.BytesIO(encode(picture))) as image:
        image.load()


def test_a_damaged_text_chunk_is_dropped_by_name():
    damaged = png_chunk(b"tEXt", b"Title\0a")[:-1] + b"\1"
    data = file("PNG")
    picture = same_pixels(load(data[:33] + damaged + data[33:]))
    assert picture.notes == ("a damaged tEXt chunk is dropped",)
    assert picture.metadata.text == ()


def test_damage_in_the_header_is_refused():
    data = bytearray(file("PNG"))
    data[32] ^= 1  # the checksum
    with pytest.raises(ImageError, match="damaged"):
        load(bytes(data))


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_its_name(transfer, name):
    data = with_png_chunks(file("PNG"), (b"cICP", bytes([9, transfer, 0, 1])))
    with pytest.raises(ImageError, match=rf"is HDR \(cICP says {name}\); export a standard"):
        load(data)


def test_wide_gamut_is_carried():
    chunk = (b"cICP", bytes([12, 13, 0, 1]))
    picture = load(with_png_chunks(file("PNG"), chunk))
    assert load(encode(picture)).metadata.colour == (chunk,)


@pytest.mark.parametrize("chunk", [(b"cHRM", bytes(range(32))), (b"gAMA", struct.pack(">I", 9))])
def test_a_colour_description_alone_is_not_lost_silently(chunk):
    picture = load(with_png_chunks(file("PNG"), chunk))
    assert losses(picture, "png") == ()
    assert losses(picture, "webp") == (
        "PNG's own colour description has no place in WEBP and is dropped",
    )


def test_chunks_that_do_not_fit_and_bytes_behind_the_end_are_named():
    chunks = ((b"bKGD", b"\0\xff" * 3), (b"sBIT", b"\5\6\5"), (b"prVt", b"mine"))
    picture = load(with_png_chunks(file("PNG"), *chunks) + b"more")
    assert picture.notes == (
        "PNG chunks that do not fit the new pixels are dropped: bKGD, prVt, sBIT",
        "4 bytes behind the end of the PNG are dropped",
    )


def test_compressed_xmp_and_two_blocks_of_it():
    packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)
    plain = b"XML:com.adobe.xmp\0\0\0de\0Titel\0<other/>"
    picture = load(with_png_chunks(file("PNG"), (b"iTXt", packed), (b"iTXt", plain)))
    assert picture.metadata.xmp == XMP
    assert "a second XMP packet is dropped" in picture.notes


def test_metadata_is_put_behind_the_header_and_is_what_pillow_reads():
    blocks = load(file("PNG", exif=exif_block(), icc=ICC, xmp=XMP, dpi=(300, 200))).metadata
    bare = file("PNG")
    made = png.with_metadata(bare, blocks)
    with Image.open(io.BytesIO(made)) as image:
        image.load()
        assert image.info["icc_profile"] == ICC
        assert image.info["exif"] == b"Exif\0\0" + exif_block()
        assert image.info["xmp"] == XMP
        assert [round(value) for value in image.info["dpi"]] == [300, 200]
    assert png.take_apart(made).pixels == png.take_apart(bare).pixels
