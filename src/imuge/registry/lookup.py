"""Find records again: by file, by mark, by likeness, by manifest, by number."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import sqlalchemy as sa

from imuge.errors import RegistryError
from imuge.registry import log, tables
from imuge.registry.database import Database
from imuge.registry.likeness import MAX_DISTANCE, Likeness
from imuge.registry.records import Evidence, Manifest, Record

FoundBy: TypeAlias = Literal["file", "original", "mark", "likeness", "manifest", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A record that was found, and by what."""

    record: Record
    by: FoundBy
    distance: int | None = None  # bits of 256, of a likeness; it finds and never decides
    withdrawn: Record | None = None  # the withdrawal, where there is one
    thumbnail: bytes | None = field(repr=False, default=None)


class Lookup:
    """The asking half of a registry. Nothing here changes anything or needs the registry's key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._likeness = Likeness()

    def is_taken(self, key_id: str, image_id: str) -> bool:
        """Whether a picture of this key and image id is recorded: worth asking before embedding."""
        column = tables.records.c
        with self._database.read() as connection:
            return bool(
                log.records(connection, column.key_id == key_id, column.image_id == image_id)
            )

    def find_file(self, sha256: str) -> list[Match]:
        """The records of a file, as published first, then as given to be published."""
        column = tables.records.c
        with self._database.read() as connection:
            published = log.records(connection, column.sha256_published == sha256)
            original = log.records(connection, column.sha256_original == sha256)
            return [
                *self._matches(connection, published, "file"),
                *self._matches(connection, original, "original"),
            ]

    def find_mark(self, key_id: str, image_id: str) -> Match | None:
        """The record of the mark that a copy carries."""
        column = tables.records.c
        with self._database.read() as connection:
            found = log.records(connection, column.key_id == key_id, column.image_id == image_id)
            return next(iter(self._matches(connection, found, "mark")), None)

    def find_alike(
        self, pdq: bytes, *, max_distance: int = MAX_DISTANCE, limit: int = 10
    ) -> list[Match]:
        """Records of pictures that look alike, nearest first. It finds; it never decides.

        Args:
            pdq: 32 bytes, as `perceptual_hash` gives them.
            max_distance: Bits of 256 that may differ.
            limit: At most so many.
        """
        with self._database.read() as connection:
            near = self._likeness.nearest(connection, pdq, max_distance, limit)
            column = tables.records.c.log_index
            found = {r.log_index: r for r in log.records(connection, column.in_(near))}
            return [
                Match(record=found[index], by="likeness", distance=distance)
                for index, distance in near.items()
            ]

    def find_manifest(self, manifest_id: str) -> tuple[Match, Manifest] | None:
        """The manifest of that id and the record that it belongs to, the first registered."""
        table = tables.manifests.c
        query = sa.select(table.log_index, table.store).where(table.manifest_id == manifest_id)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(table.log_index).limit(1)).first()
            if row is None:
                return None
            match = self._by_number(connection, row.log_index, "manifest")
            return match, Manifest(manifest_id=manifest_id, store=bytes(row.store))

    def record(self, log_index: int) -> Match:
        """One line of the log.

        Raises:
            RegistryError: there is no such record.
        """
        with self._database.read() as connection:
            return self._by_number(connection, log_index)

    def evidence(self, log_index: int) -> Evidence | None:
        """What was kept of a picture; None where it was withdrawn."""
        query = sa.select(tables.evidence).where(tables.evidence.c.log_index == log_index)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Evidence(
            pdq=bytes(row.pdq),
            pdq_quality=row.pdq_quality,
            grid=bytes(row.grid),
            thumbnail=None if row.thumbnail is None else bytes(row.thumbnail),
        )

    def manifest(self, log_index: int) -> Manifest | None:
        """The manifest recorded with a picture; None without one, or where it was withdrawn."""
        query = sa.select(tables.manifests).where(tables.manifests.c.log_index == log_index)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Manifest(manifest_id=row.manifest_id, store=bytes(row.store))

    def _by_number(
        self, connection: sa.Connection, log_index: int, by: FoundBy = "number"
    ) -> Match:
        found = log.records(connection, tables.records.c.log_index == log_index)
        if not found:
            raise RegistryError(
                f"there is no record {log_index}; the log has {log.size(connection)}, from 0"
            )
        return self._matches(connection, found, by)[0]

    def _matches(
        self,
        connection: sa.Connection,
        found: list[Record],
        by: FoundBy,
    ) -> list[Match]:
        indexes = [record.log_index for record in found]
        gone = log.withdrawals(connection, indexes)
        evidence = tables.evidence.c
        query = sa.select(evidence.log_index, evidence.thumbnail).where(
            evidence.log_index.in_(indexes), evidence.thumbnail.is_not(None)
        )
        small = {row.log_index: bytes(row.thumbnail) for row in connection.execute(query)}
        return [
            Match(
                record=record,
                by=by,
                withdrawn=gone.get(record.log_index),
                thumbnail=small.get(record.log_index),
            )
            for record in found
        ]
