"""Checkpoints as signed notes, and the registry's own key (C2SP signed-note, tlog-checkpoint).

    registry.example.org/pictures          origin: the name of the log and of its key
    1042                                   size: so many records
    Ob6mJOVtYPmnSCdsBLVXWZb4oiO0dzEMPGdUZTUXdnM=    root of the Merkle tree

    — registry.example.org/pictures Az3grlg...       4 bytes key hash, 64 bytes Ed25519 signature

The key signs notes and nothing else; it is not a key of pictures. Its public half is one line, the
*verifier key*: NAME+HASH+KEY, as every tool for such logs takes it.
"""

import base64
import binascii
import hashlib
import os
import re
import shlex
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from imuge.errors import ImageError, KeyFileError, ReceiptError
from imuge.files import reason, write_atomically

_ED25519 = b"\x01"
_SECRET_PREFIX = "PRIVATE+KEY+"  # noqa: S105 - the mark of the format, no secret
_OTHERS = 0o077
_MODE = 0o600
_NAME = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
_MAX_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: so many records, and the root over them."""

    origin: str
    size: int
    root: bytes  # 32 bytes

    @property
    def text(self) -> str:
        """The note's text, which the signature is over."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a registry's key; anybody may have it."""

    name: str
    public: bytes  # 32 bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read NAME+HASH+KEY.

        Raises:
            ReceiptError: it is no such line, or its hash is not its key's.
        """
        name, _, rest = text.strip().partition("+")
        digest, _, encoded = rest.partition("+")
        with suppress(binascii.Error, ValueError):
            raw = base64.b64decode(encoded, validate=True)
            key = cls(name, raw[1:])
            if raw[:1] == _ED25519 and len(raw) == 33 and digest == key.digest.hex():
                return key
        raise ReceiptError(
            "expected a verifier key of the form NAME+HASH+KEY (Ed25519), got "
            f"{text.strip()[:40]!r}; `imuge registry show` prints the registry's"
        )

    @property
    def digest(self) -> bytes:
        """The 4 bytes by which a signature names its key."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.digest.hex()}+{_base64(_ED25519 + self.public)}"

    def text(self, note: str) -> str:
        """Check a signed note and give its text.

        Raises:
            ReceiptError: the note is not signed by this key.
        """
        body, _, signatures = note.partition("\n\n")
        body += "\n"
        if any(self._has_signed(body, line) for line in signatures.splitlines()):
            return body
        raise ReceiptError(
            f"the note is not signed by {self.name}; use the verifier key that this registry has "
            "published"
        )

    def checkpoint(self, note: str) -> Checkpoint:
        """Check a signed note and read the checkpoint in it.

        Raises:
            ReceiptError: the note is not signed by this key, or is no checkpoint of its log.
        """
        return _checkpoint(self.text(note), self.name)

    def _has_signed(self, text: str, line: str) -> bool:
        prefix = f"— {self.name} "
        if not line.startswith(prefix):
            return False
        with suppress(binascii.Error, ValueError, InvalidSignature):
            raw = base64.b64decode(line.removeprefix(prefix), validate=True)
            if raw[:4] == self.digest:
                Ed25519PublicKey.from_public_bytes(self.public).verify(raw[4:], text.encode())
                return True
        return False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The registry's own key; it signs checkpoints and answers."""

    name: str
    secret: bytes = field(repr=False)  # 32 bytes

    @classmethod
    def new(cls, name: str) -> "SigningKey":
        """Draw a key for the log `name`.

        Raises:
            ReceiptError: `name` is not 1 to 64 letters, digits and characters of . _ : / -
        """
        if not _NAME.fullmatch(name):
            raise ReceiptError(
                f"expected a registry name of 1 to 64 letters, digits and . _ : / -, got {name!r};"
                " take the address where you will publish checkpoints, without https://"
            )
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.secret)
        return VerifierKey(self.name, private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Give `text`, which ends in a newline, as a signed note."""
        private = Ed25519PrivateKey.from_private_bytes(self.secret)
        signature = self.verifier.digest + private.sign(text.encode())
        return f"{text}\n— {self.name} {_base64(signature)}\n"

    def write(self, path: Path) -> None:
        """Write the key under `path` with mode 0600; an existing file is never replaced.

        Raises:
            KeyFileError: the file exists, or the disk refused.
        """
        encoded = _base64(_ED25519 + self.secret)
        line = f"{_SECRET_PREFIX}{self.name}+{self.verifier.digest.hex()}+{encoded}\n"
        try:
            write_atomically(path, line.encode(), mode=_MODE)
        except ImageError as error:
            raise KeyFileError(str(error)) from error


def read_signing_key(path: Path) -> SigningKey:
    """Read a registry's key.

    Raises:
        KeyFileError: the file is missing, open to group or others, or holds no such key.
    """
    try:
        status = path.stat()
        if os.name == "posix" and status.st_mode & _OTHERS:
            raise KeyFileError(
                f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may read the "
                f"registry's key; run: chmod 600 {shlex.quote(str(path))}"
            )
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise KeyFileError(f"{path} is not a registry's key; restore your copy of it")
        text = path.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        raise KeyFileError(
            f"there is no registry key {path}, and without it nothing can be recorded; restore "
            "your copy of it"
        ) from None
    except OSError as error:
        raise KeyFileError(f"cannot read registry key {path}: {reason(error)}") from error
    name, _, rest = text.removeprefix(_SECRET_PREFIX).partition("+")
    digest, _, encoded = rest.partition("+")
    with suppress(binascii.Error, ValueError):
        raw = base64.b64decode(encoded, validate=True)
        if text.startswith(_SECRET_PREFIX) and raw[:1] == _ED25519 and len(raw) == 33:
            key = SigningKey(name, raw[1:])
            if key.verifier.digest.hex() == digest:
                return key
    # Raised out here, so that the chained exception cannot carry the file's content.
    raise KeyFileError(f"{path} is not a registry's key; restore your copy of it")


def _checkpoint(text: str, origin: str) -> Checkpoint:
    lines = text.split("\n")
    with suppress(binascii.Error, ValueError, IndexError):
        size, tree_root = lines[1], base64.b64decode(lines[2], validate=True)
        if lines[0] == origin and size == str(int(size)) and len(tree_root) == 32:
            return Checkpoint(origin, int(size), tree_root)
    raise ReceiptError(f"the note signed by {origin} is not a checkpoint of that log")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
