"""The 96-bit message of a picture: the geometry of its frame, its random id, and a tag.

    bit   0 ........ 15   16 ...... 63   64 ....... 95
          geometry        image id       first 4 bytes of HMAC-SHA256(root_auth, 02 | bits 0-63)

    geometry: number of the frame's side, 4 bits | tall, 1 bit | shorter side - 1, 11 bits

Bit 0 is the most significant. The tag says that a holder of the key wrote the rest. Which sides
the numbers stand for, and whether there can be such a frame, is for `imuge.protection.frame`.
"""

import hmac
import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imuge.keys.key import IMAGE_ID_BITS, Key, pack_image_id

MESSAGE_BITS = 96
TAG_BITS = 32
CONTENT_BYTES = 8  # the message without its tag
VERSION = 2
MOST_SIDES = 16
LONGEST_SHORTER = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The size of a frame as the message spells it.

    Attributes:
        side_number: Of the longer side, in the table of sides that frames can have, 0..15.
        tall: Whether the longer side is the height; False for a square.
        shorter: The shorter side in frame pixels, 1..2048.

    Raises:
        ValueError: a number does not fit its bits.
    """

    side_number: int
    tall: bool
    shorter: int

    def __post_init__(self) -> None:
        if not 0 <= self.side_number < MOST_SIDES:
            raise ValueError(f"a side has a number from 0 to 15, got {self.side_number}")
        if not 1 <= self.shorter <= LONGEST_SHORTER:
            raise ValueError(
                f"the shorter side of a frame is 1 to {LONGEST_SHORTER} pixels, got {self.shorter}"
            )


@dataclass(frozen=True, slots=True)
class Message:
    """What a picture says about itself.

    Raises:
        ValueError: `image_id` is not in 0..2^48 - 1.
    """

    image_id: int
    geometry: Geometry

    def __post_init__(self) -> None:
        pack_image_id(self.image_id)

    def pack(self) -> bytes:
        """Write geometry and image id as 8 bytes, which is what the tag is of."""
        place = self.geometry
        first = place.side_number << 12 | place.tall << 11 | (place.shorter - 1)
        return first.to_bytes(2, "big") + pack_image_id(self.image_id)

    @classmethod
    def unpack(cls, content: bytes) -> "Message":
        """Read what `pack` wrote; any 8 bytes are a message.

        Raises:
            ValueError: there are more or fewer.
        """
        if len(content) != CONTENT_BYTES:
            raise ValueError(f"a message has {CONTENT_BYTES} bytes, got {len(content)}")
        first = int.from_bytes(content[:2], "big")
        geometry = Geometry(
            side_number=first >> 12, tall=bool(first >> 11 & 1), shorter=(first & 0x7FF) + 1
        )
        return cls(int.from_bytes(content[2:], "big"), geometry)


def new_image_id() -> int:
    """Draw a 48-bit image id from the operating system's randomness."""
    return secrets.randbits(IMAGE_ID_BITS)


def tag(root_auth: bytes, content: bytes) -> bytes:
    """Compute the authentication tag, 4 bytes, of a packed message."""
    return hmac.digest(root_auth, bytes([VERSION]) + content, "sha256")[: TAG_BITS // 8]


def message_bits(key: Key, message: Message) -> NDArray[np.int8]:
    """Spell the message of a picture, with its tag.

    Returns:
        (96,) of 0 and 1, the most significant bit of the side's number first.
    """
    content = message.pack()
    packed = np.frombuffer(content + tag(key.root("auth"), content), np.uint8)
    return np.unpackbits(packed).astype(np.int8)
