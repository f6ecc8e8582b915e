"""Arrays as the bytes a report carries: lossless files, and small previews inside the page."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from imuge.results import Pixels

RECONSTRUCTION = "reconstruction by imuge, not original pixels"
PREVIEW_QUALITY = 88
CROP_MARGIN = 0.2  # of the box's side, on each side of it
CROP_MARGIN_PIXELS = 12


def png(picture: NDArray[np.uint8], description: str | None = None) -> bytes:
    """Encode a picture or a grey plane as PNG.

    Args:
        picture: (H, W, 3) RGB or (H, W) grey, uint8.
        description: Text for the file's `Description` field.
    """
    notes = PngImagePlugin.PngInfo()
    if description is not None:
        notes.add_text("Description", description)
        notes.add_text("Software", "imuge")
    buffer = io.BytesIO()
    # Level 1 is twice as fast as the default and costs a few per cent on photographs.
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1, pnginfo=notes)
    return buffer.getvalue()


def preview(picture: Pixels, long_edge: int) -> str:
    """Encode a picture for the page as a `data:` address.

    Args:
        picture: (H, W, 3) uint8 RGB.
        long_edge: Largest width or height of the preview, in pixels; nothing is enlarged.
    """
    image = Image.fromarray(picture)
    image.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PREVIEW_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def crop_around(picture: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """Cut out a region's box (left, top, right, bottom) with some of its surroundings."""
    left, top, right, bottom = box
    across = max(CROP_MARGIN_PIXELS, round(CROP_MARGIN * (right - left)))
    down = max(CROP_MARGIN_PIXELS, round(CROP_MARGIN * (bottom - top)))
    return picture[max(0, top - down) : bottom + down, max(0, left - across) : right + across]
