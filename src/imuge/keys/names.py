"""Names of keys: letters, digits, dot, underscore and hyphen, so that a name is never a path."""

import re

from imuge.errors import KeyFileError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def is_name(text: str) -> bool:
    """Say whether `text` can name a key."""
    return _NAME.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Give `name` back if it can name a key.

    Raises:
        KeyFileError: it is empty, longer than 64 characters, starts with a dot, or has a
            character other than A-Z, a-z, 0-9, dot, underscore and hyphen.
    """
    if not is_name(name):
        raise KeyFileError(
            f"{name[:64]!r} cannot name a key; use 1 to 64 of the characters A-Z a-z 0-9 . _ - "
            "and no dot at the start"
        )
    return name
