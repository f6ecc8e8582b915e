"""Encode a picture in one of the known formats; nothing is written to disk here.

JPEG  quality 95, full colour resolution (4:4:4); where asked, as the source was coded
PNG   lossless, with 16 bits where the picture has them (this needs pyvips)
WebP  lossless where the source was, else quality 95 (always 4:2:0), alpha lossless
TIFF  lossless, deflate, with 16 bits where the picture has them
AVIF  quality 95, 4:4:4, alpha lossless
HEIF  quality 95, 4:4:4, lossless where alpha is to come back unchanged; needs pillow-heif
"""

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from imuge.errors import ImageError, shown
from imuge.image import deep, heif, png, tiff
from imuge.image.formats import FORMATS, SUFFIXES
from imuge.image.jpeg import EXIF, PHOTOSHOP
from imuge.image.metadata import MetadataPolicy, select
from imuge.image.picture import Metadata, Picture, Samples, eight_bit

_SEGMENT_BYTES = 65533  # of payload in one JPEG segment
_MOST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 32768, "HEIF": 32768}  # of their libraries
# The longest blocks that the format, or for PNG its readers, can take.
_MOST_BYTES = {
    ("JPEG", "exif"): _SEGMENT_BYTES - 6,
    ("JPEG", "xmp"): _SEGMENT_BYTES - 29,
    ("JPEG", "icc"): 255 * (_SEGMENT_BYTES - 14),
    ("PNG", "icc"): png.MOST_INFLATED,
}
_CALLED = {"exif": "the EXIF data", "xmp": "the XMP", "icc": "the colour profile"}
_DEEP = {"PNG", "TIFF"}


class _RawExif(Image.Exif):
    """An EXIF block that Pillow's AVIF writer passes on instead of rewriting it."""

    def __init__(self, block: bytes) -> None:
        super().__init__()
        self._block = block

    def __bool__(self) -> bool:
        return True

    def tobytes(self, offset: int = 8) -> bytes:  # noqa: ARG002
        return self._block


def format_for(path: Path) -> str:
    """Choose the output format from a file name's suffix.

    Raises:
        ImageError: The suffix is missing or unknown, or needs a package that is not installed.
    """
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ImageError(
            f"cannot tell the format of {shown(path.name)} from its suffix; "
            f"end the name in one of {', '.join(SUFFIXES)}"
        )
    if found == "HEIF":
        heif.require()
    return found


def check_output(picture: Picture, format: str | None = None) -> str:  # noqa: A002
    """Say in which format `encode` would write; callers ask this before long work.

    Raises:
        ImageError: The format is unknown, lacks a package, or cannot hold the picture's size or
            alpha.
    """
    chosen = SUFFIXES.get(f".{format or picture.format}".lower())
    if chosen is None:
        raise ImageError(f"unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    if chosen == "HEIF":
        heif.require()
    if chosen == "PNG" and picture.bits > 8:
        deep.require()
    height, width = picture.samples.shape[:2]
    most = _MOST_SIDE.get(chosen)
    if most is not None and max(height, width) > most:
        raise ImageError(
            f"the picture is {width}×{height} pixels, and {chosen} holds at most {most:,} on a "
            "side; choose another format (png or tiff)"
        )
    if chosen == "JPEG" and picture.alpha is not None and _is_transparent(picture):
        raise ImageError(
            "the picture has transparent parts, which JPEG cannot hold; choose png or webp"
        )
    return chosen


def _is_transparent(picture: Picture) -> bool:
    alpha = picture.alpha
    return alpha is not None and bool(alpha.min() < np.iinfo(alpha.dtype).max)


def encode(
    picture: Picture,
    *,
    format: str | None = None,  # noqa: A002
    metadata: MetadataPolicy = "keep",
    as_it_came: bool = False,
) -> bytes:
    """Encode `picture` as a whole file.

    Args:
        picture: What to write.
        format: "JPEG", "PNG", "WEBP", "TIFF", "AVIF" or "HEIF" in any case, or a suffix such as
            "jpg"; None for the picture's own.
        metadata: "keep" carries all that the format has a place for (see `losses`); "no-gps"
            leaves out coordinates and the names of places in EXIF, XMP, IPTC, comments and PNG
            text, though not a place that a caption names in words, nor what a camera maker may
            hide in its own notes; "none" leaves out EXIF, XMP, IPTC, comments and text. The
            colour profile stays where it fits the format: without it the colours would change.
        as_it_came: Whether a JPEG is coded as the one it was read from: the same quantization,
            subsampling and scans, so that the file grows no more than it must.

    Raises:
        ImageError: The format is unknown or cannot hold this picture.
        ConfigError: `metadata` is another word.
    """
    chosen = check_output(picture, format)
    blocks = _fitting(select(picture.metadata, metadata), chosen)
    try:
        if chosen == "JPEG":
            return _jpeg(picture, blocks, as_it_came=as_it_came)
        return _WRITERS[chosen](picture, blocks)
    except ImageError:
        raise
    except Exception as error:  # odd metadata makes encoders raise nearly every type there is
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(
            f"cannot write this picture as {chosen} ({detail}); "
            "choose another format, or leave the metadata out"
        ) from error


def losses(
    picture: Picture,
    format: str | None = None,  # noqa: A002
    metadata: MetadataPolicy = "keep",
) -> tuple[str, ...]:
    """Say what of the picture `encode` would leave out without being asked, a sentence each.

    Raises:
        ImageError: As for `check_output`.
        ConfigError: `metadata` is another word.
    """
    chosen = check_output(picture, format)
    blocks = select(picture.metadata, metadata)
    colours = {kind for kind, _ in blocks.colour} - {b"sRGB"}
    lost = {
        "the IPTC caption block": blocks.iptc and chosen not in {"JPEG", "TIFF"},
        "the JPEG comment": blocks.comments and chosen != "JPEG",
        "the extended XMP": blocks.extended_xmp and chosen != "JPEG",
        "PNG's text": blocks.text and chosen != "PNG",
        "PNG's own colour description": colours and chosen != "PNG",
        "the resolution": blocks.dpi and chosen not in {"JPEG", "PNG", "TIFF"} and not blocks.exif,
    }
    said = [f"{what} has no place in {chosen} and is dropped" for what in lost if lost[what]]
    fitting = _fitting(blocks, chosen)
    said += [
        f"{what} is {len(getattr(blocks, block)):,} bytes long, more than "
        f"{_MOST_BYTES[chosen, block]:,}, which is what {chosen} takes, and is dropped"
        for block, what in _CALLED.items()
        if getattr(blocks, block) and not getattr(fitting, block)
    ]
    if metadata == "no-gps":
        said += [
            f"{what} cannot be cleaned of places with certainty and is dropped"
            for block, what in _CALLED.items()
            if getattr(picture.metadata, block) and not getattr(blocks, block)
        ]
    if picture.bits > 8 and chosen not in _DEEP:
        said.append(f"{chosen} is written with 8 bits per channel instead of {picture.bits}")
    return tuple(said)


def _fitting(blocks: Metadata, chosen: str) -> Metadata:
    """Leave out the blocks that are too long for the format."""

    def fits(block: str) -> bool:
        return len(getattr(blocks, block) or b"") <= _MOST_BYTES.get((chosen, block), sys.maxsize)

    return replace(
        blocks,
        exif=blocks.exif if fits("exif") else None,
        xmp=blocks.xmp if fits("xmp") else None,
        icc=blocks.icc if fits("icc") else None,
    )


def _jpeg(picture: Picture, blocks: Metadata, *, as_it_came: bool = False) -> bytes:
    coding = picture.jpeg if as_it_came else None
    quality: dict[str, object] = {"quality": 95, "subsampling": "4:4:4"}
    if coding is not None:
        quality = {
            "qtables": [list(table) for table in coding.tables],
            "subsampling": coding.subsampling,
            "progressive": coding.progressive or None,
        }
    extra = [_segment(0xE1, body) for body in blocks.extended_xmp]
    extra += [_segment(0xFE, body) for body in blocks.comments]
    resources, room = blocks.iptc or b"", _SEGMENT_BYTES - len(PHOTOSHOP)
    extra += [
        _segment(0xED, PHOTOSHOP + resources[at : at + room])
        for at in range(0, len(resources), room)
    ]
    return _saved(
        Image.fromarray(picture.pixels),
        "JPEG",
        blocks,
        exif=EXIF + blocks.exif if blocks.exif else None,
        xmp=blocks.xmp,
        extra=b"".join(extra) or None,
        dpi=blocks.dpi,
        optimize=True,
        **quality,
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _png(picture: Picture, blocks: Metadata) -> bytes:
    channels = _channels(picture)
    if channels.dtype == np.uint16:
        whole = deep.write_png(channels.astype(np.uint16, copy=False))
        encoded = png.take_apart(whole).pixels  # libvips adds a resolution of its own
    else:
        encoded = _saved(Image.fromarray(channels), "PNG", Metadata())
    return png.with_metadata(encoded, blocks)


def _webp(picture: Picture, blocks: Metadata) -> bytes:
    return _saved(
        Image.fromarray(eight_bit(_channels(picture))),
        "WEBP",
        blocks,
        exif=blocks.exif,
        xmp=blocks.xmp,
        lossless=picture.lossless,
        exact=picture.lossless,  # keep the colours under full transparency too
        quality=75 if picture.lossless else 95,  # lossless: effort, not fidelity
        alpha_quality=100,
        method=4,
    )


def _avif(picture: Picture, blocks: Metadata) -> bytes:
    # Only the encoder that Pillow chooses first knows this; without alpha it is not asked.
    alpha = {"alpha:lossless": "1"} if picture.alpha is not None else None
    return _saved(
        Image.fromarray(eight_bit(_channels(picture))),
        "AVIF",
        blocks,
        advanced=alpha,
        exif=_RawExif(blocks.exif) if blocks.exif else None,
        xmp=blocks.xmp,
        quality=95,
        subsampling="4:4:4",
    )


def _tiff(picture: Picture, blocks: Metadata) -> bytes:
    return tiff.write(_channels(picture), blocks)


def _heif(picture: Picture, blocks: Metadata) -> bytes:
    image = Image.fromarray(eight_bit(_channels(picture)))
    return heif.write(
        image,
        exif=blocks.exif,
        xmp=blocks.xmp,
        icc=blocks.icc,
        lossless=_is_transparent(picture),
    )


_WRITERS = {
    "PNG": _png,
    "WEBP": _webp,
    "TIFF": _tiff,
    "AVIF": _avif,
    "HEIF": _heif,
}


def _channels(picture: Picture) -> Samples:
    """Give (H, W, 3) RGB, or (H, W, 4) with alpha."""
    if picture.alpha is None:
        return picture.samples
    return cast("Samples", np.dstack([picture.samples, picture.alpha]))


def _saved(image: Image.Image, name: str, blocks: Metadata, **options: object) -> bytes:
    """Save through Pillow with the options that have a value, and the colour profile."""
    out = io.BytesIO()
    given = {key: value for key, value in options.items() if value is not None}
    image.save(out, name, **({"icc_profile": blocks.icc} if blocks.icc else {}), **given)
    return out.getvalue()
