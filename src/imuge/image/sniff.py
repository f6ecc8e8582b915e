"""Judge a file by its first bytes: which format it is, and what of it imuge cannot take.

Everything here runs before a pixel is decoded, because decoding is where a hostile file costs
memory and where Pillow silently cuts 16 bits per channel down to 8.
"""

import re
from dataclasses import replace

from imuge.errors import ImageError, TooLargeError, UnsupportedError
from imuge.image.containers import PNG_SIGNATURE, iso_boxes, iso_brands, webp_size
from imuge.image.limits import Limits
from imuge.image.png import Parts, hdr
from imuge.image.tiff import Layout

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

EIGHT_BIT = "export an 8-bit copy and use that"
STILL = "imuge works on single still pictures; save the one you mean as its own file"
NO_HDR = "export a standard (SDR) copy and use that"
NO_GAIN_MAP = (
    "the picture is an HDR photo with a gain map, which would no longer fit the marked pixels; "
    f"{NO_HDR}"
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


def check_png(parts: Parts) -> None:
    """Refuse a PNG that lacks its end, which Pillow would not miss, or is HDR.

    Raises:
        ImageError: It is one of these.
    """
    if not parts.whole:
        raise ImageError("the PNG data is cut short; get an intact copy")
    if transfer := hdr(parts):
        raise ImageError(f"the picture is HDR (cICP says {transfer}); {NO_HDR}")


def check_tiff(layout: Layout) -> None:
    """Refuse by name what Pillow cannot read, or reads wrongly: kinds of numbers, deep colours.

    Raises:
        ImageError: The numbers are signed or floating-point, or have more than 16 bits, or there
            are more than 8 bits of another colour than grey and RGB.
    """
    if layout.kind != "unsigned" or layout.bits > 16:
        what = "" if layout.kind == "unsigned" else f" {layout.kind}"
        raise ImageError(f"the picture has {layout.bits}-bit{what} channels; {EIGHT_BIT}")
    if layout.bits > 8 and (layout.bits != 16 or layout.colours not in {"grey", "RGB"}):
        raise ImageError(
            f"the picture has {layout.bits} bits per channel in {layout.colours} colours; "
            f"{EIGHT_BIT}, in sRGB"
        )


def check_webp(data: bytes, limits: Limits) -> None:
    """Refuse a wrong size before Pillow sees it: it would allocate the canvas.

    Raises:
        ImageError: The size is outside the limits.
    """
    size = webp_size(data)
    if size is not None:
        check_size(*size, limits)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a picture that is too small to carry the mark or too large to decode.

    Raises:
        ImageError: A side is below `limits.min_side`.
        TooLargeError: There are more than `limits.max_pixels` pixels.
    """
    if min(width, height) < limits.min_side:
        raise ImageError(
            f"the picture is {width}×{height} pixels, and imuge needs at least "
            f"{limits.min_side} on each side; use a larger copy"
        )
    if width * height > limits.max_pixels:
        raise TooLargeError(
            f"the picture is {width}×{height} = {width * height:,} pixels, above the limit of "
            f"{limits.max_pixels:,}; scale it down or raise the limit "
            "(--max-megapixels, Limits.max_pixels)"
        )


def check_iso(data: bytes, limits: Limits) -> None:
    """Refuse sequences, deep colour, gain maps and giants that an AVIF/HEIF header announces.

    Raises:
        ImageError: It is one of these.
        TooLargeError: There are more than `limits.max_pixels` pixels.
    """
    if iso_brands(data)[0] in _HEIF_SEQUENCES:
        raise ImageError(f"the file is an image sequence; {STILL}")
    meta = iso_meta(data)
    # The decoders call what is beyond their own limit damaged. A thumbnail or a tile may be small.
    for found in re.finditer(rb"ispe\0{4}(.{4})(.{4})", meta, re.DOTALL):
        width, height = (int.from_bytes(side, "big") for side in found.groups())
        check_size(width, height, replace(limits, min_side=0))
    if _ISO_GAIN_MAP.search(meta):
        raise ImageError(NO_GAIN_MAP)
    if any(colours[1] in _HDR_TRANSFERS for colours in _iso_colours(meta)):
        raise ImageError(f"the picture is HDR; {NO_HDR}")
    for found in re.finditer(rb"av1C[\x80-\xff].(.)", meta, re.DOTALL):
        if found[1][0] & 0x40:  # high_bitdepth, AV1-ISOBMFF section 2.3.3
            raise ImageError(f"the picture has 10 or 12 bits per channel; {EIGHT_BIT}")


def is_wide_gamut(data: bytes) -> bool:
    """Say whether an AVIF/HEIF states by number other colour primaries than sRGB's."""
    return any(colours[0] not in _SRGB_PRIMARIES for colours in _iso_colours(iso_meta(data)))


def iso_meta(data: bytes) -> bytes:
    """Give the content of the box that describes an AVIF/HEIF; b"" for other files."""
    if not iso_brands(data):
        return b""
    return next((body for kind, body in iso_boxes(data) if kind == b"meta"), b"")


def _iso_colours(meta: bytes) -> list[tuple[int, int]]:
    """List (primaries, transfer) of each colour box, numbered as in ITU-T H.273."""
    boxes = re.finditer(rb"colrnclx(..)(..)", meta, re.DOTALL)
    return [(int.from_bytes(box[1], "big"), int.from_bytes(box[2], "big")) for box in boxes]
