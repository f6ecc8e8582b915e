"""API tokens and their roles, in one JSON file that holds hashes and never a token.

    {"version": 1, "tokens": [{"name": "desk", "role": "verify", "sha256": "...",
                               "created": "2026-11-24T12:00:00+00:00"}]}

A token has 256 random bits, so a plain SHA-256 keeps it; nobody can try them all. The file is
read again whenever it changes: a token that was taken out is worth nothing a moment later.
"""

import hashlib
import hmac
import json
import os
import secrets
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imuge.errors import ConfigError
from imuge.files import reason, write_atomically
from imuge.keys.names import is_name

Role: TypeAlias = Literal["verify-coarse", "verify", "immunize", "metrics"]
LADDER: tuple[Role, ...] = ("verify-coarse", "verify", "immunize")  # each includes those before
PREFIX = "imuge_"  # lets scanners for leaked secrets find one
MAX_FILE_BYTES = 1 << 20
_MODE = 0o600
_OTHERS = 0o077


class Token(BaseModel):
    """What is known of one token."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")
    role: Role
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: datetime


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1]
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what it may: a token's name, or None where the service has no tokens."""

    name: str | None
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the caller has `role` or one that includes it; without tokens, everybody has.

        `metrics` stands beside the others: it includes none of them and none includes it.
        """
        if self.name is None or role == self.role:
            return True
        if "metrics" in {role, self.role}:
            return False
        return LADDER.index(self.role) >= LADDER.index(role)


def hash_of(token: str) -> str:
    """The SHA-256 of a token in hex, as the file holds it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token(name: str, role: Role) -> tuple[str, Token]:
    """Draw a token; it is shown once and kept as its hash.

    Raises:
        ConfigError: `name` is not a name.
    """
    if not is_name(name):
        raise ConfigError(
            f"{name[:64]!r} cannot name a token; use 1 to 64 of the characters "
            "A-Z a-z 0-9 . _ - and no dot at the start"
        )
    token = PREFIX + secrets.token_urlsafe(32)
    return token, Token(name=name, role=role, sha256=hash_of(token), created=datetime.now(UTC))


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read a file of tokens.

    Raises:
        ConfigError: it is missing, open to group or others, or not such a file.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a regular file; name the file of tokens")
        if os.name == "posix" and status.st_mode & _OTHERS:
            raise ConfigError(
                f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may read or change "
                f"who may ask; run: chmod 600 {shlex.quote(str(path))}"
            )
        if status.st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is too long for a file of tokens; name another")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the tokens in {path}: {reason(error)}; make one: "
            f"imuge tokens new NAME --file {shlex.quote(str(path))}"
        ) from error
    try:
        tokens = _Document.model_validate_json(data).tokens
    except ValidationError as error:
        raise ConfigError(
            f"{path} is not a file of tokens of version 1; restore your copy, or make them anew: "
            "imuge tokens new"
        ) from error
    if len({token.name for token in tokens}) < len(tokens):
        raise ConfigError(f"{path} has two tokens of one name; take one out")
    return tokens


def write_tokens(path: Path, tokens: tuple[Token, ...]) -> None:
    """Write a file of tokens, whole or not at all, with mode 0600 from the start."""
    document = {"version": 1, "tokens": [token.model_dump(mode="json") for token in tokens]}
    data = json.dumps(document, indent=2).encode("ascii") + b"\n"
    write_atomically(path, data, overwrite=True, mode=_MODE)


class TokenFile:
    """The tokens of a file, as they are now.

    Args:
        path: The file.
        on_problem: Told when a changed file was refused; then nobody is let in, since a file that
            was to lock somebody out must never leave the door open.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, path: Path, on_problem: Callable[[str], None]) -> None:
        self._path = path
        self._on_problem = on_problem
        self._stamp = _stamp(path)
        self._tokens = read_tokens(path)

    def find(self, token: str) -> Token | None:
        """The entry of a token; every entry is compared, and each in constant time."""
        self._refresh()
        given = hash_of(token)
        found = None
        for entry in self._tokens:
            if hmac.compare_digest(entry.sha256, given):
                found = entry
        return found

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._tokens = read_tokens(self._path)
        except ConfigError as error:
            self._tokens = ()
            self._on_problem(str(error))


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode
