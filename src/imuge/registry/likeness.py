"""Find records by PDQ: Hamming distance to every hash, held in memory and topped up.

A million hashes are 32 MB and take a tenth of a second; no index structure is worth its trouble
before that.
"""

import threading

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from imuge.registry import tables
from imuge.registry.records import PDQ_BYTES

# A copy at half size differs by 12-36 of 256 bits, another picture by 114 and more.
MAX_DISTANCE = 48
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1).astype(np.uint8)


class Likeness:
    """The hashes read so far; what was withdrawn since is left out of every answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: NDArray[np.int64] = np.empty(0, np.int64)
        self._hashes: NDArray[np.uint8] = np.empty((0, PDQ_BYTES), np.uint8)

    def nearest(
        self, connection: sa.Connection, pdq: bytes, max_distance: int, limit: int
    ) -> dict[int, int]:
        """Log index and distance of the nearest hashes, nearest first.

        Raises:
            ValueError: `pdq` is not 32 bytes long.
        """
        if len(pdq) != PDQ_BYTES:
            raise ValueError(f"expected a PDQ of {PDQ_BYTES} bytes, got {len(pdq)}")
        with self._lock:
            self._top_up(connection)
            indexes, hashes = self._indexes, self._hashes
        distances = _BITS[hashes ^ np.frombuffer(pdq, np.uint8)].sum(1, dtype=np.int64)
        near = np.flatnonzero(distances <= max_distance)
        near = near[np.lexsort((indexes[near], distances[near]))]
        found: dict[int, int] = {}
        for start in range(0, len(near), 100):
            part = near[start : start + 100]
            kept = self._kept(connection, indexes[part].tolist())
            found |= {
                int(indexes[at]): int(distances[at]) for at in part if int(indexes[at]) in kept
            }
            if len(found) >= limit:
                break
        return dict(list(found.items())[:limit])

    def _top_up(self, connection: sa.Connection) -> None:
        table = tables.evidence.c
        last = int(self._indexes[-1]) if len(self._indexes) else -1
        query = sa.select(table.log_index, table.pdq).where(table.log_index > last)
        rows = connection.execute(query.order_by(table.log_index)).all()
        if not rows:
            return
        new = np.frombuffer(b"".join(bytes(row.pdq) for row in rows), np.uint8)
        self._indexes = np.append(self._indexes, [row.log_index for row in rows])
        self._hashes = np.concatenate([self._hashes, new.reshape(-1, PDQ_BYTES)])

    @staticmethod
    def _kept(connection: sa.Connection, indexes: list[int]) -> set[int]:
        column = tables.evidence.c.log_index
        return set(connection.scalars(sa.select(column).where(column.in_(indexes))))
