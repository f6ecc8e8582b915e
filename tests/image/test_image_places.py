"""no-gps: coordinates and names of places go from every block, all else stays."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_samples import file, png_chunk, with_jpeg_segments, with_png_chunks
from PIL import Image

from imuge.image import encode, exif, iptc, load, losses, xmp
from imuge.image.places import names_place, tells_place

NAMESPACES = (
    'xmlns:a="http://ns.adobe.com/photoshop/1.0/" xmlns:b="http://iptc.org/std/Iptc4xmpExt/'
    '2008-02-29/" xmlns:g="http://www.w3.org/2003/01/geo/wgs84_pos#" xmlns:e="http://ns.adobe.com/'
    'exif/1.0/" xmlns:d="http://purl.org/dc/elements/1.1/"'
)
HEAD = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="urn:r"><r:D {NAMESPACES}'
TAIL = "</r:D></r:RDF></x:xmpmeta>"


def packet(attributes="", inner=""):
    return f"{HEAD}{attributes}>{inner}{TAIL}".encode()


@pytest.mark.parametrize(
    ("attributes", "inner"),
    [
        (' a:City="Paris"', ""),
        (" a:State='Île-de-France'\n a:Country=\"France\"", ""),
        (' g:lat="48.8582" g:long="2.2945"', ""),
        (' e:GPSLatitude="48,51.492N"', ""),
        ("", "<g:Point><g:lat>48.8</g:lat></g:Point>"),
        ("", '<b:LocationCreated><r:Bag><r:li b:City="Paris"/></r:Bag></b:LocationCreated>'),
        ("", "<b:LocationShown/>"),
        (' d:source="at 48.8582, 2.2945"', ""),
        ("", "<!-- 48.8582, 2.2945 -->"),
        ("", "<d:coverage>48°51′29.5″N 2°17′40.2″E</d:coverage>"),
    ],
)
def test_a_place_goes_and_every_other_byte_stays(attributes, inner):
    kept = ' a:Credit="Me" d:rights="(c) &lt;A&gt;"'
    given = packet(kept + attributes, f"<d:title>T\u00e4</d:title>{inner}<d:last/>")
    assert xmp.without_places(given) == packet(kept, "<d:title>T\u00e4</d:title><d:last/>")


def test_keywords_that_are_a_place_named_elsewhere_go():
    subjects = "".join(
        f"<r:li>{word}</r:li>" for word in ("geo:lat=48.8582", "paris", "Places|France", "cat")
    )
    given = packet(' a:City="Paris"', f"<d:subject><r:Bag>{subjects}</r:Bag></d:subject>")
    known = xmp.place_names(given)
    assert known == {"paris"}
    left = "<d:subject><r:Bag><r:li>cat</r:li></r:Bag></d:subject>"
    assert xmp.without_places(given, known) == packet("", left)


def test_the_prefix_does_not_matter_and_a_packet_without_places_is_untouched():
    other = packet(' g:lat="1" g:alt="2"').replace(b" g:", b" zz:")
    other = other.replace(b"xmlns:g=", b"xmlns:zz=")
    assert xmp.without_places(other) == packet().replace(b"xmlns:g=", b"xmlns:zz=")
    plain = packet(' a:Credit="Me"', "<d:format>image/jpeg</d:format>")
    assert xmp.without_places(plain) == plain
    wrapped = b'<?xpacket begin="\xef\xbb\xbf"?>' + plain + b'<?xpacket end="w"?>'
    assert xmp.without_places(wrapped) == wrapped


@settings(max_examples=200, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=5))
def test_a_damaged_packet_is_cleaned_or_dropped(edits):
    given = bytearray(packet(' e:GPSLatitude="48,51.492N"', "<g:lat>48.8582</g:lat>"))
    for at, value in edits:
        given[at % len(given)] = value
    left = xmp.without_places(bytes(given))
    assert left is None or (b":GPS" not in left.upper() and len(left) <= len(given))


def record(dataset, text):
    return b"\x1c\x02" + bytes([dataset]) + struct.pack(">H", len(text)) + text


def resource(code, body):
    head = b"8BIM" + struct.pack(">H", code) + b"\0\0" + struct.pack(">I", len(body))
    return head + body + bytes(len(body) % 2)


def test_iptc_records_of_places_go_and_the_others_stay():
    kept = record(120, b"A caption.") + record(25, b"cat")
    places = b"".join(record(code, b"Paris") for code in (26, 27, 90, 92, 95, 100, 101))
    places += record(25, b"geo:lat=48.8582") + record(25, b"PARIS") + record(120, b"48.8582 2.2945")
    digest = resource(0x0425, bytes(16))
    other = resource(0x040B, b"http://example.org")
    given = other + resource(0x0404, kept + places) + digest
    known = iptc.place_names(given)
    assert known == {"paris"}
    assert iptc.without_places(given, known) == other + resource(0x0404, kept)
    untouched = other + resource(0x0404, kept) + digest
    assert iptc.without_places(untouched) == untouched
    assert iptc.without_places(b"8BIM\x04\x04\0\0\0\0") is None


def texts_in_exif():
    tags = Image.Exif()
    tags[0x010E] = "seen at 48.8582, 2.2945"
    tags[0x010F] = "Camera"
    tags[0x9C9E] = "N48.8582 E2.2945".encode("utf-16-le")
    tags[700] = b"<x exif:GPSLatitude='1'/>"
    inner = tags.get_ifd(0x8769)
    inner[0x9286] = b"UNICODE\0" + "geo:48.8582,2.2945".encode("utf-16-le")
    inner[0x9003] = "2024:05:06 07:08:09"
    tags[0x8769] = inner
    return tags.tobytes().removeprefix(b"Exif\0\0")


def test_texts_and_further_blocks_in_exif_are_blanked():
    block = texts_in_exif()
    left = exif.without_places(block)
    assert len(left) == len(block)
    for gone in (b"48.8582", "48.8582".encode("utf-16-le"), b"GPSLatitude"):
        assert gone in block
        assert gone not in left
    tags = Image.Exif()
    tags.load(left)
    assert (tags[0x010F], tags.get_ifd(0x8769)[0x9003]) == ("Camera", "2024:05:06 07:08:09")
    assert 700 not in tags


def test_notes_of_a_maker_who_writes_places_are_blanked():
    tags = Image.Exif()
    inner = tags.get_ifd(0x8769)
    inner[0x927C] = b"Panasonic\0\0\0" + b"Paris" + bytes(20)
    tags[0x8769] = inner
    left = exif.without_places(tags.tobytes().removeprefix(b"Exif\0\0"))
    assert b"Paris" not in left


@pytest.mark.parametrize(
    ("chunk", "goes"),
    [
        ((b"tEXt", b"Location\0Paris"), True),
        ((b"tEXt", b"exif:GPSLatitude\x0048"), True),
        ((b"tEXt", b"Comment\0at 48.8582, 2.2945"), True),
        ((b"zTXt", b"Comment\0\0" + zlib.compress(b"48.8582, 2.2945")), True),
        ((b"tEXt", b"Raw profile type iptc\0\niptc\n 3\n00"), True),
        ((b"tEXt", b"parameters\0steps: 20, cfg: 7.125, seed 4.25, 0.1234 0.5678"), False),
        ((b"tEXt", b"Author\0City Press"), False),
    ],
)
def test_png_texts(chunk, goes):
    picture = load(with_png_chunks(file("PNG"), chunk))
    assert (png_chunk(*chunk) in encode(picture, metadata="no-gps")) != goes
    assert png_chunk(*chunk) in encode(picture)


def test_comments_of_a_jpeg():
    data = with_jpeg_segments(file("JPEG"), (0xFE, b"at 48.8582, 2.2945"), (0xFE, b"mine"))
    assert load(encode(load(data), metadata="no-gps")).metadata.comments == (b"mine",)


def test_a_block_that_is_dropped_whole_is_named():
    data = file("JPEG", xmp=b"<x exif:GPSLatitude='1'")
    picture = load(data)
    assert losses(picture, None, "no-gps") == (
        "the XMP cannot be cleaned of places with certainty and is dropped",
    )
    assert load(encode(picture, metadata="no-gps")).metadata.xmp is None
    assert losses(picture) == ()


@pytest.mark.parametrize(
    "text",
    [
        "48.8582, 2.2945",
        "48.8582 2.2945",
        "geo:48.85,2.29",
        "lat=48.8",
        "Latitude: 48.8",
        "48°51'29.5\"N",
        "N 48.8582",
        "48,51.492N",
        "+48.8582+002.2945/",
        "8FW4V75V+8QX",
        "https://maps.example/@48.8582,2.2945,17z",
        "Places|France|Paris",
    ],
)
def test_texts_that_tell_a_place(text):
    assert tells_place(text)


@pytest.mark.parametrize(
    "text",
    ["", "f/2.8 1/250", "24.5 mm, 100", "0.4150, 0.5231", "1.5 2.3", "20 °C", "a long latte"],
)
def test_texts_that_do_not(text):
    assert not tells_place(text)


def test_names_of_properties():
    for name in ("GPSLatitude", "City", "LocationShown", "decimalLongitude", "RelativeAltitude"):
        assert names_place(name)
    for name in ("Orientation", "SubjectLocation", "CreatorTool", "Rating", "CiAdrCity", "Estate"):
        assert not names_place(name)
