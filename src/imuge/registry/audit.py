"""Check a whole log: every leaf, every node, every piece of evidence, every checkpoint.

What it cannot see: a log that was rewritten from end to end, with its key, by whoever runs it.
Only checkpoints kept elsewhere show that; pass them in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from imuge.errors import ReceiptError
from imuge.registry import log, merkle, tables
from imuge.registry.merkle import Place
from imuge.registry.notes import Checkpoint, VerifierKey
from imuge.registry.records import Evidence, Manifest, Record

MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found; `problems` is empty where all of it holds."""

    size: int
    root: bytes
    withdrawn: int
    checkpoints: int  # checked, those from elsewhere included
    problems: tuple[str, ...]  # one sentence each; at most 20

    @property
    def sound(self) -> bool:
        """Whether everything holds."""
        return not self.problems


def audit(connection: sa.Connection, verifier: VerifierKey, notes: Iterable[str]) -> Audit:
    """Check the log that this transaction sees.

    Args:
        connection: Of one read transaction.
        verifier: The registry's verifier key.
        notes: Signed checkpoints kept elsewhere.
    """
    problems: list[str] = []
    tree: dict[Place, bytes] = {}
    withdrawn: set[int] = set()
    commitments: dict[int, Record] = {}
    size = 0
    for record, stored in log.all_records(connection):
        if record.log_index != size:
            problems.append(f"record {size} is missing before {record.log_index}")
            break
        if record.leaf != stored:
            problems.append(f"record {size} was changed: its hash is another")
        tree.update(merkle.completed(size, record.leaf, lambda *place: tree[place]))
        if record.kind == "withdrawn" and record.replaces is not None:
            withdrawn.add(record.replaces)
        else:
            commitments[size] = record
        size += 1
    problems += _nodes(connection, tree)
    problems += _evidence(connection, commitments, withdrawn)
    problems += _manifests(connection, commitments, withdrawn)
    stored_notes = connection.scalars(sa.select(tables.checkpoints.c.signed_note)).all()
    count = 0
    for note in (*stored_notes, *notes):
        count += 1
        problems += _checkpoint(note, verifier, size, tree)
    return Audit(
        size=size,
        root=merkle.root(size, lambda *place: tree[place]),
        withdrawn=len(withdrawn),
        checkpoints=count,
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def _in_parts(table: sa.Table) -> sa.Select[Any]:
    """All rows, never all of them in memory."""
    return sa.select(table).execution_options(yield_per=200)


def _nodes(connection: sa.Connection, tree: dict[Place, bytes]) -> list[str]:
    problems = []
    stored = 0
    for row in connection.execute(_in_parts(tables.nodes)):
        stored += 1
        if tree.get((row.level, row.number)) != bytes(row.hash):
            problems.append(f"node {row.number} of level {row.level} does not fit its records")
    if stored != len(tree):
        problems.append(f"the tree has {stored} nodes kept, and its records make {len(tree)}")
    return problems


def _evidence(
    connection: sa.Connection, commitments: dict[int, Record], withdrawn: set[int]
) -> list[str]:
    problems, kept = [], set()
    for row in connection.execute(_in_parts(tables.evidence)):
        kept.add(row.log_index)
        evidence = Evidence(
            pdq=bytes(row.pdq),
            pdq_quality=row.pdq_quality,
            grid=bytes(row.grid),
            thumbnail=None if row.thumbnail is None else bytes(row.thumbnail),
        )
        record = commitments.get(row.log_index)
        if record is None or evidence.commitment(bytes(row.salt)) != record.evidence:
            problems.append(f"the evidence of record {row.log_index} is not what was recorded")
    problems += [
        f"the evidence of record {index} is gone, and no withdrawal is recorded"
        for index in sorted(commitments.keys() - withdrawn - kept)
    ]
    return problems + [
        f"record {index} is withdrawn, and its evidence is still there"
        for index in sorted(withdrawn & kept)
    ]


def _manifests(
    connection: sa.Connection, commitments: dict[int, Record], withdrawn: set[int]
) -> list[str]:
    problems, kept = [], set()
    for row in connection.execute(_in_parts(tables.manifests)):
        kept.add(row.log_index)
        manifest = Manifest(manifest_id=row.manifest_id, store=bytes(row.store))
        record = commitments.get(row.log_index)
        recorded = record and (record.manifest_id, record.manifest_sha256)
        if recorded != (manifest.manifest_id, manifest.sha256):
            problems.append(f"the manifest of record {row.log_index} is not the one recorded")
    named = {index for index, record in commitments.items() if record.manifest_id is not None}
    return problems + [
        f"the manifest of record {index} is gone, and no withdrawal is recorded"
        for index in sorted(named - withdrawn - kept)
    ]


def _checkpoint(note: str, verifier: VerifierKey, size: int, tree: dict[Place, bytes]) -> list[str]:
    try:
        checkpoint: Checkpoint = verifier.checkpoint(note)
    except ReceiptError as error:
        return [f"a checkpoint does not hold: {error}"]
    if checkpoint.size > size:
        return [f"checkpoint {checkpoint.size} is of a longer log: records were taken away"]
    if merkle.root(checkpoint.size, lambda *place: tree[place]) != checkpoint.root:
        return [f"the log is not the one of checkpoint {checkpoint.size}: it was changed before"]
    return []
