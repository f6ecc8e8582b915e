"""The manifest of a cluster: Parquet files, each complete, the last record of a picture counting.

    OUT/manifest/part-*.parquet   written while the batch runs, a few hundred records each
    OUT/manifest.parquet          all of them in one, written at the end; the parts then go

Every file carries the header of `journal` in its metadata, so that none can be of another batch.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from imuge.batch.journal import check_same_batch
from imuge.batch.record import Record
from imuge.batch.storage import Storage
from imuge.errors import ConfigError

MANIFEST = "manifest.parquet"
PARTS = "manifest"
HEADER = b"imuge.batch"
SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("input", pa.string(), nullable=False),
        ("input_sha256", pa.string()),
        ("input_bytes", pa.int64()),
        ("input_mtime_ns", pa.int64()),
        ("options", pa.string()),  # JSON
        ("output", pa.string()),
        ("output_sha256", pa.string()),
        ("files", pa.string()),  # JSON
        ("verdict", pa.string()),
        ("key_id", pa.string()),
        ("image_id", pa.string()),
        ("psnr_db", pa.float64()),
        ("tampered_area", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("seconds", pa.float64()),
        ("log_index", pa.int64()),
        ("registry", pa.string()),
        ("publisher", pa.string()),
        ("published_at", pa.string()),
        ("reference", pa.string()),
        ("manifest", pa.string()),
        ("warnings", pa.list_(pa.string())),
        ("error", pa.string()),
        ("tool_version", pa.string()),
    ]
)
_AS_JSON = ("options", "files")


def to_table(records: Iterable[Record]) -> pa.Table:
    """Records as a table of `SCHEMA`."""
    rows = [asdict(record) for record in records]
    for row in rows:
        row.update({name: json.dumps(row[name]) for name in _AS_JSON})
    return pa.Table.from_pylist(rows, SCHEMA)


def to_records(table: pa.Table) -> list[Record]:
    """The records of a table; columns that a newer imuge added are passed over."""
    rows = table.select([name for name in SCHEMA.names if name in table.column_names]).to_pylist()
    return [Record(**row | {name: json.loads(row[name]) for name in _AS_JSON}) for row in rows]


class Parts:
    """The manifest in a storage: what is recorded so far, and a place for more.

    Args:
        storage: The output folder.
        header: What the batch is, as `journal` has it.
        run: Sorts the parts of this run after those of earlier ones.
    """

    def __init__(self, storage: Storage, header: dict[str, Any], run: str) -> None:
        self._storage, self._run, self._count = storage, run, 0
        self.records: dict[str, Record] = {}
        self.header: dict[str, Any] | None = None
        self._parts = sorted(name for name, _ in storage.files(PARTS) if name.endswith(".parquet"))
        whole = [MANIFEST] if storage.info(MANIFEST).is_file else []
        for name in [*whole, *self._parts]:
            self._read(name, header)
        self.resumed = self.header is not None
        if self.header is None:
            self.header = header
            self.add([])  # from now on files without a record are known to be this batch's

    def add(self, records: list[Record]) -> None:
        """Write a part; when this returns the storage has it.

        Raises:
            ImageError: the storage refused.
        """
        self._count += 1
        name = f"{PARTS}/part-{self._run}-{self._count:06}.parquet"
        self._write(name, records)
        self._parts.append(name)
        self.records.update({record.name: record for record in records})

    def compact(self) -> None:
        """Write all records into one file, then remove the parts."""
        self._write(MANIFEST, self.records.values())
        for name in self._parts:
            self._storage.remove(name)
        self._parts.clear()

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove what an earlier record spoke of and its successor does not: it would mislead."""
        for name in names:
            if self._storage.info(name).is_file:
                self._storage.remove(name)

    def _write(self, name: str, records: Iterable[Record]) -> None:
        metadata = {HEADER: json.dumps(self.header).encode()}
        buffer = io.BytesIO()
        pq.write_table(to_table(records).replace_schema_metadata(metadata), buffer)
        self._storage.write(name, buffer.getvalue())

    def _read(self, name: str, wanted: dict[str, Any]) -> None:
        try:
            table = pq.read_table(io.BytesIO(self._storage.read(name, limit=1 << 32)))
            header = json.loads((table.schema.metadata or {})[HEADER])
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise ConfigError(
                f"{self._storage.path(name)} is no manifest of imuge, or damaged; move it away, or "
                "begin again with --restart"
            ) from error
        check_same_batch(header, wanted, self._storage.path(name))
        self.header = header
        self.records.update({record.name: record for record in to_records(table)})
