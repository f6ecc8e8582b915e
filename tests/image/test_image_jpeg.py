"""JPEG's outer structure: its end, its segments, and what lies behind."""

import numpy as np
import pytest
from image_samples import XMP, exif_block, file, photo, with_jpeg_segments

from imuge.errors import ImageError
from imuge.image import encode, jpeg, load, losses

KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "subsampled": {"subsampling": "4:2:0"},
    "grey": {"mode": "L"},
}


def made(kind):
    options = dict(KINDS[kind])
    return file("JPEG", photo(options.pop("mode", "RGB")), quality=90, **options)


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_only_its_end_is_read_whole(kind, missing):
    data = made(kind)
    picture = load(data[:-missing])
    np.testing.assert_array_equal(picture.pixels, load(data).pixels)
    assert "the JPEG lacks its end mark, though no pixel; it has one now" in picture.notes
    assert load(encode(picture)).notes == ()


@pytest.mark.parametrize("missing", [3, 4, 6, 10, 40, 400])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_pixels_is_refused(kind, missing):
    with pytest.raises(ImageError, match="damaged or cut short"):
        load(made(kind)[:-missing])


def test_every_cut_of_the_coded_pixels_is_refused():
    data = made("baseline")
    for length in range(len(data) - 3, len(data) - 300, -7):
        with pytest.raises(ImageError):
            load(data[:length])


def test_a_progressive_jpeg_that_lacks_whole_scans_is_refused():
    data = made("progressive")
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    for at in scans[1:]:
        with pytest.raises(ImageError):
            load(data[:at])


def test_a_file_with_its_end_is_decoded_once(monkeypatch):
    monkeypatch.setattr(jpeg, "_decoded", None)
    assert load(made("progressive")).notes == ()


def test_a_giant_without_its_end_is_refused_before_decoding(monkeypatch):
    data = bytearray(file("JPEG")[:-2])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (16_000).to_bytes(2, "big") + (17_000).to_bytes(2, "big")
    monkeypatch.setattr(jpeg, "_decoded", None)
    with pytest.raises(ImageError, match=r"17000×16000"):
        load(bytes(data))


def test_exif_split_over_segments_is_put_together_and_its_length_known_before_writing():
    block = exif_block() + bytes(90_000)
    segments = [(0xE1, b"Exif\0\0" + block[at : at + 60_000]) for at in (0, 60_000)]
    picture = load(with_jpeg_segments(file("JPEG"), *segments))
    assert picture.metadata.exif == block
    (said,) = losses(picture)
    assert said.startswith(f"the EXIF data is {len(block):,} bytes long, more than 65,527")
    assert load(encode(picture)).metadata.exif is None
    assert losses(picture, "png") == ()
    assert load(encode(picture, format="png")).metadata.exif == block


def test_a_second_exif_block_and_a_second_xmp_packet_are_dropped_by_name():
    first, second = exif_block(), exif_block(3)
    data = with_jpeg_segments(
        file("JPEG"),
        *((0xE1, b"Exif\0\0" + block) for block in (first, second)),
        *((0xE1, jpeg.XMP + packet) for packet in (XMP, b"<second/>")),
    )
    picture = load(data)
    assert (picture.metadata.exif, picture.metadata.xmp) == (first, XMP)
    assert picture.notes == (
        "a second block of EXIF data is dropped",
        "a second XMP packet is dropped",
    )


def test_a_doubled_exif_header_is_read():
    data = with_jpeg_segments(file("JPEG"), (0xE1, b"Exif\0\0Exif\0\0" + exif_block()))
    assert load(data).metadata.exif == exif_block()


@pytest.mark.parametrize(
    ("behind", "notes"),
    [
        (bytes(5000), ()),
        (b"abc", ("3 bytes behind the end of the JPEG are dropped",)),
        (
            b"\0\0\0\x18ftypmp42" + bytes(88),
            ("100 bytes, a video, behind the end of the JPEG are dropped",),
        ),
    ],
)
def test_what_lies_behind_the_end_is_named(behind, notes):
    assert load(file("JPEG") + behind).notes == notes


def test_segments_that_are_not_carried_are_named_and_ordinary_ones_are_not():
    data = with_jpeg_segments(
        file("JPEG"), (0xE3, b"Meta\0\0x"), (0xEC, b"Ducky\0"), (0xE0, b"JFXX\0x")
    )
    (note,) = load(data).notes
    assert note == "JPEG segments are dropped: APP3 Meta, APP0 JFXX"
