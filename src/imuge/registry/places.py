"""Where a registry and its key are: an address from the command, the environment, or the default.

By default the registry is one SQLite file, registry/registry.sqlite beside the folder of keys, and
its key lies beside it. A PostgreSQL address may hold a password, so it comes from the environment
or a file rather than the command line, and is never shown whole.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from imuge.errors import ConfigError
from imuge.keys import key_folder

URL_VARIABLE = "IMUGE_REGISTRY_URL"
KEY_FILE_VARIABLE = "IMUGE_REGISTRY_KEY_FILE"
_POSTGRES = re.compile(r"postgres(ql)?(\+psycopg)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a registry's database is."""

    shown: str  # for people: without user and password
    file: Path | None  # of SQLite
    url: str | None = field(repr=False)  # of PostgreSQL, with the password

    @property
    def key_file(self) -> Path:
        """Where the registry's key lies: $IMUGE_REGISTRY_KEY_FILE, or beside the database."""
        if chosen := os.environ.get(KEY_FILE_VARIABLE):
            return Path(chosen).expanduser()
        if self.file is not None:
            return self.file.with_suffix(".key")
        database = self.shown.rpartition("/")[2] or "registry"
        return registry_folder() / f"{database}.key"


def registry_folder() -> Path:
    """Give the folder of the default registry; it may not exist."""
    return key_folder().parent / "registry"


def parse_address(text: str | None = None) -> Address:
    """Read a registry's address.

    Args:
        text: A path or sqlite:///PATH, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE; None
            means what $IMUGE_REGISTRY_URL says, or else the default file.

    Raises:
        ConfigError: it is neither; the message shows no password.
    """
    text = text or os.environ.get(URL_VARIABLE) or str(registry_folder() / "registry.sqlite")
    scheme, mark, rest = text.partition("://")
    if not mark:
        path = Path(text).expanduser()
        return Address(str(path), path, None)
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/") and "?" not in rest:
        path = Path(rest[1:])
        return Address(str(path), path, None)
    if _POSTGRES.fullmatch(scheme):
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "localhost", parts.port
        except ValueError:
            parts = None
        if parts is not None and re.fullmatch(r"/[\w.-]{1,63}", parts.path):
            shown = f"postgresql://{host}{f':{port}' if port else ''}{parts.path}"
            return Address(shown, None, f"postgresql+psycopg://{rest}")
    raise ConfigError(
        "expected a registry at sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE, got "
        f"an address that begins {scheme[:12]!r}; in a password @ is written %40, and / %2F"
    )
