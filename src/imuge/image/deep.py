"""16 bits a channel, read and written with libvips (pyvips, an optional package).

Pillow opens such files and silently gives 8 bits of each channel.
"""

import importlib
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError, UnsupportedError

NEEDED = (
    "the picture has 16 bits per channel, which needs the optional package pyvips; install it "
    "with: pip install 'pyvips[binary]', or export an 8-bit copy and use that"
)
_COMPRESSION = 6


def require() -> ModuleType:
    """Import pyvips.

    Raises:
        UnsupportedError: It, or the library it stands on, is not installed.
    """
    try:
        return importlib.import_module("pyvips")
    except (ImportError, OSError) as error:
        raise UnsupportedError(NEEDED) from error


def read(
    data: bytes, kind: str, *, has_alpha: bool, grey_icc: bytes | None
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Decode the pixels as they are stored; nothing is turned.

    Args:
        data: A PNG of 16 bits, or a TIFF of 16 bits in grey or RGB.
        kind: "PNG" or "TIFF".
        has_alpha: Whether a TIFF's second or fourth channel is alpha; in a PNG it always is.
        grey_icc: The profile of a grey picture, which is applied: the result is sRGB then.

    Returns:
        (H, W, 3) RGB and (H, W) alpha or None; colours that a TIFF had multiplied by alpha are
        divided by it.

    Raises:
        UnsupportedError: pyvips is not installed.
        ImageError: The data are damaged or cut short, or not of 16 bits.
    """
    vips = require()
    loader = {"PNG": vips.Image.pngload_buffer, "TIFF": vips.Image.tiffload_buffer}[kind]
    try:
        image = loader(data, fail_on="error", access="sequential")
        if grey_icc is not None and image.bands < 3:
            image = image.copy()
            image.set_type(vips.GValue.blob_type, "icc-profile-data", grey_icc)
            image = image.icc_transform("srgb", embedded=True, depth=16)
        channels = image.numpy()
    except vips.Error as error:
        detail = " ".join(str(error).split())[:120]
        raise ImageError(
            f"the {kind} data is damaged or cut short ({detail}); get an intact copy"
        ) from error
    if channels.dtype != np.uint16:
        raise ImageError(f"expected 16 bits per channel, got {channels.dtype}; export it anew")
    if channels.ndim == 2:
        channels = channels[..., None]
    colours = 3 if channels.shape[2] >= 3 else 1
    colour = np.repeat(channels, 3, axis=2) if colours == 1 else channels
    alpha = None
    if channels.shape[2] > colours and (has_alpha or kind == "PNG"):
        alpha = np.ascontiguousarray(channels[..., colours])
    return np.ascontiguousarray(colour[..., :3]), alpha


def write_png(channels: NDArray[np.uint16]) -> bytes:
    """Encode (H, W, 3) RGB or (H, W, 4) RGB and alpha as a PNG of 16 bits without metadata.

    Raises:
        UnsupportedError: pyvips is not installed.
    """
    image = require().Image.new_from_array(np.ascontiguousarray(channels), interpretation="rgb16")
    encoded: bytes = image.pngsave_buffer(bitdepth=16, compression=_COMPRESSION, keep="none")
    return encoded
