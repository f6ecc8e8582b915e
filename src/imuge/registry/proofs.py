"""Prove what the log holds: receipts, checkpoints, consistency, signed answers, the audit.

A checkpoint is signed after the commit and never before: a signature over a tree that was taken
back would be a proof against the registry itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imuge.errors import KeyFileError, RegistryError
from imuge.registry import answers, log, merkle, tables
from imuge.registry.audit import Audit, audit
from imuge.registry.database import Database
from imuge.registry.lookup import Lookup
from imuge.registry.notes import Checkpoint, SigningKey, VerifierKey, read_signing_key
from imuge.registry.receipts import Receipt
from imuge.registry.records import now


class Prover(Lookup):
    """The proving half of a registry: it signs, and appends nothing to the log."""

    def __init__(self, database: Database, verifier: VerifierKey, key_file: Path) -> None:
        super().__init__(database)
        self._key_file = key_file
        self._signing: SigningKey | None = None
        self.verifier = verifier

    def require_key(self) -> None:
        """See that what is recorded can be signed; worth asking before long work.

        Raises:
            KeyFileError: the registry's key is missing or another registry's.
        """
        self._key()

    def receipt(self, log_index: int) -> Receipt:
        """The receipt of a record, against the log as it is now.

        Raises:
            RegistryError: there is no such record.
            KeyFileError: the registry's key is missing or another registry's.
        """
        key = self._key()
        with self._database.read() as connection:
            record = self._by_number(connection, log_index).record
            proof, checkpoint = self._prove(connection, log_index, log.size(connection))
        return Receipt(record=record, proof=proof, checkpoint=key.sign(checkpoint.text))

    def proof(self, log_index: int) -> tuple[tuple[bytes, ...], str]:
        """The way from a record's leaf to the root, and the signed note of that root.

        Raises:
            RegistryError: there is no such record.
            KeyFileError: the registry's key is missing or another registry's.
        """
        key = self._key()
        with self._database.read() as connection:
            size = log.size(connection)
            if not 0 <= log_index < size:
                raise RegistryError(f"there is no record {log_index}; the log has {size}, from 0")
            steps, checkpoint = self._prove(connection, log_index, size)
        return steps, key.sign(checkpoint.text)

    def head(self) -> tuple[int, str]:
        """How many records there are, and the signed note of that log; it is not kept.

        Raises:
            KeyFileError: the registry's key is missing or another registry's.
        """
        key = self._key()
        with self._database.read() as connection:
            size = log.size(connection)
            root = log.ask(connection, lambda fetch: merkle.root(size, fetch))
        return size, key.sign(Checkpoint(self.verifier.name, size, root).text)

    def checkpoint(self) -> str:
        """Sign the log as it is now, keep the note, and give it to be published.

        Raises:
            RegistryError: the log no longer continues the last checkpoint, so somebody changed
                it; or the database refuses.
        """
        key = self._key()
        with self._database.write() as connection:
            size = log.size(connection)
            root = log.ask(connection, lambda fetch: merkle.root(size, fetch))
            last = self._last_checkpoint(connection)
            if last is not None and not self._continues(connection, last, size, root):
                raise RegistryError(
                    f"the log is not a continuation of checkpoint {last.size}: it was changed; "
                    "run `imuge registry audit`, and restore a backup"
                )
            if last is not None and last.size == size:
                return key.sign(last.text)
            note = key.sign(Checkpoint(self.verifier.name, size, root).text)
            values = {"size": size, "root": root, "signed_note": note, "created_at": now()}
            connection.execute(sa.insert(tables.checkpoints).values(**values))
        return note

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the log of `old` records is the beginning of that of `new`.

        Raises:
            RegistryError: the log never had these sizes in this order.
        """
        with self._database.read() as connection:
            size = log.size(connection)
            if not 1 <= old <= new <= size:
                raise RegistryError(
                    f"expected sizes from 1 to {size}, the older first, got {old} and {new}"
                )
            return log.ask(connection, lambda fetch: merkle.consistency(old, new, fetch))

    def signed_answer(self, query: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
        """Sign an answer, "not found" too, over query, answer, checkpoint and time."""
        key = self._key()
        with self._database.read() as connection:
            size = log.size(connection)
            root = log.ask(connection, lambda fetch: merkle.root(size, fetch))
        checkpoint = Checkpoint(self.verifier.name, size, root)
        return answers.sign(key, query, answer, checkpoint, now())

    def audit(self, *notes: str) -> Audit:
        """Check the whole log against itself, and against checkpoints kept elsewhere.

        Args:
            notes: Signed checkpoints that were published; each must be a beginning of this log.
        """
        with self._database.read() as connection:
            return audit(connection, self.verifier, notes)

    def _key(self) -> SigningKey:
        if self._signing is None:
            key = read_signing_key(self._key_file)
            if key.verifier != self.verifier:
                raise KeyFileError(
                    f"{self._key_file} is the key of {key.name}, and this registry is "
                    f"{self.verifier.name} with another key; name its own file in "
                    "IMUGE_REGISTRY_KEY_FILE"
                )
            self._signing = key
        return self._signing

    def _prove(
        self, connection: sa.Connection, index: int, size: int
    ) -> tuple[tuple[bytes, ...], Checkpoint]:
        proof, root = log.ask(
            connection,
            lambda fetch: (merkle.inclusion(index, size, fetch), merkle.root(size, fetch)),
        )
        return tuple(proof), Checkpoint(self.verifier.name, size, root)

    def _last_checkpoint(self, connection: sa.Connection) -> Checkpoint | None:
        column = tables.checkpoints.c
        query = sa.select(column.size, column.root).order_by(column.size.desc()).limit(1)
        row = connection.execute(query).first()
        return row and Checkpoint(self.verifier.name, row.size, bytes(row.root))

    def _continues(
        self, connection: sa.Connection, last: Checkpoint, size: int, root: bytes
    ) -> bool:
        if not last.size:
            return True
        if last.size > size:
            return False
        proof = log.ask(connection, lambda fetch: merkle.consistency(last.size, size, fetch))
        return merkle.consistent(last.size, size, last.root, root, proof)
