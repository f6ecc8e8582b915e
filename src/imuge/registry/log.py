"""The log inside a transaction: append a record, prove a place, read records.

Every function here takes the connection of an open transaction (`Database.read`, `.write`).
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import sqlalchemy as sa

from imuge.registry import merkle, tables
from imuge.registry.merkle import Fetch, Place
from imuge.registry.records import Record

Answer = TypeVar("Answer")

_PUBLIC = [column for column in tables.records.c if column.name != "leaf_hash"]
_CHUNK = 1000
_PLACES = 200  # in one question: databases limit how many values a statement may have


def size(connection: sa.Connection) -> int:
    """How many records there are."""
    last = connection.scalar(sa.select(sa.func.max(tables.records.c.log_index)))
    return 0 if last is None else last + 1


def append(connection: sa.Connection, record: Record) -> None:
    """Append a record whose index is the log's size, and the subtrees that it completes."""
    leaf = record.leaf
    connection.execute(sa.insert(tables.records).values(**record.to_dict(), leaf_hash=leaf))
    fetch = _reader(connection, _left_neighbours(record.log_index))
    rows = [
        {"level": level, "number": number, "hash": value}
        for (level, number), value in merkle.completed(record.log_index, leaf, fetch)
    ]
    connection.execute(sa.insert(tables.nodes), rows)


def ask(connection: sa.Connection, question: Callable[[Fetch], Answer]) -> Answer:
    """Answer a question about the tree, reading the nodes that it needs in one go."""
    return question(_reader(connection, merkle.needed(question)))


def records(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Record]:
    """The records that meet all conditions, the first registered first."""
    query = sa.select(*_PUBLIC).where(*conditions).order_by(tables.records.c.log_index)
    return [Record(**row._mapping) for row in connection.execute(query)]


def all_records(connection: sa.Connection) -> Iterator[tuple[Record, bytes]]:
    """Every record in order, with the leaf hash stored beside it."""
    column = tables.records.c.log_index
    last = -1
    while True:
        query = sa.select(tables.records).where(column > last).order_by(column).limit(_CHUNK)
        rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            said = dict(row._mapping)
            leaf = bytes(said.pop("leaf_hash"))
            yield Record(**said), leaf
        last = rows[-1].log_index


def withdrawals(connection: sa.Connection, indexes: list[int]) -> dict[int, Record]:
    """The withdrawal of each of these records that was withdrawn."""
    column = tables.records.c
    found = records(connection, column.kind == "withdrawn", column.replaces.in_(indexes))
    return {record.replaces: record for record in found if record.replaces is not None}


def _left_neighbours(index: int) -> list[Place]:
    """The nodes that meet leaf `index` on its way up, as far as it completes subtrees."""
    places, level = [], 0
    while index >> level & 1:
        places.append((level, (index >> level) - 1))
        level += 1
    return places


def _reader(connection: sa.Connection, places: list[Place]) -> Fetch:
    """What gives the hashes of these nodes."""
    columns = tables.nodes.c
    known: dict[Place, bytes] = {}
    for start in range(0, len(places), _PLACES):
        wanted = sa.tuple_(columns.level, columns.number).in_(places[start : start + _PLACES])
        for row in connection.execute(sa.select(tables.nodes).where(wanted)):
            known[row.level, row.number] = bytes(row.hash)
    return lambda level, number: known[level, number]
