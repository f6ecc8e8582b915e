"""A picture as a PIL image, with what Pillow keeps beside the pixels."""

import numpy as np
from PIL import Image

from imuge.image.metadata import MetadataPolicy, select
from imuge.image.picture import Picture


def to_pil(picture: Picture, metadata: MetadataPolicy = "keep") -> Image.Image:
    """Give the opposite of `from_pil`, upright.

    Args:
        picture: Its pixels become RGB or, with alpha, RGBA.
        metadata: As for `encode`; what is kept of colour profile, EXIF, XMP and resolution is in
            the image's `info`, under Pillow's names.

    Raises:
        ConfigError: `metadata` is no such policy.
    """
    alpha = picture.alpha
    image = Image.fromarray(picture.pixels if alpha is None else np.dstack([picture.pixels, alpha]))
    blocks = select(picture.metadata, metadata)
    info = {
        "icc_profile": blocks.icc,
        "exif": b"Exif\0\0" + blocks.exif if blocks.exif else None,
        "xmp": blocks.xmp,
        "dpi": blocks.dpi,
    }
    image.info = {name: block for name, block in info.items() if block is not None}
    return image
