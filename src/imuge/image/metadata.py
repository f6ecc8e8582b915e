"""Collect a file's metadata blocks as raw bytes, and leave out what the user wants gone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from imuge.errors import ConfigError
from imuge.image import exif, tiff, xmp
from imuge.image.containers import iso_boxes, png_chunks, webp_chunks
from imuge.image.picture import Chunk, Metadata

MetadataPolicy = Literal["keep", "no-gps", "none"]
POLICIES: tuple[MetadataPolicy, ...] = ("keep", "no-gps", "none")

PHOTOSHOP = b"Photoshop 3.0\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.2, annex A

_COLOUR_CHUNKS = {b"gAMA", b"cHRM", b"sRGB", b"cICP"}
_TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
_EXIF_TEXTS = ("Raw profile type exif", "Raw profile type APP1")  # ImageMagick before eXIf
_COPIES = {0x0422, 0x0423, 0x0424}  # Photoshop resources that repeat EXIF and XMP


def read(image: Image.Image, data: bytes) -> tuple[Metadata, list[str]]:
    """Collect the blocks of an opened picture, once Pillow has loaded its pixels.

    Args:
        image: As opened by Pillow, or made from memory.
        data: The file's bytes; b"" where unknown, and PNG's own chunks are then not found.

    Returns:
        The blocks, and a note for each that is too damaged to carry.
    """
    try:
        exif_block, notes = _exif_block(image), []
    except Exception:  # Pillow raises many types over odd tags; the picture itself is sound
        exif_block, notes = None, ["the EXIF data is damaged and is dropped"]
    chunks = list(png_chunks(data)) if image.format == "PNG" else []
    segments = image.applist if isinstance(image, JpegImagePlugin.JpegImageFile) else []
    photoshop = b"".join(
        body.removeprefix(PHOTOSHOP)
        for name, body in segments
        if name == "APP13" and body.startswith(PHOTOSHOP)
    )
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    packet = (
        _tag_bytes(tags, tiff.XMP_TAG)
        or image.info.get("xmp")
        or image.info.get("XML:com.adobe.xmp")
    )
    blocks = Metadata(
        exif=exif_block,
        icc=image.info.get("icc_profile") or None,
        xmp=(packet.encode() if isinstance(packet, str) else packet) or None,
        extended_xmp=tuple(
            body for name, body in segments if name == "APP1" and body.startswith(EXTENDED_XMP)
        ),
        iptc=photoshop or _tiff_iptc(tags),
        comments=tuple(body for name, body in segments if name == "COM"),
        dpi=_dpi(image.info.get("dpi")),
        colour=tuple(chunk for chunk in chunks if chunk[0] in _COLOUR_CHUNKS),
        text=tuple(chunk for chunk in chunks if _is_plain_text(chunk)),
    )
    return blocks, notes


def orientation(metadata: Metadata) -> int:
    """Return how the pixels are stored, 1 to 8: as EXIF says, or XMP where EXIF is absent."""
    if metadata.exif is not None:
        return exif.orientation(metadata.exif)
    return xmp.orientation(metadata.xmp) if metadata.xmp is not None else 1


def upright(metadata: Metadata, turned: int) -> Metadata:
    """Set every orientation to 1, after the pixels were turned by orientation `turned`."""
    dpi = metadata.dpi
    return replace(
        metadata,
        exif=exif.upright(metadata.exif) if metadata.exif else None,
        xmp=xmp.upright(metadata.xmp) if metadata.xmp else None,
        dpi=(dpi[1], dpi[0]) if dpi and turned >= 5 else dpi,
    )


def select(metadata: Metadata, policy: MetadataPolicy) -> Metadata:
    """Leave out what `policy` excludes; a block that may hide coordinates is dropped whole.

    Args:
        metadata: The blocks of the source.
        policy: "keep" for all; "no-gps" for all but coordinates in EXIF, XMP and PNG text;
            "none" for the colour profile, colour chunks and resolution only.

    Raises:
        ConfigError: `policy` is another word.
    """
    if policy == "keep":
        return metadata
    if policy == "none":
        return Metadata(icc=metadata.icc, dpi=metadata.dpi, colour=metadata.colour)
    if policy != "no-gps":
        raise ConfigError(f"unknown metadata policy {policy!r}; choose {', '.join(POLICIES)}")
    packet = xmp.without_gps(metadata.xmp) if metadata.xmp else None
    extended = metadata.extended_xmp
    # Behind its name a segment has a digest (32), the whole length (4) and its own offset (4);
    # the text is put together first, because a property's name may straddle two segments.
    parts = sorted(body[len(EXTENDED_XMP) + 36 :] for body in extended)
    whole = b"".join(part[4:] for part in parts)
    if packet is None or xmp.names_gps(whole):
        extended = ()
    if packet is not None and not extended:
        packet = xmp.without_extension(packet)
    return replace(
        metadata,
        exif=exif.without_gps(metadata.exif) if metadata.exif else None,
        xmp=packet,
        extended_xmp=extended,
        iptc=_without_copies(metadata.iptc) if metadata.iptc else None,
        text=tuple(chunk for chunk in metadata.text if not _may_hold_gps(chunk)),
    )


def has_manifest(image: Image.Image, data: bytes) -> bool:
    """Say whether the file carries a C2PA manifest, which changed pixels would make invalid."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return any(name == "APP11" and b"jumb" in body[:32] for name, body in image.applist)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return tiff.C2PA_TAG in image.tag_v2
    if image.format == "PNG":
        return any(kind == b"caBX" for kind, _ in png_chunks(data))
    if image.format == "WEBP":
        return any(kind == b"C2PA" for kind, _ in webp_chunks(data))
    return any(kind == b"uuid" and body[:16] == C2PA_BOX for kind, body in iso_boxes(data))


def _exif_block(image: Image.Image) -> bytes | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        kept = Image.Exif()
        kept.update(tiff.describe(image.getexif()))
        block = kept.tobytes() if len(kept) else b""
    else:
        block = image.info.get("exif") or b""
        for name in _EXIF_TEXTS:
            if not block and name in image.info:
                block = bytes.fromhex("".join(str(image.info[name]).split("\n")[3:]))
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return block or None


def _tiff_iptc(tags: Mapping[int, Any]) -> bytes | None:
    """Return a TIFF's Photoshop resources, or its bare IPTC record as one such resource."""
    if resources := _tag_bytes(tags, tiff.PHOTOSHOP_TAG):
        return resources
    record = _tag_bytes(tags, tiff.IPTC_TAG)
    if not record:
        return None
    head = b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big")
    return head + record + bytes(len(record) % 2)


def _tag_bytes(tags: Mapping[int, Any], tag: int) -> bytes:
    """Return a TIFF tag that is plain bytes; Pillow gives some of them in a tuple of one."""
    value = tags.get(tag, b"")
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, bytes) else b""


def _without_copies(resources: bytes) -> bytes | None:
    """Drop the Photoshop resources that repeat EXIF and XMP; None where they cannot be told."""
    kept = []
    at = 0
    while at < len(resources):
        if resources[at : at + 4] != b"8BIM" or at + 12 > len(resources):
            return None
        code = int.from_bytes(resources[at + 4 : at + 6], "big")
        name = resources[at + 6] + 1
        size_at = at + 6 + name + name % 2
        size = int.from_bytes(resources[size_at : size_at + 4], "big")
        end = size_at + 4 + size + size % 2
        if code not in _COPIES:
            kept.append(resources[at:end])
        at = end
    return b"".join(kept) or None


def _dpi(dpi: object) -> tuple[float, float] | None:
    """Return a resolution that every format can state, or None."""
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    across, down = (round(float(value), 2) for value in dpi)
    return (across, down) if all(1 < value <= 0xFFFF for value in (across, down)) else None


def _keyword(chunk: Chunk) -> str:
    return chunk[1].split(b"\0", 1)[0].decode("latin-1")


def _is_plain_text(chunk: Chunk) -> bool:
    if chunk[0] not in _TEXT_CHUNKS:
        return False
    return _keyword(chunk) not in {"XML:com.adobe.xmp", *_EXIF_TEXTS}


def _may_hold_gps(chunk: Chunk) -> bool:
    """Say whether a text names GPS in its keyword or is a raw profile other than IPTC."""
    keyword = _keyword(chunk).lower()
    if keyword.startswith("raw profile type "):
        return keyword.rsplit(" ", 1)[1] not in {"iptc", "8bim"}
    return "gps" in keyword
