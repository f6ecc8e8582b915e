"""The database under a registry: SQLite or PostgreSQL, one writer at a time, plain errors.

A writer holds a lock from its first statement to its commit: SQLite's own (BEGIN IMMEDIATE), or an
advisory lock of PostgreSQL, which needs no more rights than inserting. So the log has no gaps and
no forks, and whoever is killed leaves nothing: the database takes the transaction back.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from imuge.errors import ConfigError, RegistryError, to_install
from imuge.files import reason
from imuge.registry.places import Address

LOCK = 0x696D756765  # "imuge": the number of the advisory lock
WAIT_S = 30  # for a writer before us
CONNECT_S = 5
_WRITES = "imuge_writes"

_SQLITE_WORDS = (
    ("disk is full", "the disk is full"),
    ("disk i/o error", "the disk refused to be written or read"),
    ("database is locked", f"another process has kept it busy for {WAIT_S} s"),
    ("readonly database", "it may not be written"),
    ("unable to open", "the file cannot be opened"),
    ("not a database", "the file is not a registry"),
    ("malformed", "the file is damaged; restore a backup"),
    ("the log only grows", "it refuses to change what is recorded"),
)
_POSTGRES_WORDS = {
    "08": "the connection failed",
    "28": "user name or password is wrong",
    "3D": "there is no such database",
    "42501": "this user may not do that",
    "53100": "the server's disk is full",
    "53": "the server is out of resources",
    "55P03": f"another process has kept it busy for {WAIT_S} s",
    "57P": "the server is shutting down or starting",
    "25006": "the server is read-only",
    "P0001": "it refuses to change what is recorded",
}


class Database:
    """Connections to one registry's database.

    Raises:
        ConfigError: PostgreSQL is asked for without its library.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        try:
            self._engine = _engine(address)
        except ModuleNotFoundError as error:
            raise ConfigError(
                "a registry on PostgreSQL needs psycopg, which is not installed; "
                f"run: {to_install('postgres')}"
            ) from error

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.address.file is not None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the log.

        Raises:
            RegistryError: the database is away, damaged or not a registry.
        """
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._transaction(level) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that alone may append; it commits at the end of the block.

        Raises:
            RegistryError: the database is away, full, busy or refuses; nothing was kept.
        """
        with self._transaction({_WRITES: True}) as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this version, all of it or nothing.

        Raises:
            RegistryError: the database refuses, or was made by a newer imuge.
        """
        if self.address.file is not None:
            try:
                self.address.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Made here for its mode: SQLite would let everybody read it.
                self.address.file.touch(mode=0o600)
            except OSError as error:
                raise RegistryError(
                    f"cannot make the registry {self.address.shown}: {reason(error)}"
                ) from error
        config = _alembic()
        with self.write() as connection:
            _refuse_newer(self.address, connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check(self) -> None:
        """See that there is a registry of this version.

        Raises:
            RegistryError: there is none, or of another version, or it is out of reach.
        """
        shown = self.address.shown
        make = "make one with `imuge registry init`"
        if self.address.file is not None and not self.address.file.is_file():
            raise RegistryError(f"there is no registry at {shown}; {make}")
        with self.read() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            _refuse_newer(self.address, connection)
        if found is None:
            raise RegistryError(f"the database {shown} holds no registry; {make}")
        if found != _scripts().get_current_head():
            raise RegistryError(
                f"the registry {shown} was made by an older imuge; "
                "back it up, then run `imuge registry init` to bring it up to date"
            )

    @contextmanager
    def _transaction(self, options: Mapping[str, Any]) -> Iterator[sa.Connection]:
        with (
            self._plain_errors(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            words = _words(error)
        else:
            return
        # Raised out here: a driver's own error can show the address with its password.
        raise RegistryError(f"the registry {self.address.shown} failed: {words}")


def _engine(address: Address) -> sa.Engine:
    if address.file is None:
        wait: dict[str, Any] = {"connect_timeout": CONNECT_S}
        return sa.create_engine(
            address.url or "", connect_args=wait, pool_pre_ping=True, hide_parameters=True
        )
    url = sa.URL.create("sqlite", database=str(address.file))
    engine = sa.create_engine(url, connect_args={"timeout": WAIT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own type
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a lock
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic())


def _refuse_newer(address: Address, connection: sa.Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise RegistryError(
            f"the registry {address.shown} was made by a newer imuge (revision {found[:32]}); "
            "upgrade imuge here"
        )


def _words(error: SQLAlchemyError) -> str:
    """Say in plain words why the database refused."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(cause, "sqlstate", None) or ""
    for beginning, words in _POSTGRES_WORDS.items():
        if code.startswith(beginning):
            return words
    text = str(cause or type(error).__name__).lower()
    for part, words in _SQLITE_WORDS:
        if part in text:
            return words
    if "password authentication failed" in text:
        return _POSTGRES_WORDS["28"]
    if "does not exist" in text and "database" in text:
        return _POSTGRES_WORDS["3D"]
    if "connection" in text or "timeout" in text or "resolve" in text:
        return "the server does not answer; see that it runs and that the address is right"
    return " ".join(type(cause or error).__name__.split())
