"""After a turn, and after other pictures are left behind, no block contradicts the pixels."""

import io
import struct

import numpy as np
import pytest
from image_samples import HEIGHT, IPTC, WIDTH, exif_block, file, photo, with_jpeg_segments
from PIL import ExifTags, Image

from imuge.image import encode, exif, jpeg, load

NOTE = "the preview in the {} is dropped: it shows the picture as it was"
CAMERA = 'xmlns:c="http://ns.google.com/photos/1.0/camera/"'
CONTAINER = 'xmlns:k="http://ns.google.com/photos/1.0/container/"'


def thumbnail():
    return file("JPEG", photo().resize((80, 68)), quality=60)


def exif_with_thumbnail(orientation, size, order="<", behind=b""):
    """IFD0, an Exif IFD with sizes, resolutions and a subject, IFD1 with a JPEG, and `behind`."""

    def short(tag, *values):
        packed = struct.pack(f"{order}{len(values)}H", *values).ljust(4, b"\0")
        return struct.pack(order + "HHI", tag, 3, len(values)) + packed

    def long(tag, value):
        return struct.pack(order + "HHII", tag, 4, 1, value)

    def ratio(tag, at):
        return struct.pack(order + "HHII", tag, 5, 1, at)

    def directory(entries, following):
        body = struct.pack(order + "H", len(entries)) + b"".join(entries)
        return body + struct.pack(order + "I", following)

    picture = thumbnail()
    first, inner = 8, 8 + 6 + 12 * 4
    second = inner + 6 + 12 * 4
    ratios = second + 6 + 12 * 3
    at = ratios + 32
    values = struct.pack(order + "8I", 300, 1, 200, 1, 30, 1, 20, 1)
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", first)
    block += directory(
        [
            short(0x0112, orientation),
            ratio(0x011A, ratios),
            ratio(0x011B, ratios + 8),
            long(0x8769, inner),
        ],
        second,
    )
    block += directory(
        [
            short(0x9214, size[0] // 2, 10),
            long(0xA002, size[0]),
            short(0xA003, size[1]),
            ratio(0xA20E, ratios + 16),
        ],
        0,
    )
    block += directory([short(0x0103, 6), long(0x0201, at), long(0x0202, len(picture))], 0)
    return block + values + picture + behind


def read(block):
    tags = Image.Exif()
    tags.load(block)
    return tags


@pytest.mark.parametrize("order", ["<", ">"])
def test_sizes_and_resolutions_turn_and_the_thumbnail_goes(order):
    stored = photo().transpose(Image.Transpose.ROTATE_90)
    block = exif_with_thumbnail(6, stored.size, order)
    picture = load(encode(load(file("JPEG", stored, exif=block))))
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    tags = read(picture.metadata.exif)
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    assert (tags[0x0112], inner[0xA002], inner[0xA003]) == (1, WIDTH, HEIGHT)
    assert (tags[0x011A], tags[0x011B]) == (200, 300)
    assert 0x9214 not in inner
    assert tags.get_ifd(ExifTags.IFD.IFD1) == {}
    assert b"\xff\xd8\xff" not in picture.metadata.exif


def test_the_thumbnail_goes_from_an_upright_picture_too_and_a_note_says_so():
    # It may show what was edited out of the picture.
    block = exif_with_thumbnail(1, (WIDTH, HEIGHT), behind=b"behind the thumbnail")
    picture = load(file("JPEG", exif=block))
    assert picture.notes == (NOTE.format("EXIF data"),)
    left = picture.metadata.exif
    at = block.index(thumbnail())
    assert left[: at - 32 - 6 - 36] == block[: at - 32 - 6 - 36].replace(
        struct.pack("<I", block.index(struct.pack("<HHI", 0x0103, 3, 1)) - 2), bytes(4)
    )
    assert left.endswith(b"behind the thumbnail")
    assert len(left) == len(block)
    assert read(left).get_ifd(ExifTags.IFD.Exif)[0xA002] == WIDTH


def test_previews_in_the_maker_note_are_blanked_and_the_rest_of_it_stays():
    tags = Image.Exif()
    inner = tags.get_ifd(0x8769)
    inner[0x927C] = b"NOTE" + thumbnail() + b"rest"
    tags[0x8769] = inner
    block = tags.tobytes().removeprefix(b"Exif\0\0")
    left, found = exif.without_thumbnail(block)
    assert found
    note = read(left).get_ifd(0x8769)[0x927C]
    assert note == b"NOTE" + bytes(len(thumbnail())) + b"rest"


def test_previews_in_photoshop_resources_go():
    preview = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"JPEG"
    data = with_jpeg_segments(file("JPEG"), (0xED, jpeg.PHOTOSHOP + preview + IPTC))
    picture = load(data)
    assert picture.metadata.iptc == IPTC
    assert picture.notes == (NOTE.format("Photoshop data"),)


@pytest.mark.parametrize(
    "declared",
    [
        f'<r {CAMERA} a="1" c:MotionPhoto="1" c:MotionPhotoVersion="1"/>',
        f'<r {CAMERA} a="1" c:MicroVideo="1" c:MicroVideoOffset="400"/>',
        f'<r {CONTAINER} a="1"><k:Directory><l><k:Item/></l></k:Directory></r>',
        '<r xmlns:xmp="http://ns.adobe.com/xap/1.0/" a="1"><xmp:Thumbnails>x</xmp:Thumbnails></r>',
    ],
)
def test_declarations_of_what_is_gone_go_with_it(declared):
    picture = load(file("JPEG", xmp=declared.encode()))
    for gone in (b"MotionPhoto", b"MicroVideo", b"Directory", b"Thumbnails"):
        assert gone not in picture.metadata.xmp
    assert b'a="1"' in picture.metadata.xmp
    said = "what the XMP says of previews, videos and further pictures is taken out"
    assert said in picture.notes


def test_sizes_and_faces_in_xmp_follow_a_turn_and_stay_without_one():
    packet = (
        b'<r xmlns:tiff="t" xmlns:m="http://www.metadataworkinggroup.com/schemas/regions/" '
        b'tiff:ImageWidth="136" tiff:ImageLength="160"><m:Regions><a/></m:Regions><b/></r>'
    )
    stored = photo().transpose(Image.Transpose.ROTATE_90)
    turned = load(file("JPEG", stored, exif=exif_block(6), xmp=packet)).metadata.xmp
    assert b'tiff:ImageWidth="160" tiff:ImageLength="136"><b/></r>' in turned
    assert load(file("JPEG", exif=exif_block(1), xmp=packet)).metadata.xmp == packet


def test_pictures_in_the_extended_xmp_go_with_it():
    part = jpeg.EXTENDED_XMP + b"G" * 40 + b'<x GImage:Data="abc"/>'
    data = with_jpeg_segments(
        file("JPEG", xmp=b'<x xmpNote:HasExtendedXMP="G" a="b"/>'), (0xE1, part)
    )
    picture = load(data)
    assert (picture.metadata.extended_xmp, picture.metadata.xmp) == ((), b'<x a="b"/>')
    assert "further pictures in the extended XMP are dropped with it" in picture.notes


def test_a_turned_heic_has_its_sizes_turned():
    stored = photo().transpose(Image.Transpose.ROTATE_90)
    picture = load(file("HEIF", stored, exif=exif_with_thumbnail(6, stored.size)))
    inner = read(picture.metadata.exif).get_ifd(ExifTags.IFD.Exif)
    assert (inner[0xA002], inner[0xA003]) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_turn_by_the_container_has_its_note(kind):
    stored = photo().transpose(Image.Transpose.ROTATE_90)
    picture = load(file(kind, stored, exif=exif_block(6)))
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    assert any("stored turned" in note for note in picture.notes)
    assert not any("stored turned" in note for note in load(file(kind)).notes)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_broken_exif_costs_itself(kind):
    data = bytearray(file(kind, exif=exif_block()))
    at = data.index(b"MM\0*")
    data[at : at + 4] = b"XXXX"
    picture = load(bytes(data))
    np.testing.assert_allclose(picture.pixels, np.asarray(load(file(kind)).pixels), atol=3)
    if kind == "AVIF":
        assert picture.metadata.exif is None
        assert "the EXIF data is damaged and is dropped" in picture.notes


def test_tiff_tags_that_are_dropped_are_named():
    layers = b"Adobe Photoshop Document Data Block\0" + bytes(4)
    (note,) = load(file("TIFF", tags={37724: layers, 65000: b"mine"})).notes
    assert note.startswith("TIFF tags are dropped: Photoshop's layers, ")
    assert "65000" in note
    assert load(file("TIFF", tags={271: "Maker"})).notes == ()


def test_webp_and_avif_parts_that_are_dropped_are_named():
    webp = file("WEBP") + b"ODD " + struct.pack("<I", 4) + b"more"
    assert "WebP chunks are dropped: ODD" in load(webp).notes
    avif = file("AVIF") + struct.pack(">I4s", 12, b"mpvd") + b"more"
    assert "AVIF boxes are dropped: mpvd" in load(avif).notes
    with Image.open(io.BytesIO(avif)) as image:
        image.load()
