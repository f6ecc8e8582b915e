"""The folder of keys, and which key a name, a path or nothing at all means.

In the folder a key goes by the name of its file: NAME.key is key NAME, whatever was written inside
when it was made, so that two keys never share a name and a file may be renamed.
"""

import os
from dataclasses import replace
from pathlib import Path

from imuge.errors import KeyFileError
from imuge.files import reason
from imuge.keys.files import read_key, write_key
from imuge.keys.key import Key, new_key
from imuge.keys.names import check_name, is_name

DEFAULT_NAME = "default"
KEY_FILE_VARIABLE = "IMUGE_KEY_FILE"
_SUFFIX = ".key"


def key_folder() -> Path:
    """Give the folder of keys: imuge/keys in $XDG_CONFIG_HOME or ~/.config; it may not exist."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(configured) if Path(configured).is_absolute() else Path.home() / ".config"
    return base / "imuge" / "keys"


def key_path(name: str) -> Path:
    """Give the file of key `name` in the folder, whether it exists or not.

    Raises:
        KeyFileError: `name` is not a key name.
    """
    return key_folder() / f"{check_name(name)}{_SUFFIX}"


def find_key(name_or_path: str | Path | None = None) -> Key:
    """Read the key that the user means.

    Args:
        name_or_path: The name of a key in the folder, or else a key file; a `Path` is always a
            file. None means the file in $IMUGE_KEY_FILE, or else the key "default".

    Raises:
        KeyFileError: there is no such key, or its file is refused (`read_key`).
    """
    if name_or_path is None:
        if chosen := os.environ.get(KEY_FILE_VARIABLE):
            return read_key(Path(chosen).expanduser())
        return _in_folder(DEFAULT_NAME)
    if isinstance(name_or_path, Path):
        return read_key(name_or_path)
    if is_name(name_or_path) and (
        key_path(name_or_path).exists() or not Path(name_or_path).is_file()
    ):
        return _in_folder(name_or_path)
    return read_key(Path(name_or_path))


def _in_folder(name: str) -> Key:
    path = key_path(name)
    if not path.exists():
        raise KeyFileError(
            f"there is no key {name!r} in {key_folder()} and no such file; run: imuge keys list"
        )
    return _read_named(path)


def list_keys() -> list[Key]:
    """List the sound keys of the folder by name; none where there is no folder.

    Raises:
        KeyFileError: the folder cannot be read.
    """
    return scan_keys()[0]


def scan_keys() -> tuple[list[Key], list[KeyFileError]]:
    """List the sound keys of the folder by name, and why each other key file was refused.

    Raises:
        KeyFileError: the folder cannot be read.
    """
    folder = key_folder()
    try:
        paths = (
            sorted(p for p in folder.iterdir() if p.suffix == _SUFFIX) if folder.exists() else []
        )
    except OSError as error:
        raise KeyFileError(
            f"cannot list the keys in {folder}: {reason(error)}; check its owner and mode"
        ) from error
    keys: list[Key] = []
    refused: list[KeyFileError] = []
    for path in paths:
        try:
            keys.append(_read_named(path))
        except KeyFileError as error:
            refused.append(error)
    return sorted(keys, key=lambda key: key.name), refused


def store_key(key: Key, overwrite: bool = False) -> Path:
    """Write `key` into the folder under its name; the folder is made, mode 0700, if needed.

    Raises:
        KeyFileError: a key of that name exists and `overwrite` is false, or the disk refused.
    """
    path = key_path(key.name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(
            f"cannot make the folder of keys {path.parent}: {reason(error)}; "
            "set XDG_CONFIG_HOME to a folder you may write in"
        ) from error
    write_key(key, path, overwrite=overwrite)
    return path


def create_default() -> tuple[Key, Path]:
    """Draw the key "default" and store it in the folder.

    Raises:
        KeyFileError: there is one already, sound or not, or the disk refused.
    """
    key = new_key(DEFAULT_NAME)
    return key, store_key(key)


def _read_named(path: Path) -> Key:
    name = check_name(path.name.removesuffix(_SUFFIX))
    return replace(read_key(path), name=name)
