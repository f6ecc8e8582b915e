"""Key files: one small JSON document each, readable by its owner alone.

    {"version": 2, "kind": "full", "name": "default", "key_id": "0123abcd",
     "secrets": {"key": "<base64 of 32 bytes>"}}

The kind "verify-only" has the secrets pilot, beacon, layout and auth instead. A file that is not
exactly this is refused; no message and no chained exception shows a secret. Where keys lie by
default is in `folder`.

A file that others may read is refused, as OpenSSH and PostgreSQL do. Secrets that a container is
given are owned by root and often readable by a group: since the user can change neither, the group
may read such a file (PostgreSQL's rule). Where even all others may, `SHARED_VARIABLE` says that
this is meant.
"""

import base64
import binascii
import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imuge.errors import ImageError, KeyFileError
from imuge.files import reason, write_atomically
from imuge.keys.key import Key

MAX_FILE_BYTES = 1 << 16
SHARED_VARIABLE = "IMUGE_SHARED_KEYS"
_MODE = 0o600
_GROUP_READS, _OTHERS = 0o040, 0o077


class _Document(BaseModel):
    """What a key file says, checked for form; `_key` checks that it fits together."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    version: Literal[2]
    kind: Literal["full", "verify-only"]
    name: str
    key_id: str = Field(pattern=r"^[0-9a-f]{8}$")
    secrets: dict[str, str]  # base64


def write_key(key: Key, path: Path, overwrite: bool = False) -> None:
    """Write `key` under `path`, whole or not at all, with mode 0600 from the start.

    Args:
        key: A full or a verify-only key.
        path: The key file; its folder must exist.
        overwrite: Whether an existing file may be replaced. Losing a key loses every later
            verification, so two writers at once never replace each other's file without this.

    Raises:
        KeyFileError: `path` exists and `overwrite` is false, or the disk refused.
    """
    held = dict(key.roots) if key.secret is None else {"key": key.secret}
    document = _Document(
        version=2,
        kind="full" if key.secret is not None else "verify-only",
        name=key.name,
        key_id=key.key_id,
        secrets={what: base64.b64encode(secret).decode("ascii") for what, secret in held.items()},
    )
    data = document.model_dump_json(indent=2).encode("ascii") + b"\n"
    try:
        write_atomically(path, data, overwrite=overwrite, mode=_MODE)
    except ImageError as error:
        raise KeyFileError(str(error)) from error


def read_key(path: Path) -> Key:
    """Read a key file.

    Raises:
        KeyFileError: the file is missing, not a file, open to others (see above), not a key file
            of version 2, or its parts do not fit together.
    """
    data = _read_private(path)
    try:
        document = _Document.model_validate_json(data)
    except ValidationError as error:
        problem = _problem(error)
    else:
        return _key(document, path)
    # Raised out here, so that the chained exception cannot carry the file's content.
    raise KeyFileError(f"{path} is not a key file of version 2: {problem}; restore your copy of it")


def _read_private(path: Path) -> bytes:
    """Read the content, refusing what is no file, too long, or open to others."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise KeyFileError(f"{path} is a directory; name the key file in it")
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is not a regular file; copy the key to one of mode 0600")
        if os.name == "posix":
            _check_mode(path, status)
        if status.st_size > MAX_FILE_BYTES:
            raise KeyFileError(
                f"{path} is {status.st_size} bytes long and a key file below {MAX_FILE_BYTES}; "
                "name another file"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(
            f"there is no key file {path}; check the path, or run: imuge keys list"
        ) from None
    except OSError as error:
        raise KeyFileError(
            f"cannot read key file {path}: {reason(error)}; check its owner and mode"
        ) from error


def _check_mode(path: Path, status: os.stat_result) -> None:
    """Refuse a key that others may read, with a remedy that this user can follow."""
    mode = stat.S_IMODE(status.st_mode)
    fixed = not _may_change_mode(path, status)
    allowed = _GROUP_READS if fixed else 0
    if not mode & _OTHERS & ~allowed or os.environ.get(SHARED_VARIABLE) == "1":
        return
    remedy = (
        "mount the secret with mode 0400 or 0440 (Docker: mode, Kubernetes: defaultMode), or set "
        f"{SHARED_VARIABLE}=1 if nobody else can reach it"
        if fixed
        else f"run: chmod 600 {shlex.quote(str(path))}"
    )
    raise KeyFileError(f"{path} has mode {mode:04o}, so others may read the key; {remedy}")


def _may_change_mode(path: Path, status: os.stat_result) -> bool:
    """Say whether this user could make the file private: theirs, and not mounted read-only."""
    if os.geteuid() not in {0, status.st_uid}:
        return False
    return not os.statvfs(path).f_flag & os.ST_RDONLY


def _problem(error: ValidationError) -> str:
    """Say in a few words what is wrong with the document, naming fields and never values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(item["type"] == "json_invalid" for item in found):
        return "it is truncated or not JSON"
    first = min(found, key=lambda item: item["loc"][:1] != ("version",))
    field = ".".join(str(part) for part in first["loc"])[:64] or "the document"
    if field == "version":
        return "its version is missing or another"
    words = {"missing": "is missing", "extra_forbidden": "does not belong there"}
    return f"{field} {words.get(first['type'], 'has the wrong type or value')}"


def _key(document: _Document, path: Path) -> Key:
    held = {what: _decode(text, what, path) for what, text in document.secrets.items()}
    if document.kind == "full" and set(held) != {"key"}:
        raise KeyFileError(
            f"{path} is of kind full and needs one secret, named key; restore your copy of it"
        )
    try:
        if document.kind == "verify-only":
            return Key.from_roots(document.name, document.key_id, held)
        key = Key.from_secret(document.name, held["key"])
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from error
    if key.key_id != document.key_id:
        raise KeyFileError(
            f"{path} says key id {document.key_id} but holds the key {key.key_id}; "
            "restore your copy of it"
        )
    return key


def _decode(text: str, what: str, path: Path) -> bytes:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(text, validate=True)
    raise KeyFileError(
        f"{path}: the secret {what[:16]!r} is not base64; restore your copy of the file"
    )
