"""A photograph in memory: upright 8-bit RGB pixels beside everything else its file carried.

The pixels are what imuge works on; the blocks in `Metadata` are the file's own bytes and are
written back as they came. The one change is the orientation: the pixels are turned upright
once, and the blocks then say 1 ("as stored"), so that no reader turns the picture again.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError

Chunk = tuple[bytes, bytes]  # a PNG chunk's four-letter type and its content


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Raw blocks as the file carried them; None or () where it had none."""

    exif: bytes | None = None  # a TIFF structure ("II*" or "MM"), without the "Exif" prefix
    icc: bytes | None = None
    xmp: bytes | None = None
    extended_xmp: tuple[bytes, ...] = ()  # JPEG only: payloads of the extension segments
    iptc: bytes | None = None  # Photoshop resources ("8BIM..."), where IPTC captions live
    comments: tuple[bytes, ...] = ()  # JPEG only
    dpi: tuple[float, float] | None = None  # across, down
    colour: tuple[Chunk, ...] = ()  # PNG only: gAMA, cHRM, sRGB, cICP
    text: tuple[Chunk, ...] = ()  # PNG only: tEXt, zTXt, iTXt other than XMP


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One photograph, upright, with what its file said about it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 0 is transparent; None where the file had none.
        metadata: The file's blocks, orientation already reset to 1.
        format: "JPEG", "PNG", "WEBP", "TIFF", "AVIF" or "HEIF".
        lossless: Whether the file's coding kept every pixel exactly.
        notes: What was converted or left behind on the way in, one plain sentence each.
        sha256: Of the file's bytes, in hex; "" for a picture that came from memory.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    metadata: Metadata
    format: str
    lossless: bool
    notes: tuple[str, ...]
    sha256: str

    def with_pixels(self, pixels: NDArray[np.uint8]) -> "Picture":
        """Return the same picture with other pixels: alpha, metadata and format stay.

        Args:
            pixels: (H, W, 3) uint8 RGB, of this picture's size.

        Raises:
            ImageError: `pixels` has another shape or type.
        """
        if pixels.shape != self.pixels.shape or pixels.dtype != np.uint8:
            raise ImageError(
                f"expected uint8 pixels of shape {self.pixels.shape}, "
                f"got {pixels.dtype} of shape {pixels.shape}"
            )
        return replace(self, pixels=pixels)
