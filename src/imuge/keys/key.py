"""A key and the keys derived from it (docs/protocol.md, "Keys").

    key (32 bytes) ── root_pilot ──────────────► waves that tell where a copy lies in its frame
                   ├─ root_beacon ─────────────► beacon signs, tile placement
                   ├─ root_auth ───────────────► authentication tag of the message
                   ├─ root_layout ── image id ─► layout signs of one picture
                   └─ root_recover ─ image id ─► where the code of one picture lies

HKDF-SHA256 with an empty salt (RFC 5869). A verify-only key holds the first four roots instead of
the key, so the fifth is out of its reach.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from imuge.errors import KeyFileError
from imuge.keys.names import check_name

KEY_BYTES = 32
IMAGE_ID_BITS = 48
PURPOSES = ("pilot", "beacon", "layout", "auth", "recover")
VERIFYING_PURPOSES = ("pilot", "beacon", "layout", "auth")
IMAGE_PURPOSES = ("layout", "recover")
LABEL = b"imuge/2/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A named key: full, or verify-only where it came from an export.

    Build one with `new_key`, `read_key`, `Key.from_secret` or `Key.from_roots`. Neither its repr
    nor any exception shows the secret bytes.
    """

    name: str
    key_id: str  # 8 hexadecimal digits, not secret
    secret: bytes | None = field(repr=False)  # 32 bytes; None in a verify-only key
    roots: Mapping[str, bytes] = field(repr=False, hash=False)  # 32 bytes for each purpose

    @classmethod
    def from_secret(cls, name: str, secret: bytes) -> "Key":
        """Build a full key from its secret.

        Raises:
            KeyFileError: `name` is not a key name, or `secret` is not 32 bytes long.
        """
        check_name(name)
        _check_length("the secret", secret)
        roots = {purpose: _derive(secret, purpose.encode()) for purpose in PURPOSES}
        return cls(name=name, key_id=_key_id(secret), secret=secret, roots=roots)

    @classmethod
    def from_roots(cls, name: str, key_id: str, roots: Mapping[str, bytes]) -> "Key":
        """Build a verify-only key from the roots pilot, beacon, layout and auth.

        Raises:
            KeyFileError: `name` is not a key name, a root is missing or superfluous, or one is
                not 32 bytes long.
        """
        check_name(name)
        if set(roots) != set(VERIFYING_PURPOSES):
            raise KeyFileError(
                f"a verify-only key needs the roots {', '.join(VERIFYING_PURPOSES)} and no others; "
                "export it again from the full key"
            )
        for purpose in VERIFYING_PURPOSES:
            _check_length(f"the root {purpose}", roots[purpose])
        return cls(name=name, key_id=key_id, secret=None, roots=dict(roots))

    @property
    def can_recover(self) -> bool:
        """Whether this key can place and read back a picture's hidden code."""
        return self.secret is not None

    def root(self, purpose: str) -> bytes:
        """Give the 32-byte root key of `purpose`: pilot, beacon, layout, auth or recover.

        Raises:
            KeyFileError: this key is verify-only and `purpose` is recover.
            ValueError: there is no such purpose.
        """
        if purpose not in PURPOSES:
            raise ValueError(f"no key purpose {purpose!r}; there are {', '.join(PURPOSES)}")
        if purpose not in self.roots:
            raise KeyFileError(
                f"key {self.name} ({self.key_id}) is verify-only and cannot place or recover a "
                "hidden copy; use the full key"
            )
        return self.roots[purpose]

    def image_key(self, purpose: str, image_id: int) -> bytes:
        """Give the 32-byte key of one picture for `purpose`: layout or recover.

        Raises:
            KeyFileError: this key is verify-only and `purpose` is recover.
            ValueError: there is no such purpose for pictures, or `image_id` is not 48 bits.
        """
        if purpose not in IMAGE_PURPOSES:
            raise ValueError(
                f"no picture key for {purpose!r}; there are {', '.join(IMAGE_PURPOSES)}"
            )
        return _derive(self.root(purpose), purpose.encode() + b"/image" + pack_image_id(image_id))


def new_key(name: str) -> Key:
    """Draw a full key from the operating system's randomness; nothing is written.

    Raises:
        KeyFileError: `name` is not a key name.
    """
    return Key.from_secret(name, secrets.token_bytes(KEY_BYTES))


def verify_only(key: Key) -> Key:
    """Give the key that localizes and identifies like `key` but cannot recover."""
    roots = {purpose: key.roots[purpose] for purpose in VERIFYING_PURPOSES}
    return Key.from_roots(key.name, key.key_id, roots)


def pack_image_id(image_id: int) -> bytes:
    """Write an image id as 6 bytes, big-endian.

    Raises:
        ValueError: `image_id` is not in 0..2^48 - 1.
    """
    if not 0 <= image_id < 1 << IMAGE_ID_BITS:
        raise ValueError(f"an image id is a number of {IMAGE_ID_BITS} bits, got {image_id}")
    return int(image_id).to_bytes(IMAGE_ID_BITS // 8, "big")


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=LABEL + info).derive(secret)


def _key_id(secret: bytes) -> str:
    return hashlib.sha256(LABEL + b"key-id" + secret).hexdigest()[:8]


def _check_length(what: str, secret: bytes) -> None:
    if len(secret) != KEY_BYTES:
        raise KeyFileError(
            f"{what} is {len(secret)} bytes long instead of {KEY_BYTES}; restore the key from "
            "your copy"
        )
