"""The 64-bit message of a picture: its 32-bit random image id, then a 32-bit tag.

    bit   0 ........ 31   32 ....... 63
          image id        first 4 bytes of HMAC-SHA256(root_auth, 01 | image id)

Bit 0 is the most significant. The tag says that the id was written by a holder of the key.
"""

import hmac
import secrets

import numpy as np
from numpy.typing import NDArray

from imuge.keys.key import Key, pack_image_id

MESSAGE_BITS = 64
VERSION = 1


def new_image_id() -> int:
    """Draw a 32-bit image id from the operating system's randomness."""
    return secrets.randbits(32)


def tag(root_auth: bytes, image_id: int) -> int:
    """Compute the 32-bit authentication tag of an image id.

    Raises:
        ValueError: `image_id` is not in 0..2^32 - 1.
    """
    content = bytes([VERSION]) + pack_image_id(image_id)
    return int.from_bytes(hmac.digest(root_auth, content, "sha256")[:4], "big")


def message_bits(key: Key, image_id: int) -> NDArray[np.int8]:
    """Spell the message of a picture.

    Returns:
        (64,) of 0 and 1, the most significant bit of the image id first.

    Raises:
        ValueError: `image_id` is not in 0..2^32 - 1.
    """
    message = image_id << 32 | tag(key.root("auth"), image_id)
    packed = np.frombuffer(message.to_bytes(8, "big"), np.uint8)
    return np.unpackbits(packed).astype(np.int8)
