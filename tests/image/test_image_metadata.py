"""Metadata: byte for byte through each format, coordinates gone on request."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_samples import (
    FORMATS,
    ICC,
    IPTC,
    LATITUDE,
    LONGITUDE,
    XMP,
    coordinates,
    exif_block,
    file,
    png_chunk,
    with_jpeg_segments,
    with_png_chunks,
)
from PIL import Image
from PIL.ExifTags import IFD

from imuge.errors import ConfigError
from imuge.image import encode, exif, load, losses, xmp

PHOTOSHOP = b"Photoshop 3.0\0"


def read_exif(block):
    tags = Image.Exif()
    tags.load(block)
    return tags


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_exif_icc_and_xmp_survive_byte_for_byte(kind):
    # A colour profile and XMP beyond 64 KiB do not fit one JPEG segment each; ICC may span some.
    icc = ICC + bytes(70_000)
    picture = load(file(kind, exif=exif_block(), icc=icc, xmp=XMP))
    if kind != "AVIF":  # Pillow moves the orientation out of EXIF when it writes AVIF
        assert picture.metadata.exif == exif_block()
    again = load(encode(picture)).metadata
    assert (again.icc, again.xmp) == (icc, XMP)
    assert again.exif == picture.metadata.exif


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_blocks_cross_formats(source, target):
    given_exif = None if source == "TIFF" else exif_block()
    picture = load(file(source, icc=ICC, xmp=XMP, exif=given_exif))
    again = load(encode(picture, format=target)).metadata
    assert (again.icc, again.xmp) == (ICC, XMP)
    if source != "TIFF":
        tags = read_exif(again.exif)
        assert tags[271] == "Camera"
        assert tags.get_ifd(IFD.Exif)[0x9003] == "2024:05:06 07:08:09"
        assert tags.get_ifd(IFD.GPSInfo)[2] == LATITUDE
        assert tags.get_ifd(IFD.GPSInfo)[4] == LONGITUDE
        if {source, target}.isdisjoint({"TIFF", "AVIF"}) or (source, target) == ("JPEG", "AVIF"):
            assert again.exif == exif_block()


def test_tiff_keeps_its_descriptive_tags():
    data = file("TIFF", tags={271: "Maker", 315: "Me", 33432: "(c)", 34377: IPTC}, dpi=(240, 120))
    picture = load(encode(load(data)))
    with Image.open(io.BytesIO(encode(picture))) as image:
        assert [image.tag_v2[tag] for tag in (271, 315, 33432)] == ["Maker", "Me", "(c)"]
    assert picture.metadata.iptc == IPTC
    assert picture.metadata.dpi == (240, 120)


def test_bare_iptc_of_a_tiff_becomes_a_photoshop_resource():
    assert load(file("TIFF", tags={33723: IPTC[12:]})).metadata.iptc == IPTC


def test_jpeg_keeps_caption_comments_and_extended_xmp():
    big = IPTC + b"8BIM\x04\x0b\0\0" + struct.pack(">I", 70_000) + bytes(70_000)
    parts = [b"http://ns.adobe.com/xmp/extension/\0" + b"G" * 40 + text for text in (b"<x", b"/>")]
    data = with_jpeg_segments(
        file("JPEG", dpi=(72, 96), exif=exif_block()),
        *((0xED, PHOTOSHOP + big[at : at + 60_000]) for at in (0, 60_000)),
        (0xFE, b"first"),
        (0xFE, b"second"),
        *((0xE1, part) for part in parts),
    )
    first, again = load(data).metadata, load(encode(load(data))).metadata
    assert first == again
    assert first.iptc == big
    assert first.comments == (b"first", b"second")
    assert first.extended_xmp == tuple(parts)
    assert first.dpi == (72, 96)


def test_png_keeps_colour_and_text_chunks():
    colour = ((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(range(32))))
    text = ((b"tEXt", b"Title\0A title"), (b"iTXt", b"Author\0\0\0\0\0\xc3\x84"))
    picture = load(with_png_chunks(file("PNG", dpi=(300, 300)), *colour, *text))
    again = encode(picture)
    assert all(png_chunk(*chunk) in again for chunk in (*colour, *text))
    assert load(again).metadata == picture.metadata
    assert picture.metadata.dpi == (300, 300)


def test_damaged_old_style_exif_in_png_is_dropped_with_a_note():
    text = b"Raw profile type exif\0\nexif\n 3\nno hex\n"
    picture = load(with_png_chunks(file("PNG"), (b"tEXt", text)))
    assert picture.metadata.exif is None
    assert picture.notes == ("the EXIF data is damaged and is dropped",)


def test_old_style_exif_text_in_png_becomes_exif():
    body = b"Exif\0\0" + exif_block()
    text = f"Raw profile type exif\0\nexif\n{len(body):8}\n{body.hex()}\n".encode()
    picture = load(with_png_chunks(file("PNG"), (b"tEXt", text)))
    assert picture.metadata.exif == exif_block()
    assert picture.metadata.text == ()


@pytest.mark.parametrize("kind", FORMATS)
def test_no_gps_removes_coordinates_and_nothing_else(kind):
    picture = load(file("JPEG", exif=exif_block(), icc=ICC, xmp=XMP))
    data = encode(picture, format=kind, metadata="no-gps")
    assert not any(place in data for place in (*coordinates(), b"48,12.5N", b"11,34.25E", b"519/1"))
    assert b"GPS" not in data
    assert b"WGS-84" not in data
    again = load(data).metadata
    tags = read_exif(again.exif)
    assert tags.get_ifd(IFD.GPSInfo) == {}
    assert tags[271] == "Camera"
    assert tags.get_ifd(IFD.Exif)[0x9003] == "2024:05:06 07:08:09"
    assert tags.get_ifd(IFD.Exif)[0x927C].startswith(b"NOTE")
    assert again.icc == ICC
    for kept in (b'dc:title="T\xc3\xa4"', b'dc:rights="me"', b"<dc:creator>A</dc:creator>"):
        assert kept in again.xmp


def test_no_gps_keeps_every_other_exif_byte_in_place():
    block, edited = exif_block(), exif.without_places(exif_block())
    assert len(edited) == len(block)
    values = block.index(b"Camera")
    at = [block.index(place) for place in coordinates()]
    assert edited[values : at[0]] == block[values : at[0]]


@pytest.mark.parametrize("cut", [4, 8, 20, 60, 130])
def test_no_gps_drops_exif_that_is_too_damaged_to_check(cut):
    left = exif.without_places(exif_block()[:cut])
    assert left is None or b"\x88\x25" not in left


@pytest.mark.parametrize(
    "packet",
    [
        XMP[:-20],  # no sound XML
        b'<!DOCTYPE a [<!ENTITY g "48.8582, 2.2945">]><a b="&g;" c:city="x"/>',
        b"<a>" * 70 + b"<exif:GPSLatitude/>" + b"</a>" * 70,
    ],
)
def test_no_gps_drops_xmp_it_cannot_clean(packet):
    assert xmp.without_places(packet) is None


def test_no_gps_cleans_nested_values_and_other_encodings():
    nested = b"<a><exif:GPSLatitude><rdf:Bag><rdf:li>1</rdf:li></rdf:Bag></exif:GPSLatitude>b</a>"
    assert xmp.without_places(nested) == b"<a>b</a>"
    cleaned = xmp.without_places(XMP.decode().encode("utf-16"))
    assert cleaned == xmp.without_places(XMP)


def test_no_gps_knows_other_vendors_names_and_keeps_the_rest():
    packet = b"<d drone-dji:GpsLatitude=\"+1.5\" drone-dji:Yaw='3'><c:GPSAlt/>GPS unit</d>"
    assert xmp.without_places(packet) == b"<d drone-dji:Yaw='3'>GPS unit</d>"


def test_no_gps_drops_extended_xmp_that_names_gps_even_across_segments():
    name = b"http://ns.adobe.com/xmp/extension/\0" + b"G" * 32 + b"\0\0\0\x20"
    parts = [name + b"\0\0\0\x04SLatitude='1'>", name + b"\0\0\0\0<x exif:GP"]
    data = with_jpeg_segments(
        file("JPEG", xmp=b'<x xmpNote:HasExtendedXMP="G" a="b"/>'),
        *((0xE1, part) for part in parts),
    )
    again = load(encode(load(data), metadata="no-gps")).metadata
    assert again.extended_xmp == ()
    assert again.xmp == b'<x a="b"/>'


def test_no_gps_drops_copies_in_photoshop_resources_and_png_text():
    copy = b"8BIM\x04\x22\0\0" + struct.pack(">I", 4) + b"EXIF"
    jpeg = with_jpeg_segments(file("JPEG"), (0xED, PHOTOSHOP + copy + IPTC))
    assert load(encode(load(jpeg), metadata="no-gps")).metadata.iptc == IPTC
    texts = [(b"tEXt", b"exif:GPSLatitude\x0048"), (b"tEXt", b"Title\0A")]
    png = with_png_chunks(file("PNG"), *texts)
    assert load(encode(load(png), metadata="no-gps")).metadata.text == (texts[1],)


@pytest.mark.parametrize("kind", FORMATS)
def test_none_leaves_only_what_the_colours_need(kind):
    data = with_jpeg_segments(
        file("JPEG", exif=exif_block(), icc=ICC, xmp=XMP),
        (0xED, PHOTOSHOP + IPTC),
        (0xFE, b"a comment"),
    )
    data = encode(load(data), format=kind, metadata="none")
    left = load(data).metadata
    assert left.icc == ICC
    assert (left.exif, left.xmp, left.iptc, left.comments) == (None, None, None, ())
    for word in (b"Camera", b"rdf:", b"caption", b"comment"):
        assert word not in data


def test_unknown_policy_is_refused():
    with pytest.raises(ConfigError, match="keep, no-gps, none"):
        encode(load(file("PNG")), metadata="all")


def test_what_a_format_cannot_hold_is_said():
    data = with_jpeg_segments(file("JPEG"), (0xED, PHOTOSHOP + IPTC), (0xFE, b"c"))
    picture = load(data)
    assert losses(picture) == ()
    assert [sentence.split(" has")[0] for sentence in losses(picture, "png")] == [
        "the IPTC caption block",
        "the JPEG comment",
    ]


def test_metadata_too_big_for_jpeg_is_known_before_and_left_out():
    picture = load(file("PNG", xmp=b"<x>" + b" " * 70_000))
    (said,) = losses(picture, "jpeg")
    assert said.startswith("the XMP is 70,003 bytes long, more than 65,504, which is what JPEG")
    assert load(encode(picture, format="jpeg")).metadata.xmp is None
    assert losses(picture, "jpeg", "none") == ()


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 400),
)
def test_damaged_exif_never_raises_and_never_grows(edits, length):
    block = bytearray(exif_block(6))
    for at, value in edits:
        block[at % len(block)] = value
    block = bytes(block[:length])
    assert exif.orientation(block) in {None, *range(1, 9)}
    assert exif.orientation(exif.upright(block)) in {None, 1}
    assert len(exif.upright(block)) == len(block)
    assert len(exif.turned(block, 30, 40)) == len(block)
    assert len(exif.without_thumbnail(block)[0]) <= len(block)
    left = exif.without_places(block)
    assert left is None or len(left) == len(block)


def test_hostile_xmp_is_cleaned_in_linear_time():
    for hostile in (b"<a:gps", b" a:gps='", b"<a:gps>", b" a:gps=", b"<a:gps x"):
        cleaned = xmp.without_places(hostile * 60_000)
        assert cleaned is None or b"gps" not in cleaned
