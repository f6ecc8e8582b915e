"""Sample files for the tests of imuge.image, made in memory."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
LOSSLESS = ("PNG", "WEBP", "TIFF")
WIDTH, HEIGHT = 160, 136
CORNERS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (240, 240, 20))
ICC = b"\0" * 12 + b"mntrRGB XYZ " + bytes(range(256)) * 3
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="T\xc3\xa4" '
    b'exif:GPSLatitude="48,12.5N" exif:GPSLongitude=\'11,34.25E\' dc:rights="me">'
    b"<exif:GPSAltitude>519/1</exif:GPSAltitude><dc:creator>A</dc:creator>"
    b"</rdf:Description></x:xmpmeta>"
)
IPTC = b"8BIM\x04\x04\0\0\0\0\0\x0e\x1c\x02x\0\x09A caption"
LATITUDE, LONGITUDE = (48.0, 12.0, 34.5), (11.0, 34.0, 15.25)


def photo(mode="RGB"):
    """A smooth picture with a different colour in each corner."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[..., 0] = np.linspace(60, 200, WIDTH).astype(np.uint8)
    pixels[:48, :48], pixels[:48, -48:] = CORNERS[0], CORNERS[1]
    pixels[-48:, :48], pixels[-48:, -48:] = CORNERS[2], CORNERS[3]
    image = Image.fromarray(pixels)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(alpha()))
        return image
    return image.convert(mode)


def alpha():
    values = np.full((HEIGHT, WIDTH), 255, np.uint8)
    values[:32], values[32:40] = 0, 77
    return values


def coordinates():
    """The bytes of the latitude and longitude in an EXIF block."""
    return [
        b"".join(struct.pack(">II", int(value * 4), 4) for value in place)
        for place in (LATITUDE, LONGITUDE)
    ]


def exif_block(orientation=1):
    """A big-endian EXIF block with a camera, a date, a maker note and a GPS directory.

    The maker note repeats the coordinates, as some cameras' do.
    """
    latitude, longitude = coordinates()
    note = b"NOTE" + latitude + b"rest"
    ifd0, exif_ifd, gps = 8, 8 + 2 + 12 * 4 + 4, 0
    exif_end = exif_ifd + 2 + 12 * 2 + 4
    gps = exif_end
    values = gps + 2 + 12 * 5 + 4
    make = values
    date = make + 8
    note_at = date + 20
    lat_at = note_at + len(note)
    lon_at = lat_at + 24
    datum_at = lon_at + 24
    entry = struct.Struct(">HHII").pack
    short = struct.Struct(">HHIHH").pack
    block = b"MM\0*" + struct.pack(">I", ifd0)
    block += struct.pack(">H", 4) + entry(0x10F, 2, 7, make)
    block += short(0x112, 3, 1, orientation, 0)
    block += entry(0x8769, 4, 1, exif_ifd) + entry(0x8825, 4, 1, gps) + bytes(4)
    block += struct.pack(">H", 2) + entry(0x9003, 2, 20, date)
    block += entry(0x927C, 7, len(note), note_at) + bytes(4)
    block += struct.pack(">H", 5) + struct.pack(">HHI4s", 1, 2, 2, b"N") + entry(2, 5, 3, lat_at)
    block += struct.pack(">HHI4s", 3, 2, 2, b"E") + entry(4, 5, 3, lon_at)
    block += entry(18, 2, 7, datum_at) + bytes(4)
    return (
        block + b"Camera\0\0" + b"2024:05:06 07:08:09\0" + note + latitude + longitude + b"WGS-84\0"
    )


def file(kind, image=None, *, exif=None, icc=None, xmp=None, **options):
    """Encode with the plain libraries, as another program would."""
    image = photo() if image is None else image
    out = io.BytesIO()
    blocks = {"icc_profile": icc, "exif": exif, "xmp": xmp}
    blocks = {name: block for name, block in blocks.items() if block is not None}
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(
            out, quality=90, enc_params={"preset": "ultrafast"}, **blocks, **options
        )
        return out.getvalue()
    if kind == "JPEG" and exif is not None:
        blocks["exif"] = b"Exif\0\0" + exif
    if kind == "PNG" and xmp is not None:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks.pop("xmp"))
    if kind == "TIFF":
        options["tiffinfo"] = {**options.pop("tags", {}), **({700: xmp} if xmp else {})}
        blocks.pop("xmp", None)
    if kind == "WEBP":
        options = {"lossless": True, "exact": True, **options}
    image.save(out, kind, **blocks, **options)
    return out.getvalue()


def deep_array(channels=3):
    """A (H, W, channels) uint16 picture that 8 bits cannot hold; alpha has all kinds of values."""
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT * channels).astype(np.uint16)
    array = ramp.reshape(channels, HEIGHT, WIDTH).transpose(1, 2, 0).copy()
    if channels in {2, 4}:
        array[:32, :, -1], array[-32:, :, -1] = 0, 65535
    return array


def deep_file(kind, array=None, **options):
    """A PNG or TIFF of 16 bits, encoded by other libraries than those imuge uses."""
    array = deep_array() if array is None else array
    if kind == "TIFF":
        out = io.BytesIO()
        grey = array.ndim == 2 or array.shape[2] < 3
        kinds = {"photometric": "minisblack" if grey else "rgb", "metadata": None}
        tifffile.imwrite(out, array, **kinds | options)
        return out.getvalue()
    height, width = array.shape[:2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]
    rows = array.reshape(height, -1).astype(">u2")
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    data = b"\x89PNG\r\n\x1a\n"
    data += png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    return data + png_chunk(b"IDAT", zlib.compress(body)) + png_chunk(b"IEND", b"")


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_chunks(data, *chunks):
    """Insert chunks behind IHDR."""
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[33:]


def with_jpeg_segments(data, *segments):
    """Insert (marker, body) segments behind SOI."""
    made = b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments
    )
    return data[:2] + made + data[2:]


def grey_icc(gamma=1.0):
    """A minimal grey profile, whose tone curve is a power."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    table = struct.pack(">I", 2)
    table += b"wtpt" + struct.pack(">II", 156, 20) + b"kTRC" + struct.pack(">II", 176, 16)
    size = 128 + len(table) + 36
    head = struct.pack(">I", size) + bytes(4) + b"\x02\x10\0\0mntrGRAYXYZ " + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + white + curve
