"""Judge a file by its first bytes: which format it is, and what of it imuge cannot take.

Everything here runs before a pixel is decoded, because decoding is where a hostile file costs
memory and where Pillow silently cuts 16 bits per channel down to 8.
"""

import re

from imuge.errors import ImageError, TooLargeError, UnsupportedError
from imuge.image.containers import PNG_SIGNATURE, iso_boxes, iso_brands, png_chunks, webp_size

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (PNG_SIGNATURE, "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_FOREIGN = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"<svg", "an SVG drawing"),
    (b"FUJIFILMCCD-RAW", "a camera raw file"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}
_HEIF_SEQUENCES = {b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"}
_ISO_GAIN_MAP = re.compile(
    rb"tmap|urn:com:apple:photo:2020:aux:hdrgainmap|urn:iso:std:iso:ts:21496"
)
_HDR_TRANSFERS = {16, 18}  # PQ and HLG in ITU-T H.273
_SRGB_PRIMARIES = {1, 2}  # BT.709, and unspecified
JPEG_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"
XMP_GAIN_MAP = b"http://ns.adobe.com/hdr-gain-map/1.0/"

EIGHT_BIT = "imuge works on 8 bits per channel; export an 8-bit copy and use that"
STILL = "imuge works on single still pictures; save the one you mean as its own file"
NO_GAIN_MAP = (
    "the picture is an HDR photo with a gain map, which would no longer fit the marked pixels; "
    "export a standard (SDR) copy and use that"
)


def identify(data: bytes) -> str:
    """Name the format of a file's content: JPEG, PNG, WEBP, TIFF, AVIF or HEIF.

    Raises:
        UnsupportedError: The content is none of these; the message says what it is, where known.
    """
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    brands = set(iso_brands(data))
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & (_HEIF_BRANDS | _HEIF_SEQUENCES):
        return "HEIF"
    what = next((name for magic, name in _FOREIGN if data.startswith(magic)), "unknown")
    raise UnsupportedError(
        f"the content is {what}, and imuge reads JPEG, PNG, WebP, TIFF, AVIF and, with "
        "pillow-heif, HEIC; convert it to one of these"
    )


def check_header(data: bytes, kind: str, *, max_pixels: int, min_side: int) -> None:
    """Refuse, before Pillow sees the file, what Pillow would allocate for or silently degrade.

    Raises:
        ImageError: More than 8 bits per channel, a sequence, a gain map, or a wrong size.
    """
    if kind == "PNG":
        chunks = dict(png_chunks(data))
        if chunks.get(b"IHDR", b"")[8:9] == b"\x10":
            raise ImageError(f"the picture has 16 bits per channel; {EIGHT_BIT}")
        if b"IEND" not in chunks:  # Pillow would not miss it
            raise ImageError("the PNG data is cut short; get an intact copy")
    elif kind == "WEBP":
        size = webp_size(data)
        if size is not None:
            check_size(*size, max_pixels=max_pixels, min_side=min_side)
    elif kind in {"AVIF", "HEIF"}:
        _check_iso(data)


def check_size(width: int, height: int, *, max_pixels: int, min_side: int) -> None:
    """Refuse a picture that is too small to carry the mark or too large to decode.

    Raises:
        ImageError: A side is below `min_side`.
        TooLargeError: There are more than `max_pixels` pixels.
    """
    if min(width, height) < min_side:
        raise ImageError(
            f"the picture is {width}×{height} pixels, and imuge needs at least "
            f"{min_side} on each side; use a larger copy"
        )
    if width * height > max_pixels:
        raise TooLargeError(
            f"the picture is {width}×{height} = {width * height:,} pixels, above the limit of "
            f"{max_pixels:,}; scale it down or raise the limit"
        )


def _check_iso(data: bytes) -> None:
    """Refuse sequences, deep colour and gain maps that an AVIF/HEIF header announces."""
    if iso_brands(data)[0] in _HEIF_SEQUENCES:
        raise ImageError(f"the file is an image sequence; {STILL}")
    meta = _iso_meta(data)
    if _ISO_GAIN_MAP.search(meta):
        raise ImageError(NO_GAIN_MAP)
    if any(colours[1] in _HDR_TRANSFERS for colours in _iso_colours(meta)):
        raise ImageError("the picture is HDR; export a standard (SDR) copy and use that")
    for found in re.finditer(rb"av1C[\x80-\xff].(.)", meta, re.DOTALL):
        if found[1][0] & 0x40:  # high_bitdepth, AV1-ISOBMFF section 2.3.3
            raise ImageError(f"the picture has 10 or 12 bits per channel; {EIGHT_BIT}")


def is_wide_gamut(data: bytes) -> bool:
    """Say whether an AVIF/HEIF states by number other colour primaries than sRGB's."""
    return any(colours[0] not in _SRGB_PRIMARIES for colours in _iso_colours(_iso_meta(data)))


def _iso_meta(data: bytes) -> bytes:
    if not iso_brands(data):
        return b""
    return next((body for kind, body in iso_boxes(data) if kind == b"meta"), b"")


def _iso_colours(meta: bytes) -> list[tuple[int, int]]:
    """List (primaries, transfer) of each colour box, numbered as in ITU-T H.273."""
    boxes = re.finditer(rb"colrnclx(..)(..)", meta, re.DOTALL)
    return [(int.from_bytes(box[1], "big"), int.from_bytes(box[2], "big")) for box in boxes]
