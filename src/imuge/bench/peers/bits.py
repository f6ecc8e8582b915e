"""Watermarks that only carry bits: they neither locate nor restore.

    host + bits ─ embed ─► pixels … received ─ read ─► bits

Measured by how little they change and how many bits survive. Both packages are MIT-licensed, last
released in 2023, and bring OpenCV, invisible-watermark torch as well: each is imported when used.
"""

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imuge.bench.peers.optional import imported
from imuge.errors import ImageError
from imuge.results import Pixels

CAPACITY = 64  # bits, sixteen times over in the smallest picture
SMALLEST = 256 * 256  # pixels; invisible-watermark refuses less

Bits = NDArray[np.bool_]


class BitMark(Protocol):
    """Hides bits in a picture and reads them again; the same calls give the same results."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    @property
    def capacity(self) -> int:
        """How many bits it hides and reads."""

    def embed(self, host: Pixels, bits: Bits, *, seed: int) -> Pixels:
        """Hide bits.

        Args:
            host: (H, W, 3), of 65536 pixels or more.
            bits: (capacity,).
            seed: The key, if the mark has any: 0 to 2**32 - 1.

        Returns:
            (H, W, 3).

        Raises:
            ConfigError: the package is not installed.
            ImageError: the picture is too small.
        """

    def read(self, received: Pixels, *, seed: int) -> Bits:
        """Read a picture marked under this seed; from any other one come arbitrary bits.

        Args:
            received: (H, W, 3), of 65536 pixels or more.
            seed: That of `embed`.

        Returns:
            (capacity,).

        Raises:
            ConfigError: the package is not installed.
            ImageError: the picture is too small.
        """


class BlindWatermark:
    """The package blind-watermark 0.4: singular values of the block DCT of a wavelet band."""

    name = "blind-watermark"
    capacity = CAPACITY

    def embed(self, host: Pixels, bits: Bits, *, seed: int) -> Pixels:
        """Hide bits; see `BitMark.embed`."""
        mark = self._mark(seed)
        mark.read_img(img=_reversed(host))
        mark.read_wm(bits, mode="bit")
        return _reversed(mark.embed().round().clip(0, 255).astype(np.uint8))

    def read(self, received: Pixels, *, seed: int) -> Bits:
        """Read bits; see `BitMark.read`."""
        mark = self._mark(seed)
        found = mark.extract(embed_img=_reversed(received), wm_shape=CAPACITY, mode="bit")
        return np.asarray(found, bool)

    def _mark(self, seed: int) -> Any:  # noqa: ANN401
        package = imported("blind_watermark", package="blind-watermark")
        package.bw_notes.close()  # else it prints a greeting
        return package.WaterMark(password_img=seed, password_wm=seed)


class InvisibleWatermark:
    """The package invisible-watermark 0.2; it has no key.

    Args:
        method: The package's default, `dwtDct`, or `dwtDctSvd`, which is slower and stronger.
    """

    capacity = CAPACITY

    def __init__(self, method: Literal["dwtDct", "dwtDctSvd"]) -> None:
        self.name = f"invisible-watermark, {method}"
        self._method = method

    def embed(self, host: Pixels, bits: Bits, *, seed: int) -> Pixels:  # noqa: ARG002
        """Hide bits; see `BitMark.embed`."""
        package = imported("imwatermark", package="invisible-watermark")
        encoder = package.WatermarkEncoder()
        encoder.set_watermark("bits", bits.tolist())
        return _reversed(encoder.encode(_reversed(host), self._method))

    def read(self, received: Pixels, *, seed: int) -> Bits:  # noqa: ARG002
        """Read bits; see `BitMark.read`."""
        package = imported("imwatermark", package="invisible-watermark")
        decoder = package.WatermarkDecoder("bits", CAPACITY)
        return np.asarray(decoder.decode(_reversed(received), self._method), bool)


def _reversed(picture: Pixels) -> Pixels:
    """RGB to the BGR of OpenCV, or back.

    Raises:
        ImageError: the picture is too small for either package.
    """
    height, width = picture.shape[:2]
    if height * width < SMALLEST:
        raise ImageError(f"expected a picture of {SMALLEST} pixels or more, got {width}x{height}")
    return np.ascontiguousarray(picture[..., ::-1])
