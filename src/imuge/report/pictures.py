"""Arrays as the bytes a report carries: lossless files, and small previews inside the page."""

import base64
import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from imuge.results import Pixels

RECONSTRUCTION = "reconstruction by imuge, not original pixels"
PREVIEW_QUALITY = 88
REDUCING_GAP = 1.0  # previews are averaged down by whole numbers first, which is twice as fast
CLOSE_UP_EDGE = 400  # long edge of a close-up, in pixels
MOST_ENLARGED = 4  # times
CLOSE_UP_MARGIN = 0.25  # around a region, of its box's longer side
LEAST_MARGIN = 12  # pixels
MOST_STRETCHED = 2  # times longer than wide, or the other way, that a close-up may be


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
    # A third of the default's time. Runs alone are looked for: a twentieth more of a photograph, a
    # quarter less of a smooth hidden copy.
    image = Image.fromarray(picture)
    image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE, pnginfo=notes)
    return buffer.getvalue()


def preview(picture: Pixels, long_edge: int) -> str:
    """Encode a picture for the page as a `data:` address.

    Args:
        picture: (H, W, 3) uint8 RGB.
        long_edge: Largest width or height of the preview, in pixels; nothing is enlarged.
    """
    return _jpeg_address(Image.fromarray(shrunk(picture, long_edge)))


def shrunk(picture: Pixels, long_edge: int) -> Pixels:
    """A picture (H, W, 3) with its longer side at most so many pixels."""
    if max(picture.shape[:2]) <= long_edge:
        return picture
    image = Image.fromarray(picture)
    image.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)
    return np.asarray(image)


def close_up(picture: Pixels, box: tuple[int, int, int, int]) -> str:
    """Encode a region with some of its surroundings for the page as a `data:` address.

    The place and the zoom follow from `box` and the picture's size alone, so that close-ups of the
    copy, its reconstruction and its hidden copy are of one place and one size.

    Args:
        picture: (H, W, 3) uint8 RGB.
        box: Left, top, right, bottom of the region, in pixels.
    """
    rows, columns = window_around(box, picture.shape[:2])
    image = Image.fromarray(np.ascontiguousarray(picture[rows, columns]))
    zoom = min(MOST_ENLARGED, CLOSE_UP_EDGE / max(image.size))
    size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
    small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)
    return _jpeg_address(small)


def window_around(box: tuple[int, int, int, int], size: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a close-up: a region's box with a margin, never a thin strip."""
    left, top, right, bottom = box
    longer = max(right - left, bottom - top)
    margin = max(LEAST_MARGIN, round(CLOSE_UP_MARGIN * longer))
    least = (longer + 2 * margin) // MOST_STRETCHED
    return _reach(top, bottom, margin, least, size[0]), _reach(left, right, margin, least, size[1])


def _reach(first: int, last: int, margin: int, least: int, side: int) -> slice:
    around = max(margin, (least - (last - first) + 1) // 2)
    return slice(max(0, first - around), min(side, last + around))


def _jpeg_address(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PREVIEW_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
