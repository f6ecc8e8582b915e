"""A photograph in memory: upright RGB samples beside everything else its file carried.

The samples are what imuge works on; the blocks in `Metadata` are the file's own bytes and are
written back as they came. Where the picture was turned, the blocks are made to say what is true of
the upright samples, so that no reader turns the picture again.

What is fully transparent is white, whatever the file had there: nobody sees those pixels, and
programs change them freely, so that they can carry no protection and are no evidence. White is
what most programs put behind a transparent picture.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError
from imuge.image.limits import DEFAULT, Limits

Chunk = tuple[bytes, bytes]  # a PNG chunk's four-letter type and its content
Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


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
class JpegCoding:
    """How a JPEG was coded, so that another of the same size and fidelity can be."""

    tables: tuple[tuple[int, ...], ...]  # of quantization, 64 numbers each, row by row
    subsampling: int  # 0: 4:4:4, 1: 4:2:2, 2: 4:2:0, Pillow's numbers
    progressive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One photograph, upright, with what its file said about it.

    Attributes:
        samples: (H, W, 3) RGB, uint8 or uint16 as the file had; white where alpha is 0.
        alpha: (H, W) of the same type, 0 is transparent; None where the file had none.
        metadata: The file's blocks, orientation already reset to 1.
        format: "JPEG", "PNG", "WEBP", "TIFF", "AVIF" or "HEIF".
        lossless: Whether the file's coding kept every pixel exactly.
        notes: What was converted or left behind on the way in, one plain sentence each.
        sha256: Of the file's bytes, in hex; "" for a picture that came from memory.
        limits: Those it was read under; what is made of it is read back under the same.
        jpeg: How it was coded; None for other formats, and for unusual JPEGs.
    """

    samples: Samples
    alpha: Samples | None
    metadata: Metadata
    format: str
    lossless: bool
    notes: tuple[str, ...]
    sha256: str
    limits: Limits = DEFAULT
    jpeg: JpegCoding | None = None

    @property
    def bits(self) -> int:
        """Bits a channel: 8 or 16."""
        return 8 * self.samples.itemsize

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB: the samples, rounded where they have 16 bits."""
        return eight_bit(self.samples)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(H, W): True where a pixel is seen at all, so that a change of it says something."""
        if self.alpha is None:
            return np.ones(self.samples.shape[:2], bool)
        return self.alpha > 0

    def with_pixels(self, pixels: Samples) -> "Picture":
        """Return the same picture with other pixels: alpha, metadata and format stay.

        Args:
            pixels: (H, W, 3) RGB of this picture's size and type; what alpha hides becomes white.

        Raises:
            ImageError: `pixels` has another shape or type.
        """
        if pixels.shape != self.samples.shape or pixels.dtype != self.samples.dtype:
            raise ImageError(
                f"expected {self.samples.dtype} pixels of shape {self.samples.shape}, "
                f"got {pixels.dtype} of shape {pixels.shape}"
            )
        return replace(self, samples=neutral(pixels, self.alpha))

    def with_patch(self, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> "Picture":
        """Return the same picture with 8-bit pixels where the mask is; the others stay exactly.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            mask: (H, W), True where a pixel is replaced.
        """
        patched = self.samples.copy()
        patched[mask] = pixels[mask].astype(patched.dtype) * (np.iinfo(patched.dtype).max // 255)
        return self.with_pixels(patched)


def eight_bit(samples: Samples) -> NDArray[np.uint8]:
    """Round samples of any shape to 8 bits; those that have 8 bits come back themselves."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def neutral(pixels: Samples, alpha: Samples | None) -> Samples:
    """Make white what alpha hides wholly; the array itself where it hides nothing."""
    if alpha is None or alpha.all():
        return pixels
    filled = pixels.copy()
    filled[alpha == 0] = np.iinfo(pixels.dtype).max
    return filled
