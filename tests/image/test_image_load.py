"""What `load` takes, what it converts, and what it refuses."""

import hashlib
import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from image_samples import (
    FORMATS,
    HEIGHT,
    ICC,
    WIDTH,
    alpha,
    deep_file,
    file,
    grey_icc,
    photo,
    png_chunk,
    with_jpeg_segments,
    with_png_chunks,
)
from PIL import Image

from imuge.errors import ImageError, TooLargeError
from imuge.image import MAX_PIXELS, Limits, encode, from_array, from_pil, load


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_upright_8_bit_rgb(kind):
    data = file(kind)
    picture = load(data)
    assert (picture.format, picture.notes, picture.alpha) == (kind, (), None)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags["C_CONTIGUOUS"]
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.lossless == (kind in {"PNG", "WEBP", "TIFF"})
    error = np.abs(picture.pixels.astype(int) - np.asarray(photo()))
    assert error.mean() < 2


class FileLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_a_file_object_is_read_from_its_start(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(file("PNG"))
    with path.open("rb") as stream:
        stream.read()
        assert load(stream).sha256 == load(path).sha256 == load(FileLike(path)).sha256


def test_a_name_with_control_characters_is_shown_escaped(tmp_path):
    path = tmp_path / "a\x1b[31m\nb.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError) as refused:
        load(path)
    assert r"a\x1b[31m\nb.jpg" in str(refused.value)


def test_path_string_bytes_and_pipe_give_the_same_picture(tmp_path):
    data = file("PNG")
    path = tmp_path / "ä photo.PNG"
    path.write_bytes(data)
    end, start = os.pipe()
    os.write(start, data)
    os.close(start)
    with os.fdopen(end, "rb", buffering=0) as pipe, path.open("rb") as stream:
        pictures = [load(path), load(str(path)), load(data), load(stream), load(pipe)]
    assert len({picture.sha256 for picture in pictures}) == 1
    assert all(picture.notes == () for picture in pictures)


def test_content_beats_the_name_and_a_note_says_so(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(file("PNG"))
    picture = load(path)
    assert picture.format == "PNG"
    assert picture.notes == ("the file is PNG although its name ends in .jpg",)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA"])
def test_grey_and_palette_become_rgb_and_a_note_says_so(mode):
    image = photo("RGBA").convert("LA") if mode == "LA" else photo(mode)
    data = file("TIFF" if mode == "PA" else "PNG", image)
    picture = load(data)
    assert picture.notes[0].endswith("it is RGB now")
    assert len(picture.notes) == (2 if mode == "LA" else 1)  # the other tells of alpha
    seen = picture.judged
    np.testing.assert_array_equal(picture.pixels[seen], np.asarray(image.convert("RGB"))[seen])
    assert (picture.alpha is not None) == (mode in {"LA", "PA"})


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_shallow_png_is_widened(bits):
    row = bytes([0]) + bytes(range(WIDTH * bits // 8))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    data += png_chunk(b"IDAT", zlib.compress(row * HEIGHT)) + png_chunk(b"IEND", b"")
    picture = load(data)
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    assert set(np.unique(picture.pixels)) <= set(range(0, 256, 255 // (2**bits - 1)))


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_png_transparent_colour_becomes_alpha(mode):
    image = photo(mode)
    first = image.getpixel((0, 0))
    picture = load(file("PNG", image, transparency=first))
    assert picture.alpha is not None
    hidden = np.all(picture.pixels == picture.pixels[0, 0], axis=2)
    np.testing.assert_array_equal(picture.alpha, np.where(hidden, 0, 255))
    assert picture.notes


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_kept_exactly(kind):
    picture = load(file(kind, photo("RGBA")))
    np.testing.assert_array_equal(picture.alpha, alpha())


def test_grey_profile_is_applied_and_not_carried_into_rgb():
    picture = load(file("PNG", Image.new("L", (128, 128), 64), icc=grey_icc(1.0)))
    assert picture.metadata.icc is None
    assert any("sRGB now" in note for note in picture.notes)
    # Linear 64/255 is 137 in sRGB's tone curve.
    assert np.abs(picture.pixels.astype(int) - 137).max() <= 2


def test_profile_of_another_colour_space_is_dropped():
    wrong = ICC[:16] + b"CMYK" + ICC[20:]
    picture = load(file("JPEG", icc=wrong))
    assert picture.metadata.icc is None
    assert "does not fit RGB" in picture.notes[0]


def heif10():
    out = io.BytesIO()
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint16).tobytes()
    pillow_heif.encode("RGB;16", (WIDTH, HEIGHT), pixels, out, quality=50)
    return out.getvalue()


def avif10():
    data = bytearray(file("AVIF"))
    at = data.index(b"av1C") + 6
    data[at] |= 0x40
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        heif10(),
        avif10(),
        file("TIFF", Image.new("I", (WIDTH, HEIGHT))),
        file("TIFF", Image.new("F", (WIDTH, HEIGHT))),
    ],
    ids=["heif", "avif", "signed-tiff", "float-tiff"],
)
def test_deep_colour_is_refused_not_cut(data):
    with pytest.raises(ImageError, match="export an 8-bit copy"):
        load(data)


def test_deep_colour_is_refused_from_pillow_too():
    with pytest.raises(ImageError, match="export an 8-bit copy"):
        from_pil(Image.open(io.BytesIO(deep_file("PNG"))))


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "LAB")])
def test_print_colours_are_refused(kind, mode):
    image = photo("CMYK") if mode == "CMYK" else Image.new("LAB", (WIDTH, HEIGHT))
    with pytest.raises(ImageError, match=f"in {mode} colours; convert it to sRGB"):
        load(file(kind, image))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_several_pictures_are_refused(kind):
    second = photo().transpose(Image.Transpose.ROTATE_180)
    data = file(kind, save_all=True, append_images=[second])
    with pytest.raises(ImageError, match="single still pictures"):
        load(data)


def test_heif_with_two_pictures_is_refused():
    both = pillow_heif.from_pillow(photo())
    both.add_from_pillow(photo())
    out = io.BytesIO()
    both.save(out, quality=50)
    with pytest.raises(ImageError, match="several pictures"):
        load(out.getvalue())


def test_camera_preview_in_a_jpeg_is_dropped_with_a_note():
    data = bytearray(file("MPO", save_all=True, append_images=[photo().resize((80, 68))]))
    entries = data.index(struct.pack("<I", 0x030000), data.index(b"MPF\0") + 50)
    struct.pack_into("<I", data, entries + 16, 0x010001)  # a large thumbnail, says MPF
    picture = load(bytes(data))
    assert picture.format == "JPEG"
    assert "the camera's preview picture is dropped" in picture.notes


@pytest.mark.parametrize(
    "segment",
    [
        (
            0xE1,
            b'http://ns.adobe.com/xap/1.0/\0<x xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/"/>',
        ),
        (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)),
    ],
    ids=["xmp", "iso"],
)
def test_hdr_gain_map_in_a_jpeg_is_refused(segment):
    with pytest.raises(ImageError, match=r"gain map.*SDR"):
        load(with_jpeg_segments(file("JPEG"), segment))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_hdr_gain_map_in_avif_and_heif_is_refused(kind):
    with pytest.raises(ImageError, match=r"gain map.*SDR"):
        load(file(kind).replace(b"pixi", b"tmap", 1))


@pytest.mark.parametrize("tags", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_camera_raw_is_refused_instead_of_taking_its_preview(tags):
    with pytest.raises(ImageError, match="camera raw"):
        load(file("TIFF", tags=tags))


@pytest.mark.parametrize(
    "data",
    [
        with_jpeg_segments(file("JPEG"), (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x40jumb" + bytes(60))),
        with_png_chunks(file("PNG"), (b"caBX", b"jumb")),
        file("AVIF")
        + struct.pack(">I4s16s", 24, b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481")),
        file("TIFF", tags={52545: b"jumb"}),
        file("WEBP") + b"C2PA" + struct.pack("<I", 4) + b"jumb",
    ],
    ids=["jpeg", "png", "avif", "tiff", "webp"],
)
def test_c2pa_manifest_is_dropped_with_a_note(data):
    picture = load(data)
    assert any("C2PA" in note for note in picture.notes)


def colours_by_number(data, primaries, transfer):
    """Overwrite the numbered colour description of an AVIF."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def test_hdr_transfer_is_refused_and_wide_gamut_is_noted():
    with pytest.raises(ImageError, match="HDR"):
        load(colours_by_number(file("AVIF"), 9, 16))
    assert "wide gamut" in load(colours_by_number(file("AVIF"), 12, 13)).notes[0]


def test_damage_in_an_open_file_is_one_sentence(tmp_path):
    path = tmp_path / "photo"
    with path.open("wb") as stream, pytest.raises(ImageError, match="open it for reading"):
        load(stream)
    with path.open("rb") as stream:
        pass
    with pytest.raises(ImageError, match="closed file"):
        load(stream)


def giant_png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return data + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def giant_jpeg(width, height):
    data = bytearray(file("JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def giant_webp(width, height):
    body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = file("WEBP")[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + body + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def giant_avif(width, height):
    data = bytearray(file("AVIF"))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, width, height)
    return bytes(data)


def giant_tiff(width, height):
    data = bytearray(file("TIFF"))
    for tag, value in ((256, width), (257, height)):
        at = data.index(struct.pack("<HH", tag, 4) + struct.pack("<I", 1))
        struct.pack_into("<I", data, at + 8, value)
    return bytes(data)


@pytest.mark.parametrize("make", [giant_png, giant_jpeg, giant_webp, giant_avif, giant_tiff])
def test_a_giant_header_is_refused_before_decoding(make):
    # WebP's header holds no more, and the others' ask for 10 GB.
    sides, limit = ((16_000, 16_000), MAX_PIXELS) if make is giant_webp else ((60_000,) * 2, 10**9)
    pixels = sides[0] * sides[1]
    with pytest.raises(TooLargeError, match=rf"{pixels:,} pixels.*{limit:,}.*--max-megapixels"):
        load(make(*sides), limits=Limits(max_pixels=limit))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_limit_is_ours_and_not_pillows(kind, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert load(file(kind)).pixels.size
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize("kind", FORMATS)
def test_too_small_is_refused_with_both_sizes(kind):
    with pytest.raises(ImageError, match=r"200×127 pixels.*at least 128"):
        load(file(kind, photo().resize((200, 127))))
    assert load(file(kind, photo().resize((128, 128)))).pixels.shape == (128, 128, 3)


def test_limits_can_be_set():
    with pytest.raises(ImageError, match="raise the limit"):
        load(file("PNG"), limits=Limits(max_pixels=WIDTH * HEIGHT - 1))
    small = load(file("PNG", photo().resize((20, 20))), limits=Limits(min_side=16))
    assert small.pixels.shape == (20, 20, 3)
    assert load(encode(small), limits=small.limits).pixels.shape == (20, 20, 3)


def test_fully_transparent_is_refused():
    image = photo("RGBA")
    image.putalpha(0)
    with pytest.raises(ImageError, match="fully transparent"):
        load(file("PNG", image))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "it is a directory"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("hello"), "content is unknown"),
        (lambda path: photo().save(path, "GIF"), "the content is a GIF"),
        (Path.exists, "there is no such file"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path, make, words):
    path = tmp_path / "photo.jpg"
    make(path)
    with pytest.raises(ImageError, match=words) as refused:
        load(path)
    assert "photo.jpg" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "empty"),
        ("a\0b.png", "not a usable file name"),
        (io.StringIO("text"), "binary mode"),
        (7, "got int"),
    ],
)
def test_unusable_sources_are_refused(source, words):
    with pytest.raises(ImageError, match=words):
        load(source)


def test_endless_source_is_cut_off():
    with pytest.raises(ImageError, match=r"more than 2 MiB.*max_bytes"):
        load("/dev/zero", limits=Limits(max_bytes=2**21))


def test_heic_without_the_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow-heif"):
        load(file("HEIF"))


def test_from_pil_equals_load():
    data = file("PNG", photo("RGBA"), icc=ICC)
    taken = from_pil(Image.open(io.BytesIO(data)))
    read = load(data)
    np.testing.assert_array_equal(taken.pixels, read.pixels)
    np.testing.assert_array_equal(taken.alpha, read.alpha)
    assert (taken.metadata, taken.format, taken.sha256) == (read.metadata, "PNG", "")


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "JPEG", "WEBP"])
def test_from_pil_takes_a_picture_whose_file_pillow_has_closed(tmp_path, kind):
    path = tmp_path / "photo"
    path.write_bytes(file(kind, icc=ICC))
    image = Image.open(path)
    image.load()
    assert from_pil(image).metadata.icc == ICC


def test_from_pil_refuses_what_load_refuses():
    with pytest.raises(ImageError, match="CMYK"):
        from_pil(photo("CMYK"))
    animated = file("WEBP", save_all=True, append_images=[photo().rotate(180)])
    with pytest.raises(ImageError, match="animated"):
        from_pil(Image.open(io.BytesIO(animated)))
    with pytest.raises(ImageError, match="at least 128"):
        from_pil(photo().resize((64, 64)))


@pytest.mark.parametrize("shape", [(140, 150), (140, 150, 3), (140, 150, 4)])
def test_from_array_copies_uint8(shape):
    array = np.full(shape, 9, np.uint8)
    picture = from_array(array)
    array[:] = 1
    assert picture.pixels.shape == (140, 150, 3)
    assert (picture.pixels == 9).all()
    assert (picture.alpha is not None) == (shape[2:] == (4,))
    assert (picture.format, picture.lossless) == ("PNG", True)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((140, 150, 3), np.float32),
        np.zeros((140, 150, 3), np.int16),
        np.zeros((3, 140, 150), np.uint8),
        np.zeros((140, 150, 1), np.uint8),
        np.zeros(140, np.uint8),
        np.zeros((1, 140, 150, 3), np.uint8),
    ],
)
def test_from_array_names_shape_and_type_of_anything_else(array):
    with pytest.raises(ImageError) as refused:
        from_array(array)
    assert f"got {array.dtype} of shape {array.shape}" in str(refused.value)


def test_from_array_refuses_lists():
    with pytest.raises(ImageError, match="got list"):
        from_array([[0, 0, 0]])


def test_the_message_names_the_ways_to_raise_the_limit():
    with pytest.raises(ImageError, match=r"--max-megapixels, Limits\.max_pixels"):
        load(file("PNG"), limits=Limits(max_pixels=10))
