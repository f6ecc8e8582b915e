"""The registry's commands: made, recorded into, asked, proved, audited, withdrawn from."""

import json
import stat

import pytest
from PIL import Image

from imuge.cli.registry import NOT_FOUND, split_notes
from imuge.cli.terminal import FAILED, USAGE
from imuge.errors import RegistryError
from imuge.registry.places import registry_folder

NAME = "registry.example.org/tests"


pytestmark = pytest.mark.usefixtures("held", "folder")


@pytest.fixture
def registry(imuge, held):
    """A registry with plain.png in it, published as out.png."""
    made = imuge("registry", "init", "--name", NAME)
    assert made.exit_code == 0, made.stderr
    done = imuge(
        *("immunize", "plain.png", "-o", "out.png", "--registry", "--thumbnail"),
        *("--publisher", "The Example Times", "--note", "front page", "--key", held),
    )
    assert done.exit_code == 0, done.stderr
    assert f"record 0 of {NAME}" in done.stderr
    return made.stdout.strip()


def test_init_makes_a_file_and_a_key_nobody_else_can_read(imuge):
    made = imuge("registry", "init", "--name", NAME)
    assert made.stdout.startswith(f"{NAME}+")
    for name in ("registry.sqlite", "registry.key"):
        assert stat.S_IMODE((registry_folder() / name).stat().st_mode) == 0o600
    again = imuge("registry", "init")
    assert again.stdout == made.stdout


def test_an_address_elsewhere_is_named_for_later(imuge, folder, monkeypatch):
    made = imuge("registry", "init", folder / "other.sqlite")
    assert f"IMUGE_REGISTRY_URL={folder / 'other.sqlite'}" in made.stderr
    assert imuge("registry", "show").exit_code == FAILED
    monkeypatch.setenv("IMUGE_REGISTRY_URL", str(folder / "other.sqlite"))
    assert imuge("registry", "show").exit_code == 0


def test_without_a_registry_nothing_is_immunized(imuge, folder):
    done = imuge("immunize", "plain.png", "-o", "out.png", "--registry")
    assert done.exit_code == FAILED
    assert "imuge registry init" in done.stderr
    assert not (folder / "out.png").exists()


@pytest.mark.slow
def test_show(imuge, registry):
    status = json.loads(imuge("registry", "show", "--json").stdout)
    assert (status["size"], status["verifier_key"]) == (1, registry)
    record = json.loads(imuge("registry", "show", 0, "--json").stdout)
    assert (record["publisher"], record["note"]) == ("The Example Times", "front page")
    assert len(record["image_id"]) == 12
    assert imuge("registry", "show", 7).exit_code == FAILED


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_find(imuge):
    assert "this very file: record 0" in imuge("registry", "find", "out.png").stdout
    assert "the original of: record 0" in imuge("registry", "find", "plain.png").stdout
    alike = json.loads(imuge("registry", "find", "protected.png", "--json").stdout)
    assert (alike[0]["found_by"], alike[0]["log_index"]) == ("likeness", 0)
    assert alike[0]["distance"] < 48


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_find_says_when_there_is_none(imuge, folder, photograph):
    Image.fromarray(255 - photograph[::-1]).save(folder / "other.png")
    none = imuge("registry", "find", "other.png")
    assert none.exit_code == NOT_FOUND
    assert none.stdout.startswith("No record")


@pytest.mark.slow
def test_receipts_are_checked_offline(imuge, registry, folder, monkeypatch):
    receipt = folder / "out.png.receipt.json"
    assert receipt.stat().st_size < 2048
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "elsewhere"))  # no registry, no key
    checked = ("receipt", "verify", receipt, "--public-key", registry)
    done = imuge(*checked, "--file", "out.png")
    assert done.exit_code == 0
    assert "bit for bit" in done.stdout
    assert "The Example Times, record 0 of 1" in done.stdout
    assert json.loads(imuge(*checked, "--json").stdout)["record"]["log_index"] == 0
    other = imuge(*checked, "--file", "plain.png")
    assert other.exit_code == FAILED
    assert "another file" in other.stderr
    (folder / "key.txt").write_text(registry + "\n")
    assert imuge("receipt", "verify", receipt, "--public-key", "key.txt").exit_code == 0
    receipt.write_bytes(receipt.read_bytes().replace(b"Times", b"Tames"))
    assert imuge(*checked).exit_code == FAILED


@pytest.mark.slow
def test_a_receipt_can_be_issued_again(imuge, registry):
    printed = imuge("registry", "receipt", 0)
    assert json.loads(printed.stdout)["record"]["log_index"] == 0
    assert imuge("registry", "receipt", 0, "-o", "again.json").exit_code == 0
    done = imuge("receipt", "verify", "again.json", "--public-key", registry)
    assert done.exit_code == 0
    assert imuge("registry", "receipt", 0, "-o", "again.json").exit_code == FAILED


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_audit_holds_the_log_against_published_checkpoints(imuge, folder):
    first = imuge("registry", "checkpoint").stdout
    assert imuge("immunize", "plain.png", "-o", "two.png", "--registry").exit_code == 0
    second = imuge("registry", "checkpoint").stdout
    (folder / "checkpoints.txt").write_text(first + second)
    done = imuge("registry", "audit", "checkpoints.txt")
    assert done.exit_code == 0
    assert done.stdout.startswith("2 records, 0 withdrawn, 4 checkpoints")
    (folder / "checkpoints.txt").write_text(first.replace("\n1\n", "\n2\n"))
    bad = imuge("registry", "audit", "checkpoints.txt")
    assert bad.exit_code == FAILED
    assert "does not hold" in bad.stderr
    (folder / "checkpoints.txt").write_text("no checkpoint\n")
    assert imuge("registry", "audit", "checkpoints.txt").exit_code == FAILED


def test_notes_in_one_file_are_told_apart():
    notes = ["a\n1\nr\n\n— a x\n", "a\n2\ns\n\n— a y\n"]
    assert split_notes("".join(notes)) == notes
    assert split_notes("\n".join(notes)) == notes
    with pytest.raises(RegistryError, match="signed checkpoints"):
        split_notes("a\n1\nr\n")


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_withdraw(imuge):
    assert imuge("registry", "withdraw", 0, "--note", "asked to").exit_code == 0
    assert imuge("registry", "withdraw", 0).exit_code == FAILED
    verdict = imuge("verify", "out.png", "--registry")
    assert verdict.exit_code == 0
    assert "withdrawn" in verdict.stderr
    assert imuge("registry", "audit").exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_verify_says_who_published(imuge):
    verdict = imuge("verify", "out.png", "--registry")
    assert "Published by The Example Times on " in verdict.stdout
    assert "bit for bit" in verdict.stdout
    found = json.loads(imuge("verify", "out.png", "--registry", "--json").stdout)["provenance"]
    assert (found["registry"], found["reference"], found["manifest"]) == ("found", "agrees", "none")
    assert json.loads(imuge("verify", "out.png", "--json").stdout)["provenance"] is None


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_the_report_shows_the_record_and_its_thumbnail(imuge, folder):
    assert imuge("verify", "out.png", "--registry", "--out", "report").exit_code == 0
    page = (folder / "report" / "out.report.html").read_text()
    assert "Who published it" in page
    assert "The Example Times" in page
    assert 'src="data:image/webp;base64,' in page


@pytest.mark.slow
def test_a_note_without_a_registry(imuge, folder):
    done = imuge("immunize", "plain.png", "-o", "out.png", "--receipt", "--publisher", "Me")
    assert done.exit_code == 0, done.stderr
    note = json.loads((folder / "out.png.receipt.json").read_text())
    assert (note["schema"], note["record"]["publisher"]) == ("imuge.sidecar/1", "Me")
    assert "log_index" not in note["record"]
    assert imuge("immunize", "plain.png", "-o", "-", "--receipt").exit_code == USAGE


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_an_earlier_receipt_is_in_the_way_before_any_work(imuge, folder):
    (folder / "new.png.receipt.json").write_text("{}")
    done = imuge("immunize", "plain.png", "-o", "new.png", "--registry")
    assert done.exit_code == FAILED
    assert not (folder / "new.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--c2pa-cert", "chain.pem"), "go together"),
        (("--c2pa-tsa", "http://t.example"), "give --c2pa-cert"),
        (("--thumbnail",), "give --registry"),
        (("--note", "x"), "give --registry or --receipt"),
    ],
)
def test_options_that_say_nothing_alone(imuge, options, words):
    done = imuge("immunize", "plain.png", "-o", "out.png", *options)
    assert done.exit_code == USAGE
    assert words in done.stderr


@pytest.mark.usefixtures("registry")
def test_signed_and_recorded(imuge):
    certificates = imuge("c2pa", "test-cert", "certificates", "--name", "The Example Times")
    assert certificates.exit_code == 0
    signing = ("--c2pa-cert", "certificates/chain.pem", "--c2pa-key", "certificates/leaf.key")
    done = imuge("immunize", "plain.png", "-o", "signed.png", "--registry", *signing)
    assert done.exit_code == 0, done.stderr
    assert "no time-stamp" in done.stderr
    assert "signed by The Example Times" in done.stderr
    trusted = imuge("verify", "signed.png", "--trust", "certificates/anchors.pem")
    assert "whom you trust" in trusted.stdout
    assert imuge("verify", "signed.png", "--trust", "nothing.pem").exit_code == USAGE
    assert imuge("c2pa", "test-cert", "certificates").exit_code == FAILED
