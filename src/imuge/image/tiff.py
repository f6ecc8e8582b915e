"""Write TIFF with deflate compression and the photograph's own tags.

Pillow's compressed writer (libtiff) refuses the EXIF directory, and its plain writer does not
compress; so the strips are made here and Pillow's directory class lays out the tags.
"""

import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, TiffTags

from imuge.image.picture import Metadata

XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, ICC_TAG, C2PA_TAG = 700, 33723, 34377, 34675, 52545
EXIF_IFD, GPS_IFD, INTEROP_IFD, ORIENTATION = 34665, 34853, 40965, 274

# Tags of the first directory that describe the photograph, not the layout of its pixels.
_DESCRIPTIVE = {
    *(270, 271, 272, ORIENTATION, 305, 306, 315, 316, 18246, 18249, 33432),
    *(EXIF_IFD, GPS_IFD),
    *range(40091, 40096),  # titles and authors as Windows writes them
}
_ROWS_PER_STRIP = 64
_STRIP_OFFSETS = 273


def describe(tags: Image.Exif) -> dict[int, Any]:
    """Copy the tags that describe the photograph, sub-directories as nested dictionaries."""
    kept = {tag: tags[tag] for tag in set(tags) & _DESCRIPTIVE}
    for group in {EXIF_IFD, GPS_IFD} & set(kept):
        kept[group] = dict(tags.get_ifd(group))
    if INTEROP_IFD in kept.get(EXIF_IFD, {}):
        kept[EXIF_IFD][INTEROP_IFD] = dict(tags.get_ifd(INTEROP_IFD))
    return kept


def write(channels: NDArray[np.uint8], blocks: Metadata) -> bytes:
    """Encode without loss.

    Args:
        channels: (H, W, 3) RGB or (H, W, 4) RGB and alpha.
        blocks: What to carry: EXIF tags, ICC, XMP, Photoshop resources and resolution.
    """
    height, width, count = channels.shape
    strips = [
        zlib.compress(_differences(channels[top : top + _ROWS_PER_STRIP]).tobytes())
        for top in range(0, height, _ROWS_PER_STRIP)
    ]
    ifd = TiffImagePlugin.ImageFileDirectory_v2()
    if blocks.exif is not None:
        tags = Image.Exif()
        tags.load(blocks.exif)
        for tag, value in describe(tags).items():
            ifd[tag] = value
    ifd[256], ifd[257], ifd[258] = width, height, (8,) * count
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


def _differences(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Subtract each pixel's left neighbour, modulo 256: photographs then compress better."""
    changed = rows.copy()
    changed[:, 1:] -= rows[:, :-1]
    return changed
