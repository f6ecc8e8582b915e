"""Publishing, finding, withdrawing and auditing, on both kinds of database."""

import sqlite3

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from registry_samples import NAME, evidence, manifest, picture

from imuge.errors import KeyFileError, RegistryError, TakenError
from imuge.registry import Registry, VerifierKey, answers, merkle, tables, verify_receipt
from imuge.registry.database import Database
from imuge.registry.places import parse_address


def test_what_is_published_is_found_by_all_it_is_known_by(registry):
    given = picture(7, evidence=evidence(7, thumbnail=b"small"), manifest=manifest(7))
    registry.publish(picture(6))
    receipt = registry.publish(given)
    record = receipt.record
    assert record.log_index == 1
    assert verify_receipt(receipt, registry.verifier).record == record
    (by_file,) = registry.find_file(given.sha256_published)
    (by_original,) = registry.find_file(given.sha256_original)
    by_mark = registry.find_mark(given.key_id, given.image_id)
    (alike,) = registry.find_alike(given.evidence.pdq)
    by_manifest, store = registry.find_manifest(given.manifest.manifest_id)
    found = [by_file, by_original, by_mark, alike, by_manifest, registry.record(1)]
    assert [match.record for match in found] == [record] * 6
    assert [match.by for match in found] == [
        *("file", "original", "mark", "likeness", "manifest", "number")
    ]
    assert by_mark.thumbnail == b"small"
    assert store == registry.manifest(1) == given.manifest
    assert registry.evidence(1) == given.evidence
    assert registry.manifest(0) is None
    assert registry.audit().problems == ()


def test_what_is_not_there_is_not_found(registry):
    registry.publish(picture(0))
    assert registry.find_file("0" * 64) == []
    assert registry.find_mark("0123abcd", "f" * 12) is None
    assert registry.find_mark("00000000", picture(0).image_id) is None
    assert registry.find_alike(evidence(1).pdq) == []
    assert registry.find_manifest("urn:c2pa:none") is None
    for number in (-1, 1):
        with pytest.raises(RegistryError, match=f"no record {number}; the log has 1"):
            registry.record(number)


def test_likeness_comes_nearest_first_and_forgets_what_is_withdrawn(registry):
    pdq = bytearray(evidence(3).pdq)
    registry.publish(picture(3))
    assert [match.distance for match in registry.find_alike(bytes(pdq))] == [0]
    pdq[0] ^= 0b111
    near = evidence(4)
    near = type(near)(pdq=bytes(pdq), pdq_quality=100, grid=near.grid)
    registry.publish(picture(4, evidence=near))
    registry.publish(picture(5))
    found = registry.find_alike(bytes(pdq))
    assert [(match.record.log_index, match.distance) for match in found] == [(1, 0), (0, 3)]
    assert [match.distance for match in registry.find_alike(bytes(pdq), max_distance=2)] == [0]
    assert [match.distance for match in registry.find_alike(bytes(pdq), limit=1)] == [0]
    registry.withdraw(1)
    assert [match.record.log_index for match in registry.find_alike(bytes(pdq))] == [0]


def test_a_taken_image_id_is_refused_and_nothing_recorded(registry):
    registry.publish(picture(1))
    assert registry.is_taken("0123abcd", picture(1).image_id)
    assert not registry.is_taken("0123abce", picture(1).image_id)
    with pytest.raises(TakenError, match="draw another id"):
        registry.publish(picture(2, image_id=picture(1).image_id))
    with pytest.raises(RegistryError, match="recorded already, as record 0"):
        registry.publish(picture(2, sha256_published=picture(1).sha256_published))
    with pytest.raises(RegistryError, match="no record 9"):
        registry.publish(picture(2, replaces=9))
    assert registry.show().size == 1
    assert registry.publish(picture(2, key_id="ffffffff", replaces=0)).record.log_index == 1


def test_withdrawing_erases_the_picture_and_leaves_the_log_whole(registry):
    for number in range(5):
        registry.publish(picture(number, manifest=manifest(number)))
    before = registry.show()
    old = registry.receipt(2)
    receipt = registry.withdraw(2, publisher="The desk", note="on request")
    assert verify_receipt(receipt, registry.verifier).record.replaces == 2
    assert verify_receipt(old, registry.verifier).record.log_index == 2
    assert registry.evidence(2) is None
    assert registry.manifest(2) is None
    assert registry.find_manifest(manifest(2).manifest_id) is None
    match = registry.find_mark("0123abcd", picture(2).image_id)
    assert (match.withdrawn.log_index, match.withdrawn.note) == (5, "on request")
    assert (registry.show().size, registry.show().withdrawn) == (6, 1)
    assert registry.audit().problems == ()
    proof = registry.consistency(before.size, 6)
    assert merkle.consistent(5, 6, before.root, registry.show().root, proof)
    for number in (2, 5):
        with pytest.raises(RegistryError, match="no picture, or withdrawn already"):
            registry.withdraw(number)


def test_erased_bytes_leave_the_file(tmp_path):
    path = tmp_path / "registry.sqlite"
    with Registry.create(str(path), name=NAME) as registry:
        registry.publish(picture(0))
        grid = picture(0).evidence.grid[2000:2300]
        assert grid in path.read_bytes()
        registry.withdraw(0)
    assert grid not in path.read_bytes()


def test_checkpoints_are_kept_and_continued(registry):
    empty = registry.verifier.checkpoint(registry.checkpoint())
    assert (empty.size, empty.root) == (0, merkle.EMPTY_ROOT)
    registry.publish(picture(0))
    note = registry.checkpoint()
    assert registry.checkpoint() == note
    registry.publish(picture(1))
    later = registry.checkpoint()
    assert registry.verifier.checkpoint(later).size == 2
    audit = registry.audit(note, later)
    assert (audit.problems, audit.checkpoints) == ((), 5)
    with pytest.raises(RegistryError, match="expected sizes from 1 to 2"):
        registry.consistency(0, 2)


def test_an_audit_finds_every_kind_of_change(tmp_path):
    path = tmp_path / "registry.sqlite"

    def audited_after(statement):
        """The problems once somebody has dropped the triggers and changed the database."""
        copy = tmp_path / "changed.sqlite"
        copy.write_bytes(path.read_bytes())
        with sqlite3.connect(copy) as connection:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (trigger,) in connection.execute(triggers).fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            assert connection.execute(statement).rowcount
        connection.close()
        with Registry.open(str(copy), key_file=path.with_suffix(".key")) as changed:
            return " ".join(changed.audit(published).problems)

    with Registry.create(str(path), name=NAME) as registry:
        for number in range(6):
            registry.publish(picture(number, manifest=manifest(number)))
        published = registry.checkpoint()
        registry.withdraw(1)
        assert registry.audit(published).problems == ()
    said = {
        "UPDATE records SET publisher = 'x' WHERE log_index = 3": "record 3 was changed",
        "DELETE FROM records WHERE log_index = 3": "record 3 is missing",
        "DELETE FROM records WHERE log_index >= 5": "records were taken away",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND number = 1": "node 1 of level 1",
        "DELETE FROM nodes WHERE level = 2": "nodes kept",
        "UPDATE evidence SET grid = zeroblob(4096) WHERE log_index = 2": "evidence of record 2",
        "DELETE FROM evidence WHERE log_index = 4": "record 4 is gone",
        "UPDATE manifests SET store = x'00' WHERE log_index = 2": "manifest of record 2 is not",
        "DELETE FROM manifests WHERE log_index = 4": "manifest of record 4 is gone",
        "UPDATE checkpoints SET signed_note = 'x'": "a checkpoint does not hold",
    }
    for statement, problem in said.items():
        assert problem in audited_after(statement), statement


def test_a_rewritten_log_is_found_by_a_checkpoint_kept_elsewhere(tmp_path):
    key = tmp_path / "registry.key"
    with Registry.create(str(tmp_path / "a.sqlite"), name=NAME, key_file=key) as first:
        first.publish(picture(0))
        published = first.checkpoint()
    with Registry.create(str(tmp_path / "b.sqlite"), name=NAME, key_file=key) as second:
        second.publish(picture(1))
        assert second.audit().sound
        assert "not the one of checkpoint 1" in second.audit(published).problems[0]


def test_the_log_refuses_changes_by_mistake(registry):
    registry.publish(picture(0))
    registry.checkpoint()
    for table in (tables.records, tables.nodes, tables.checkpoints):
        column = next(iter(table.c))
        for statement in (sa.delete(table), sa.update(table).values({column: column})):
            with (
                pytest.raises(RegistryError, match="refuses to change what is recorded"),
                registry._database.write() as connection,
            ):
                connection.execute(statement)
    assert registry.audit().sound


def test_answers_are_signed_over_question_log_and_time(registry):
    registry.publish(picture(0))
    note = registry.signed_answer({"sha256": "0" * 64}, {"found": None})
    said = answers.read(registry.verifier, note)
    assert (said["query"], said["answer"]) == ({"sha256": "0" * 64}, {"found": None})
    assert said["checkpoint"]["size"] == 1
    assert said["at"].endswith("Z")


def test_migrations_make_the_tables_that_the_code_means(registry):
    with registry._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_init_twice_changes_nothing(registry, url, tmp_path):
    registry.publish(picture(0))
    with Registry.create(url, key_file=tmp_path / "registry.key") as again:
        assert again.verifier == registry.verifier
        assert again.show().size == 1


def test_one_registrys_key_does_not_sign_for_another(url, tmp_path):
    Registry.create(url, name=NAME, key_file=tmp_path / "one.key").close()
    Registry.create(str(tmp_path / "other"), name=NAME, key_file=tmp_path / "two.key").close()
    with Registry.open(url, key_file=tmp_path / "two.key") as registry:
        with pytest.raises(KeyFileError, match="is the key of registry"):
            registry.publish(picture(0))
        assert registry.show().size == 0
    with (
        Registry.open(url, key_file=tmp_path / "lost.key") as registry,
        pytest.raises(KeyFileError, match="there is no registry key"),
    ):
        registry.publish(picture(0))


def test_a_key_left_by_a_broken_off_init_is_taken_up(tmp_path):
    Registry.create(str(tmp_path / "a"), name=NAME, key_file=tmp_path / "k").close()
    (tmp_path / "a").unlink()
    with Registry.create(str(tmp_path / "a"), name=NAME, key_file=tmp_path / "k") as registry:
        assert registry.publish(picture(0)).record.log_index == 0
    with pytest.raises(KeyFileError, match="not of another"):
        Registry.create(str(tmp_path / "b"), name="another", key_file=tmp_path / "k")


def test_a_database_that_is_no_registry_or_a_newer_one_is_said(url, tmp_path):
    with pytest.raises(RegistryError, match="imuge registry init"):
        Registry.open(url)
    Registry.create(url, name=NAME, key_file=tmp_path / "k").close()
    database = Database(parse_address(url))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for ask in (Registry.open, Registry.create):
        with pytest.raises(RegistryError, match="newer imuge"):
            ask(url)


def test_a_file_that_is_no_database_is_said(tmp_path):
    path = tmp_path / "letter.sqlite"
    path.write_text("Dear Sir or Madam, " * 99)
    with pytest.raises(RegistryError, match="the file is not a registry"):
        Registry.open(str(path))
    assert path.read_text().startswith("Dear Sir")


def test_the_database_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "folder" / "registry.sqlite"
    Registry.create(str(path), name=NAME).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_public_name_is_a_verifier_key(registry):
    status = registry.show()
    assert VerifierKey.parse(status.verifier_key) == registry.verifier
    assert status.name == NAME
    assert status.last is None
