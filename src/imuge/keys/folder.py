"""The folder of keys, and which key a name, a path or nothing at all means.

In the folder a key goes by the name of its file: NAME.key is key NAME, whatever was written inside
when it was made, so that two keys never share a name and a file may be renamed.
"""

import os
from contextlib import suppress
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
    """Give the folder of keys: imuge/keys in $XDG_CONFIG_HOME or ~/.config; it may not exist.

    Raises:
        KeyFileError: this user has no home folder, or $HOME is a relative path: a key would land
            below whatever folder is the current one.
    """
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification has relative paths ignored.
    if Path(configured).is_absolute():
        return Path(configured) / "imuge" / "keys"
    return _home() / ".config" / "imuge" / "keys"


def _home() -> Path:
    """Give the user's home folder, as $HOME or the system's list of users says.

    Raises:
        KeyFileError: neither names an absolute path.
    """
    if (given := os.environ.get("HOME")) and not Path(given).is_absolute():
        raise KeyFileError(
            f"the key folder cannot be told, because HOME is {given!r} and not an absolute path; "
            "correct it, set XDG_CONFIG_HOME, or name a key file"
        )
    with suppress(RuntimeError):
        if (found := Path.home()).is_absolute() and (given or os.name != "posix"):
            return found
    with suppress(ImportError, KeyError):
        import pwd  # not on every system

        if (listed := Path(pwd.getpwuid(os.getuid()).pw_dir)).is_absolute():
            return listed
    raise KeyFileError(
        "this user has no home folder for keys; set HOME or XDG_CONFIG_HOME to a folder, or name a "
        f"key file with {KEY_FILE_VARIABLE}"
    )


def key_path(name: str) -> Path:
    """Give the file of key `name` in the folder, whether it exists or not.

    Raises:
        KeyFileError: `name` is not a key name.
    """
    return key_folder() / f"{check_name(name)}{_SUFFIX}"


def find_key(name_or_path: str | os.PathLike[str] | None = None) -> Key:
    """Read the key that the user means.

    Args:
        name_or_path: The name of a key in the folder, or else a key file; what is no text, a
            `Path` say, is always a file. None means the file in $IMUGE_KEY_FILE, or else the key
            "default".

    Raises:
        KeyFileError: there is no such key, or its file is refused (`read_key`).
    """
    if name_or_path is None:
        if chosen := os.environ.get(KEY_FILE_VARIABLE):
            return read_key(_expanded(chosen))
        return _default()
    if not isinstance(name_or_path, str) or not is_name(name_or_path):
        return read_key(Path(name_or_path))
    is_file = Path(name_or_path).is_file()
    try:
        path = key_path(name_or_path)
    except KeyFileError:  # without a folder of keys it can only be a file
        if is_file:
            return read_key(Path(name_or_path))
        raise
    if _is_there(path) or not is_file:
        return _in_folder(path)
    return read_key(Path(name_or_path))


def _expanded(path: str) -> Path:
    """Replace a leading ~ by the home folder; a path without one needs no home."""
    return _home() / path[2:] if path.startswith("~/") else Path(path)


def _default() -> Key:
    path = key_path(DEFAULT_NAME)
    if not _is_there(path):
        raise KeyFileError(
            f"there is no key {DEFAULT_NAME!r} in {path.parent}; make it: "
            f"imuge keys new {DEFAULT_NAME}, or name a key file"
        )
    return _read_named(path)


def _in_folder(path: Path) -> Key:
    if not _is_there(path):
        raise KeyFileError(
            f"there is no key {path.name.removesuffix(_SUFFIX)!r} in {path.parent} and no file of "
            "that name; run: imuge keys list"
        )
    return _read_named(path)


def _is_there(path: Path) -> bool:
    """Say whether there is a file, readable or not: what refuses it then is said by `read_key`."""
    return os.path.lexists(path)


def list_keys() -> list[Key]:
    """List the sound keys of the folder by name; none where there is no folder, or no home for it.

    Raises:
        KeyFileError: the folder cannot be read.
    """
    return scan_keys()[0]


def scan_keys() -> tuple[list[Key], list[KeyFileError]]:
    """List the sound keys of the folder by name, and why each other key file was refused.

    Raises:
        KeyFileError: the folder cannot be read.
    """
    try:
        folder = key_folder()
    except KeyFileError:  # no home folder: a key can then only be named by its file
        return [], []
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
    """Give the key "default" of the folder; the first to ask draws it.

    Several first runs at once agree: one of them stores its key, and all of them get that one.

    Raises:
        KeyFileError: there is one that is refused, or the disk refused.
    """
    path = key_path(DEFAULT_NAME)
    if not _is_there(path):
        try:
            store_key(key := new_key(DEFAULT_NAME))
        except KeyFileError:
            if not _is_there(path):
                raise
        else:
            return key, path
    return _read_named(path), path


def _read_named(path: Path) -> Key:
    name = check_name(path.name.removesuffix(_SUFFIX))
    return replace(read_key(path), name=name)
