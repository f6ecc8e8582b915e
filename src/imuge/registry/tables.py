"""The tables. `records` and `nodes` only grow; what may be erased lies in tables of its own.

    registry     one row: name and verifier key
    records      one row a line of the log, exactly the public record, and its leaf hash
    nodes        complete subtrees of the Merkle tree, so that a proof reads a few rows
    evidence     PDQ, grid, thumbnail and salt of a record; deleted when it is withdrawn
    manifests    signed C2PA manifest stores; deleted likewise
    checkpoints  signed notes that were handed out to be published

Changes of the tables are migrations (migrations/versions), and a test holds both together.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite counts only INTEGER as the row's own number; it holds 64 bits all the same.
_Number = BigInteger().with_variant(Integer, "sqlite")

registry = Table(
    "registry",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("verifier_key", String(160), nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("log_index", _Number, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("created_at", String(20), nullable=False),
    Column("publisher", String(80), nullable=False),
    Column("note", String(120), nullable=False),
    Column("replaces", _Number, ForeignKey("records.log_index")),
    Column("key_id", String(8)),
    Column("image_id", String(12)),
    Column("sha256_original", String(64)),
    Column("sha256_published", String(64)),
    Column("width", Integer),
    Column("height", Integer),
    Column("format", String(16)),
    Column("frame_side", Integer),
    Column("model", String(64)),
    Column("strength", String(16)),
    Column("manifest_id", String(128)),
    Column("manifest_sha256", String(64)),
    Column("evidence", String(64)),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    # Both are empty in withdrawals, and empty values are never alike.
    UniqueConstraint("key_id", "image_id", name="records_mark"),
    UniqueConstraint("sha256_published", name="records_file"),
    Index("records_original", "sha256_original"),
    Index("records_replaces", "replaces"),
    Index("records_manifest", "manifest_id"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", _Number, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column(
        "log_index",
        _Number,
        ForeignKey("records.log_index"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("salt", LargeBinary(32), nullable=False),
    Column("pdq", LargeBinary(32), nullable=False),
    Column("pdq_quality", Integer, nullable=False),
    Column("grid", LargeBinary(4096), nullable=False),
    Column("thumbnail", LargeBinary),
)

manifests = Table(
    "manifests",
    metadata,
    Column(
        "log_index",
        _Number,
        ForeignKey("records.log_index"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("manifest_id", String(128), nullable=False),
    Column("store", LargeBinary, nullable=False),
    Index("manifests_id", "manifest_id"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", _Number, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("signed_note", String(512), nullable=False),
    Column("created_at", String(20), nullable=False),
)
