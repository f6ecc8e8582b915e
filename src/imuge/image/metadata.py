"""Collect a file's metadata blocks as raw bytes, and leave out what the user wants gone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from imuge.errors import ConfigError
from imuge.image import exif, iptc, jpeg, png, tiff, xmp
from imuge.image.picture import Chunk, Metadata
from imuge.image.places import names_place, tells_place

MetadataPolicy = Literal["keep", "no-gps", "none"]
POLICIES: tuple[MetadataPolicy, ...] = ("keep", "no-gps", "none")

_PREVIEW = "the preview in the {} is dropped: it shows the picture as it was"
_SECOND_PICTURES = (b"xmpGImg:image", b"GImage:Data", b"GDepth:Data")  # in base64


def read(image: Image.Image, parts: png.Parts | None) -> tuple[Metadata, list[str]]:
    """Collect the blocks of an opened picture, once Pillow has read what it needs of it.

    Args:
        image: As opened by Pillow, or made from memory.
        parts: Of a PNG file; None for other formats and for pictures from memory, of whose PNG
            chunks nothing is known.

    Returns:
        The blocks, and a note for each that is left out.
    """
    if parts is not None:
        blocks, notes = png.read(parts)
        return replace(blocks, dpi=_dpi(blocks.dpi)), notes
    notes = []
    try:
        exif_block = _exif_block(image)
    except Exception:  # Pillow raises many types over odd tags; the picture itself is sound
        exif_block, notes = None, ["the EXIF data is damaged and is dropped"]
    segments = image.applist if isinstance(image, JpegImagePlugin.JpegImageFile) else []
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        exif_block, others = _jpeg_exif(image)
        notes += ["a second block of EXIF data is dropped"] if others else []
    packets = [
        body[len(jpeg.XMP) :]
        for name, body in segments
        if name == "APP1" and body.startswith(jpeg.XMP)
    ]
    notes += ["a second XMP packet is dropped"] if len(packets) > 1 else []
    photoshop = b"".join(
        body.removeprefix(jpeg.PHOTOSHOP)
        for name, body in segments
        if name == "APP13" and body.startswith(jpeg.PHOTOSHOP)
    )
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    packet = (
        next(iter(packets), None)
        or _tag_bytes(tags, tiff.XMP_TAG)
        or image.info.get("xmp")
        or image.info.get("XML:com.adobe.xmp")
    )
    blocks = Metadata(
        exif=exif_block,
        icc=image.info.get("icc_profile") or None,
        xmp=(packet.encode() if isinstance(packet, str) else packet) or None,
        extended_xmp=tuple(
            body for name, body in segments if name == "APP1" and body.startswith(jpeg.EXTENDED_XMP)
        ),
        iptc=photoshop or _tiff_iptc(tags),
        comments=tuple(body for name, body in segments if name == "COM"),
        dpi=_dpi(image.info.get("dpi")),
    )
    return blocks, notes


def orientation(metadata: Metadata) -> int:
    """Return how the pixels are stored, 1 to 8: as EXIF says, or XMP where EXIF is silent."""
    if metadata.exif is not None and (found := exif.orientation(metadata.exif)) is not None:
        return found
    return xmp.orientation(metadata.xmp) if metadata.xmp is not None else 1


def upright(metadata: Metadata, turned: int, size: tuple[int, int]) -> Metadata:
    """Make the blocks true of pixels that were turned by orientation `turned`.

    Args:
        metadata: The blocks of the file.
        turned: The orientation that was applied, 1 for none.
        size: Width and height of the upright picture.
    """
    dpi, block, packet = metadata.dpi, metadata.exif, metadata.xmp
    if block is not None:
        block = exif.upright(block)
        block = exif.turned(block, *size) if turned >= 5 else block
    if packet is not None:
        packet = xmp.upright(packet)
        packet = xmp.without_regions(packet) if turned > 1 else packet
        packet = xmp.resized(packet, *size) if turned >= 5 else packet
    dpi = (dpi[1], dpi[0]) if dpi and turned >= 5 else dpi
    return replace(metadata, exif=block, xmp=packet, dpi=dpi)


def without_other_pictures(metadata: Metadata) -> tuple[Metadata, list[str]]:
    """Take out previews, and what declares videos and pictures that are not written again.

    Returns:
        The blocks, and a note for each thing taken out.
    """
    notes = []
    block, packet, resources = metadata.exif, metadata.xmp, metadata.iptc
    extended = metadata.extended_xmp
    if block is not None:
        block, found = exif.without_thumbnail(block)
        notes += [_PREVIEW.format("EXIF data")] if found else []
    if resources is not None:
        resources = iptc.without_thumbnails(resources)
        notes += [_PREVIEW.format("Photoshop data")] if resources != metadata.iptc else []
    if packet is not None:
        packet = xmp.without_companions(packet)
        if packet != metadata.xmp:
            notes.append("what the XMP says of previews, videos and further pictures is taken out")
    if any(mark in body for body in extended for mark in _SECOND_PICTURES):
        extended = ()
        packet = xmp.without_extension(packet) if packet else packet
        notes.append("further pictures in the extended XMP are dropped with it")
    kept = replace(metadata, exif=block, xmp=packet, iptc=resources, extended_xmp=extended)
    return kept, notes


def select(metadata: Metadata, policy: MetadataPolicy) -> Metadata:
    """Leave out what `policy` excludes; a block that may hide a place is dropped whole.

    Args:
        metadata: The blocks of the source.
        policy: "keep" for all; "no-gps" for all but coordinates and the names of places, in EXIF,
            XMP, IPTC, comments and PNG text; "none" for the colour profile, colour chunks and
            resolution only.

    Raises:
        ConfigError: `policy` is another word.
    """
    if policy == "keep":
        return metadata
    if policy == "none":
        return Metadata(icc=metadata.icc, dpi=metadata.dpi, colour=metadata.colour)
    if policy != "no-gps":
        raise ConfigError(f"unknown metadata policy {policy!r}; choose {', '.join(POLICIES)}")
    known = xmp.place_names(metadata.xmp) if metadata.xmp else frozenset()
    known |= iptc.place_names(metadata.iptc) if metadata.iptc else frozenset()
    packet = xmp.without_places(metadata.xmp, known) if metadata.xmp else None
    extended = metadata.extended_xmp
    # Behind its name a segment has a digest (32), the whole length (4) and its own offset (4);
    # the text is put together first, because a property's name may straddle two segments.
    parts = sorted(body[len(jpeg.EXTENDED_XMP) + 36 :] for body in extended)
    if packet is None or xmp.names_places(b"".join(part[4:] for part in parts)):
        extended = ()
    if packet is not None and not extended:
        packet = xmp.without_extension(packet)
    return replace(
        metadata,
        exif=exif.without_places(metadata.exif, known) if metadata.exif else None,
        xmp=packet,
        extended_xmp=extended,
        iptc=iptc.without_places(metadata.iptc, known) if metadata.iptc else None,
        comments=tuple(
            comment
            for comment in metadata.comments
            if not tells_place(comment.decode("utf-8", "replace"), known)
        ),
        text=tuple(chunk for chunk in metadata.text if not _may_hold_place(chunk, known)),
    )


def _exif_block(image: Image.Image) -> bytes | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        kept = Image.Exif()
        kept.update(tiff.describe(image.getexif()))
        block = kept.tobytes() if len(kept) else b""
    else:
        block = image.info.get("exif") or b""
    while block.startswith(jpeg.EXIF):
        block = block[len(jpeg.EXIF) :]
    return block or None


def _jpeg_exif(image: JpegImagePlugin.JpegImageFile) -> tuple[bytes | None, int]:
    """Give the block, and how many others there are beside it."""
    block, others = jpeg.exif_block(image.applist)
    return block or None, others


def _tiff_iptc(tags: Mapping[int, Any]) -> bytes | None:
    """Return a TIFF's Photoshop resources, or its bare IPTC record as one such resource."""
    if resources := _tag_bytes(tags, tiff.PHOTOSHOP_TAG):
        return resources
    record = _tag_bytes(tags, tiff.IPTC_TAG)
    return iptc.from_records(record) if record else None


def _tag_bytes(tags: Mapping[int, Any], tag: int) -> bytes:
    """Return a TIFF tag that is plain bytes; Pillow gives some of them in a tuple of one."""
    value = tags.get(tag, b"")
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, bytes) else b""


def _dpi(dpi: object) -> tuple[float, float] | None:
    """Return a resolution that every format can state, or None."""
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    across, down = (round(float(value), 2) for value in dpi)
    return (across, down) if all(1 < value <= 0xFFFF for value in (across, down)) else None


def _may_hold_place(chunk: Chunk, known: frozenset[str]) -> bool:
    """Say whether a text tells a place, or is a raw profile other than IPTC.

    IPTC in PNG text is a profile in hexadecimal digits: it may name places, and goes as well.
    """
    keyword, _, text = png.text_of(chunk).partition("\n")
    if keyword.lower().startswith("raw profile type "):
        return True
    return names_place(keyword.rpartition(":")[2]) or tells_place(text, known)
