"""TIFF: what its first directory says, and writing it with the photograph's own tags.

Pillow's compressed writer (libtiff) refuses the EXIF directory, and its plain writer does not
compress; so the strips are made here and Pillow's directory class lays out the tags.
"""

import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from imuge.image.picture import Metadata, Samples

XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG, C2PA_TAG = 700, 33723, 34377, 34675, 52545
EXIF_IFD, GPS_IFD, INTEROP_IFD, ORIENTATION = 34665, 34853, 40965, 274

# Tags of the first directory that describe the photograph, not the layout of its pixels.
_DESCRIPTIVE = {
    *(270, 271, 272, ORIENTATION, 305, 306, 315, 316, 18246, 18249, 33432),
    *(EXIF_IFD, GPS_IFD),
    *range(40091, 40096),  # titles and authors as Windows writes them
}
# Tags that lay out the pixels, which are laid out anew.
_LAYOUT = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 269, 273, 277, 278, 279, 280, 281),
    *(282, 283, 284, 285, 286, 287, 290, 291, 292, 293, 296, 297, 317, 320, 321, 322, 323, 324),
    *(325, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532),
}
_CARRIED = {XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG, C2PA_TAG, INTEROP_IFD}
_NAMES = {330: "further pictures (SubIFDs)", 37724: "Photoshop's layers", 42112: "GDAL's metadata"}
_BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT = 258, 262, 277, 338, 339
_PHOTOMETRICS = {0: "grey", 1: "grey", 2: "RGB", 5: "CMYK", 8: "LAB", 9: "LAB", 10: "LAB"}
_ROWS_PER_STRIP = 64
_STRIP_OFFSETS = 273


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the first picture of a TIFF is stored."""

    bits: int  # of the deepest channel
    kind: str  # of numbers: "unsigned", "signed" or "floating-point"
    colours: str  # "grey", "RGB", "CMYK", "LAB", or "other" for what Pillow may know
    has_alpha: bool


def layout(data: bytes) -> Layout | None:
    """Read the first directory of a classic or a big TIFF; None where there is none to read."""
    stream = io.BytesIO(data)
    try:
        head = stream.read(16)
        directory = TiffImagePlugin.ImageFileDirectory_v2(head if 43 in head[2:4] else head[:8])
        stream.seek(directory.next)
        directory.load(stream)
        bits = max(directory.get(_BITS, (1,)))
        formats = directory.get(_FORMAT, (1,))
        return Layout(
            bits=int(bits),
            kind={2: "signed", 3: "floating-point"}.get(max(formats), "unsigned"),
            colours=_PHOTOMETRICS.get(directory.get(_PHOTOMETRIC, -1), "other"),
            has_alpha=directory.get(_EXTRA, (0,))[:1] in {(1,), (2,)},
        )
    except Exception:  # a hostile directory raises nearly every type there is
        return None


def left_out(tags: Iterable[int]) -> list[str]:
    """Name the tags that are not written again, beside those that lay out the pixels."""
    lost = set(tags) - _LAYOUT - _CARRIED - _DESCRIPTIVE
    return [_NAMES.get(tag) or f"{TiffTags.lookup(tag).name} ({tag})" for tag in sorted(lost)]


def describe(tags: Image.Exif) -> dict[int, Any]:
    """Copy the tags that describe the photograph, sub-directories as nested dictionaries."""
    kept = {tag: tags[tag] for tag in set(tags) & _DESCRIPTIVE}
    for group in {EXIF_IFD, GPS_IFD} & set(kept):
        kept[group] = dict(tags.get_ifd(group))
    if INTEROP_IFD in kept.get(EXIF_IFD, {}):
        kept[EXIF_IFD][INTEROP_IFD] = dict(tags.get_ifd(INTEROP_IFD))
    return kept


def write(channels: Samples, blocks: Metadata) -> bytes:
    """Encode without loss.

    Args:
        channels: (H, W, 3) RGB or (H, W, 4) RGB and alpha, of 8 or 16 bits.
        blocks: What to carry: EXIF tags, ICC, XMP, Photoshop resources and resolution.
    """
    height, width, count = channels.shape
    strips = [
        zlib.compress(_differences(channels[top : top + _ROWS_PER_STRIP]))
        for top in range(0, height, _ROWS_PER_STRIP)
    ]
    ifd = TiffImagePlugin.ImageFileDirectory_v2()
    if blocks.exif is not None:
        tags = Image.Exif()
        tags.load(blocks.exif)
        for tag, value in describe(tags).items():
            ifd[tag] = value
    bits = 8 * channels.itemsize
    ifd[256], ifd[257], ifd[258] = width, height, (bits,) * count
    ifd[259], ifd[262], ifd[277], ifd[284] = 8, 2, count, 1  # deflate, RGB, interleaved
    ifd[278], ifd[317] = _ROWS_PER_STRIP, 2  # horizontal differences
    if count == 4:
        ifd[338] = 2  # alpha that is not multiplied into the colours
    if blocks.dpi is not None:
        ifd[282], ifd[283], ifd[296] = *blocks.dpi, 2
    for tag, block, kind in (
        (XMP_TAG, blocks.xmp, TiffTags.BYTE),
        (PHOTOSHOP_TAG, blocks.iptc, TiffTags.UNDEFINED),
        (ICC_TAG, blocks.icc, TiffTags.UNDEFINED),
    ):
        if block is not None:
            ifd.tagtype[tag] = kind
            ifd[tag] = block
    sizes = [len(strip) for strip in strips]
    ifd.tagtype[_STRIP_OFFSETS] = ifd.tagtype[279] = TiffTags.LONG
    # Pillow moves the offsets behind the directory when it writes it.
    ifd[_STRIP_OFFSETS] = tuple(int(at) for at in np.cumsum([0, *sizes[:-1]]))
    ifd[279] = tuple(sizes)
    out = io.BytesIO()
    ifd.save(out)
    out.write(b"".join(strips))
    return out.getvalue()


def _differences(rows: Samples) -> bytes:
    """Subtract each pixel's left neighbour, modulo 2^bits: photographs then compress better."""
    changed = rows.copy()
    changed[:, 1:] -= rows[:, :-1]
    return changed.astype(changed.dtype.newbyteorder("<")).tobytes()
