"""The tables of the first version, and triggers that keep the log from being changed by mistake.

Whoever owns the database can drop the triggers: they stop accidents, published checkpoints stop
the owner.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GROWS_ONLY = ("records", "nodes", "checkpoints")


def upgrade() -> None:
    """Make the tables and triggers."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    _make_log(number)
    op.create_table(
        "evidence",
        sa.Column("log_index", number, sa.ForeignKey("records.log_index"), autoincrement=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
        sa.Column("pdq", sa.LargeBinary(32), nullable=False),
        sa.Column("pdq_quality", sa.Integer, nullable=False),
        sa.Column("grid", sa.LargeBinary(4096), nullable=False),
        sa.Column("thumbnail", sa.LargeBinary),
        sa.PrimaryKeyConstraint("log_index"),
    )
    op.create_table(
        "manifests",
        sa.Column("log_index", number, sa.ForeignKey("records.log_index"), autoincrement=False),
        sa.Column("manifest_id", sa.String(128), nullable=False),
        sa.Column("store", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log_index"),
    )
    op.create_index("manifests_id", "manifests", ["manifest_id"])
    op.create_table(
        "checkpoints",
        sa.Column("size", number, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("signed_note", sa.String(512), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
    )
    _forbid_changes()


def downgrade() -> None:
    """Refused: it would destroy the log."""
    raise NotImplementedError("a log is never taken back; restore a backup of the database")


def _make_log(number: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "registry",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("verifier_key", sa.String(160), nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("log_index", number, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("publisher", sa.String(80), nullable=False),
        sa.Column("note", sa.String(120), nullable=False),
        sa.Column("replaces", number, sa.ForeignKey("records.log_index")),
        sa.Column("key_id", sa.String(8)),
        sa.Column("image_id", sa.String(12)),
        sa.Column("sha256_original", sa.String(64)),
        sa.Column("sha256_published", sa.String(64)),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("format", sa.String(16)),
        sa.Column("frame_side", sa.Integer),
        sa.Column("model", sa.String(64)),
        sa.Column("strength", sa.String(16)),
        sa.Column("manifest_id", sa.String(128)),
        sa.Column("manifest_sha256", sa.String(64)),
        sa.Column("evidence", sa.String(64)),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.UniqueConstraint("key_id", "image_id", name="records_mark"),
        sa.UniqueConstraint("sha256_published", name="records_file"),
    )
    op.create_index("records_original", "records", ["sha256_original"])
    op.create_index("records_replaces", "records", ["replaces"])
    op.create_index("records_manifest", "records", ["manifest_id"])
    op.create_table(
        "nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", number, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in GROWS_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION imuge_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$"
    )
    for table in GROWS_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION imuge_log_only_grows()"
        )
