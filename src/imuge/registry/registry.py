"""`Registry`: publish pictures into the log, find them again, prove and check it.

publish ─► [lock ─ id free? ─ record, leaf, evidence, manifest ─ commit] ─ sign ─► Receipt

Looking up is `lookup`'s part, proving is `proofs`'.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from imuge.errors import KeyFileError, RegistryError, TakenError
from imuge.registry import log, merkle, tables
from imuge.registry.database import Database
from imuge.registry.notes import SigningKey, VerifierKey, read_signing_key
from imuge.registry.places import Address, parse_address
from imuge.registry.proofs import Prover
from imuge.registry.receipts import Receipt
from imuge.registry.records import (
    SALT_BYTES,
    Evidence,
    Manifest,
    PublishedPicture,
    Record,
    check_text,
    now,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a registry says of itself."""

    address: str  # without any password
    name: str
    verifier_key: str
    size: int
    root: bytes
    withdrawn: int
    last: Record | None
    last_checkpoint: str | None


class Registry(Prover):
    """One registry, opened. Safe to share between threads; a process opens its own.

    Use `Registry.open` or `Registry.create`, and close it or use it as a context manager.
    """

    @classmethod
    def open(cls, url: str | None = None, *, key_file: Path | None = None) -> "Registry":
        """Open a registry that is there.

        Args:
            url: As `imuge.registry.parse_address` takes it.
            key_file: The registry's key; it is read when something is to be signed.

        Raises:
            RegistryError: there is none, it is out of reach, or of another version.
            ConfigError: the address or its library is no good.
        """
        address = parse_address(url)
        database = Database(address)
        try:
            database.check()
            with database.read() as connection:
                line = connection.scalar(sa.select(tables.registry.c.verifier_key))
            if line is None:
                raise RegistryError(
                    f"the registry {address.shown} has no name yet; finish `imuge registry init`"
                )
        except BaseException:
            database.close()
            raise
        return cls(database, VerifierKey.parse(line), key_file or address.key_file)

    @classmethod
    def create(
        cls, url: str | None = None, *, name: str | None = None, key_file: Path | None = None
    ) -> "Registry":
        """Make a registry and its key, or bring an older one up to date.

        Args:
            url: As `imuge.registry.parse_address` takes it.
            name: Of the log and its key: the address where checkpoints will be published, without
                https://; None draws one.
            key_file: Where the registry's key shall lie, mode 0600.

        Raises:
            RegistryError: the database refuses.
            KeyFileError: the key cannot be written, or there is another registry's.
        """
        address = parse_address(url)
        key_file = key_file or address.key_file
        database = Database(address)
        try:
            database.migrate()
            with database.write() as connection:
                line = connection.scalar(sa.select(tables.registry.c.verifier_key))
                if line is None:
                    key = _first_key(key_file, name)
                    line = str(key.verifier)
                    values = {"name": key.name, "verifier_key": line}
                    connection.execute(sa.insert(tables.registry).values(**values))
        except BaseException:
            database.close()
            raise
        return cls(database, VerifierKey.parse(line), key_file)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def __enter__(self) -> "Registry":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> Address:
        """Where the database is."""
        return self._database.address

    def publish(self, picture: PublishedPicture) -> Receipt:
        """Record a picture, in one transaction, and give its receipt.

        What is to be put in its final place is put there after this has returned
        (`imuge.registry.publication` does both).

        Raises:
            TakenError: the image id is taken under this key; draw another and embed again.
            RegistryError: the file is recorded already, the record it replaces is not there, or
                the database is away, full or refuses. Nothing was recorded.
            KeyFileError: the registry's key is missing or another registry's. Nothing was recorded.
        """
        if picture.evidence is None:
            raise RegistryError("expected a picture with its evidence; use gather_evidence")
        key = self._key()
        with self._database.write() as connection:
            self._refuse_recorded(connection, picture)
            index = log.size(connection)
            salt = secrets.token_bytes(SALT_BYTES)
            record = picture.record(log_index=index, created_at=now(), salt=salt)
            log.append(connection, record)
            _keep(connection, index, picture.evidence, salt, picture.manifest)
            proof, checkpoint = self._prove(connection, index, index + 1)
        return Receipt(record=record, proof=proof, checkpoint=key.sign(checkpoint.text))

    def withdraw(self, log_index: int, *, publisher: str = "", note: str = "") -> Receipt:
        """Erase what shows a picture, and record that it was withdrawn; the log stays whole.

        Raises:
            RegistryError: there is no such record, or it is withdrawn already, or the database
                user may not delete. Nothing was changed.
        """
        check_text("publisher", publisher)
        check_text("note", note)
        key = self._key()
        with self._database.write() as connection:
            match = self._by_number(connection, log_index)
            if match.record.kind != "published" or match.withdrawn is not None:
                raise RegistryError(f"record {log_index} is no picture, or withdrawn already")
            index = log.size(connection)
            record = Record(
                log_index=index,
                kind="withdrawn",
                created_at=now(),
                publisher=publisher,
                note=note,
                replaces=log_index,
            )
            log.append(connection, record)
            for table in (tables.evidence, tables.manifests):
                connection.execute(sa.delete(table).where(table.c.log_index == log_index))
            proof, checkpoint = self._prove(connection, index, index + 1)
        return Receipt(record=record, proof=proof, checkpoint=key.sign(checkpoint.text))

    def show(self) -> Status:
        """What the registry says of itself."""
        with self._database.read() as connection:
            size = log.size(connection)
            column = tables.records.c
            gone = connection.scalar(sa.select(sa.func.count()).where(column.kind == "withdrawn"))
            last = log.records(connection, column.log_index == size - 1)
            checkpoint = self._last_checkpoint(connection)
            return Status(
                address=self.address.shown,
                name=self.verifier.name,
                verifier_key=str(self.verifier),
                size=size,
                root=log.ask(connection, lambda fetch: merkle.root(size, fetch)),
                withdrawn=gone or 0,
                last=last[0] if last else None,
                last_checkpoint=None if checkpoint is None else checkpoint.text,
            )

    def _refuse_recorded(self, connection: sa.Connection, picture: PublishedPicture) -> None:
        column = tables.records.c
        mark = (column.key_id == picture.key_id, column.image_id == picture.image_id)
        if log.records(connection, *mark):
            raise TakenError(
                f"the registry has a picture of key {picture.key_id} with image id "
                f"{picture.image_id} already; immunize again to draw another id"
            )
        same = log.records(connection, column.sha256_published == picture.sha256_published)
        if same:
            raise RegistryError(
                f"this file is recorded already, as record {same[0].log_index} of "
                f"{same[0].created_at}; `imuge registry receipt {same[0].log_index}` gives its "
                "receipt"
            )
        if picture.replaces is not None:
            self._by_number(connection, picture.replaces)


def _keep(
    connection: sa.Connection,
    index: int,
    evidence: Evidence,
    salt: bytes,
    manifest: Manifest | None,
) -> None:
    connection.execute(
        sa.insert(tables.evidence).values(
            log_index=index,
            salt=salt,
            pdq=evidence.pdq,
            pdq_quality=evidence.pdq_quality,
            grid=evidence.grid,
            thumbnail=evidence.thumbnail,
        )
    )
    if manifest is not None:
        connection.execute(
            sa.insert(tables.manifests).values(
                log_index=index, manifest_id=manifest.manifest_id, store=manifest.store
            )
        )


def _first_key(key_file: Path, name: str | None) -> SigningKey:
    """The key of a new registry; one that a broken-off `init` left is taken up again."""
    if key_file.exists():
        key = read_signing_key(key_file)
        if name is not None and key.name != name:
            raise KeyFileError(
                f"{key_file} is the key of {key.name}, not of {name}; name another file"
            )
        return key
    key = SigningKey.new(name or f"registry.invalid/{secrets.token_hex(4)}")
    with suppress(OSError):  # the refusal to write the key says it in one sentence
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key.write(key_file)
    return key
