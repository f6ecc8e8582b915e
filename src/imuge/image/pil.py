"""A picture as a PIL image, with what Pillow keeps beside the pixels."""

import numpy as np
from PIL import Image

from imuge.image.jpeg import EXIF
from imuge.image.metadata import MetadataPolicy, select
from imuge.image.picture import Picture, eight_bit


def to_pil(picture: Picture, metadata: MetadataPolicy = "keep") -> Image.Image:
    """Give the opposite of `from_pil`, upright.

    Args:
        picture: Its samples become RGB or, with alpha, RGBA, of 8 bits.
        metadata: As for `encode`; what is kept of colour profile, EXIF, XMP and resolution is in
            the image's `info`, under Pillow's names.

    Raises:
        ConfigError: `metadata` is no such policy.
    """
    alpha = picture.alpha
    pixels = picture.pixels
    image = Image.fromarray(pixels if alpha is None else np.dstack([pixels, eight_bit(alpha)]))
    blocks = select(picture.metadata, metadata)
    info = {
        "icc_profile": blocks.icc,
        "exif": EXIF + blocks.exif if blocks.exif else None,
        "xmp": blocks.xmp,
        "dpi": blocks.dpi,
    }
    image.info = {name: block for name, block in info.items() if block is not None}
    return image
