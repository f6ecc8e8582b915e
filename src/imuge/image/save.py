"""Encode a picture in one of the known formats; nothing is written to disk here.

JPEG  quality 95, full colour resolution (4:4:4)
PNG   lossless
WebP  lossless where the source was, else quality 95 (always 4:2:0), alpha lossless
TIFF  lossless, deflate
AVIF  quality 95, 4:4:4
HEIF  quality 95, 4:4:4; needs pillow-heif
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from imuge.errors import ImageError
from imuge.image import heif, tiff
from imuge.image.formats import FORMATS, SUFFIXES
from imuge.image.metadata import PHOTOSHOP, MetadataPolicy, select
from imuge.image.picture import Metadata, Picture

_SEGMENT_BYTES = 65533  # of payload in one JPEG segment


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
            f"cannot tell the format of {path.name} from its suffix; "
            f"end the name in one of {', '.join(SUFFIXES)}"
        )
    if found == "HEIF":
        heif.require()
    return found


def check_output(picture: Picture, format: str | None = None) -> str:  # noqa: A002
    """Say in which format `encode` would write; callers ask this before long work.

    Raises:
        ImageError: The format is unknown, lacks a package, or cannot hold the picture's alpha.
    """
    chosen = SUFFIXES.get(f".{format or picture.format}".lower())
    if chosen is None:
        raise ImageError(f"unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    if chosen == "HEIF":
        heif.require()
    if chosen == "JPEG" and picture.alpha is not None and picture.alpha.min() < 255:
        raise ImageError(
            "the picture has transparent parts, which JPEG cannot hold; choose png or webp"
        )
    return chosen


def encode(
    picture: Picture,
    *,
    format: str | None = None,  # noqa: A002
    metadata: MetadataPolicy = "keep",
) -> bytes:
    """Encode `picture` as a whole file.

    Args:
        picture: What to write.
        format: "JPEG", "PNG", "WEBP", "TIFF", "AVIF" or "HEIF" in any case, or a suffix such as
            "jpg"; None for the picture's own.
        metadata: "keep" carries all that the format has a place for (see `losses`); "no-gps"
            leaves out coordinates in EXIF, XMP and PNG text, though not what a camera maker may
            hide in its own notes; "none" leaves out EXIF, XMP, IPTC, comments and text. The
            colour profile always stays: without it the colours would change.

    Raises:
        ImageError: The format is unknown or cannot hold this picture.
        ConfigError: `metadata` is another word.
    """
    chosen = check_output(picture, format)
    blocks = select(picture.metadata, metadata)
    try:
        return _WRITERS[chosen](picture, blocks)
    except ImageError:
        raise
    except Exception as error:  # odd metadata makes encoders raise nearly every type there is
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(
            f"cannot write this picture as {chosen} ({detail}); "
            "choose another format, or leave the metadata out"
        ) from error


def losses(picture: Picture, format: str | None = None) -> tuple[str, ...]:  # noqa: A002
    """Say what of the picture's metadata the output format has no place for, a sentence each.

    Raises:
        ImageError: As for `check_output`.
    """
    chosen = check_output(picture, format)
    blocks = picture.metadata
    lost = {
        "the IPTC caption block": blocks.iptc and chosen not in {"JPEG", "TIFF"},
        "the JPEG comment": blocks.comments and chosen != "JPEG",
        "the extended XMP": blocks.extended_xmp and chosen != "JPEG",
        "PNG's text": blocks.text and chosen != "PNG",
        "PNG's own colour description": (
            any(kind in {b"gAMA", b"cICP"} for kind, _ in blocks.colour) and chosen != "PNG"
        ),
    }
    return tuple(f"{what} has no place in {chosen} and is dropped" for what in lost if lost[what])


def _jpeg(picture: Picture, blocks: Metadata) -> bytes:
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
        exif=b"Exif\0\0" + blocks.exif if blocks.exif else None,
        xmp=blocks.xmp,
        extra=b"".join(extra) or None,
        dpi=blocks.dpi,
        quality=95,
        subsampling="4:4:4",
        optimize=True,
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _png(picture: Picture, blocks: Metadata) -> bytes:
    info = PngImagePlugin.PngInfo()
    for kind, body in (*blocks.colour, *blocks.text):
        info.add(kind, body)
    if blocks.xmp:
        info.add(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks.xmp)
    return _saved(
        Image.fromarray(_channels(picture)),
        "PNG",
        blocks,
        pnginfo=info,
        exif=blocks.exif,
        dpi=blocks.dpi,
    )


def _webp(picture: Picture, blocks: Metadata) -> bytes:
    return _saved(
        Image.fromarray(_channels(picture)),
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
    return _saved(
        Image.fromarray(_channels(picture)),
        "AVIF",
        blocks,
        exif=_RawExif(blocks.exif) if blocks.exif else None,
        xmp=blocks.xmp,
        quality=95,
        subsampling="4:4:4",
    )


def _tiff(picture: Picture, blocks: Metadata) -> bytes:
    return tiff.write(_channels(picture), blocks)


def _heif(picture: Picture, blocks: Metadata) -> bytes:
    image = Image.fromarray(_channels(picture))
    return heif.write(image, exif=blocks.exif, xmp=blocks.xmp, icc=blocks.icc)


_WRITERS = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "TIFF": _tiff,
    "AVIF": _avif,
    "HEIF": _heif,
}


def _channels(picture: Picture) -> NDArray[np.uint8]:
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


def _saved(image: Image.Image, name: str, blocks: Metadata, **options: object) -> bytes:
    """Save through Pillow with the options that have a value, and the colour profile."""
    out = io.BytesIO()
    given = {key: value for key, value in options.items() if value is not None}
    image.save(out, name, **({"icc_profile": blocks.icc} if blocks.icc else {}), **given)
    return out.getvalue()
