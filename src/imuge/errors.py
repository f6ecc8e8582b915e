"""Every exception imuge raises on purpose.

    ImugeError
    ├── ImageError       a picture that cannot be read, is not supported, or cannot be written
    │   ├── ProtectionError   a picture that cannot be immunized as asked
    │   ├── TooLargeError     a picture with more pixels than the limit
    │   └── UnsupportedError  a file that is no picture, or of a format that is not taken
    ├── KeyFileError     a key that is missing, malformed or kept carelessly
    ├── RegistryError    a registry that is missing, away, full or refuses a record
    │   └── TakenError        an image id that the registry has already: draw again
    ├── ReceiptError     a receipt that does not hold, or is not one
    ├── ProvenanceError  Content Credentials that cannot be made or read
    ├── WeightsError     released model files that are missing or altered
    └── ConfigError      a setting that is unknown or out of range

Messages say what came, what was wanted and what to do, in one sentence that fits a terminal. File
names may hold line ends and the escape sequences of terminals: errors show them escaped.
"""

import json
import shlex
import unicodedata
from importlib import metadata
from urllib.parse import unquote, urlsplit

_JOINERS = "\u200c\u200d"  # inside words of some scripts, and inside emoji
_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, directions, surrogates, line ends


def shown(text: object) -> str:
    r"""Give `text`, a file name say, as one line that is safe to print.

    Control characters, changes of writing direction and line ends come as backslash escapes, bytes
    of a name that are not UTF-8 as \xNN. What is shown once is not changed by a second time.
    """
    return "".join(map(_safe, str(text)))


def _safe(character: str) -> str:
    if unicodedata.category(character) not in _ESCAPED or character in _JOINERS:
        return character
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def to_install(extra: str) -> str:
    """The command that adds an extra to imuge as it is installed here: by name, or by its path."""
    try:
        origin = json.loads(metadata.distribution("imuge").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        origin = {}
    parts = urlsplit(origin.get("url", ""))
    if parts.scheme != "file":
        return f"pip install 'imuge[{extra}]'"
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"pip install {editable}{shlex.quote(f'{unquote(parts.path)}[{extra}]')}"


class ImugeError(Exception):
    """Base class: `except ImugeError` catches what the caller can act on."""

    def __str__(self) -> str:
        return shown(super().__str__())


class ImageError(ImugeError):
    """A picture cannot be read, is of a kind imuge does not take, or cannot be written."""


class ProtectionError(ImageError):
    """A picture cannot be immunized as asked: protected already, or too plain to carry it."""


class TooLargeError(ImageError):
    """A picture has more pixels than the limit; its header says so, nothing was decoded."""


class UnsupportedError(ImageError):
    """A file is not a picture, or one of a format that imuge does not take."""


class KeyFileError(ImugeError):
    """A key is missing, malformed, or readable by others."""


class RegistryError(ImugeError):
    """A registry is missing, out of reach, full, damaged or refuses what it was given."""


class TakenError(RegistryError):
    """The registry has a picture of this key and image id; draw another id and embed again."""


class ReceiptError(ImugeError):
    """A receipt is malformed, or what it claims does not hold."""


class ProvenanceError(ImugeError):
    """Content Credentials cannot be made with what was given, or cannot be read."""


class WeightsError(ImugeError):
    """A released model file is missing or differs from its record."""


class ConfigError(ImugeError):
    """A setting is unknown, of the wrong type or out of range."""
