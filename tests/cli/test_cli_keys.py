"""`imuge keys`, and that no command ever shows a key."""

import base64
import stat

import pytest

from imuge.cli.terminal import FAILED, USAGE
from imuge.keys import find_key, key_folder, new_key, read_key, store_key


def test_a_new_key_is_stored_and_listed(imuge):
    made = imuge("keys", "new", "work")
    assert made.exit_code == 0
    key = find_key("work")
    assert made.stdout == f"work  {key.key_id}  {key_folder() / 'work.key'}\n"
    assert "loses every later verification" in made.stderr
    assert imuge("keys", "list").stdout == f"work  {key.key_id}  full\n"


def test_a_key_is_not_replaced_unless_asked(imuge):
    first = new_key("work")
    store_key(first)
    result = imuge("keys", "new", "work")
    assert result.exit_code == FAILED
    assert "there is a key work already" in result.stderr
    assert find_key("work").key_id == first.key_id
    assert imuge("keys", "new", "work", "--overwrite").exit_code == 0
    assert find_key("work").key_id != first.key_id


def test_a_name_that_is_a_path_is_refused(imuge):
    result = imuge("keys", "new", "../work")
    assert result.exit_code == FAILED
    assert "cannot name a key" in result.stderr


def test_listing_nothing_says_how_to_begin(imuge):
    result = imuge("keys", "list")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "imuge keys new NAME" in result.stderr


def test_broken_files_are_named_and_do_not_hide_the_good_ones(imuge, held):
    (key_folder() / "cut.key").write_text("{")
    open_to_all = key_folder() / "open.key"
    open_to_all.write_bytes(held.read_bytes())
    open_to_all.chmod(0o644)
    result = imuge("keys", "list")
    assert result.exit_code == FAILED
    assert result.stdout == f"default  {find_key().key_id}  full\n"
    assert "cut.key" in result.stderr
    assert "chmod 600" in result.stderr


def test_export_copies_a_key_for_its_owner_alone(folder, imuge, held):
    assert imuge("keys", "export", "default", "-o", "copy.key").exit_code == 0
    assert (folder / "copy.key").read_bytes() == held.read_bytes()
    assert stat.S_IMODE((folder / "copy.key").stat().st_mode) == 0o600
    again = imuge("keys", "export", "default", "-o", "copy.key")
    assert again.exit_code == FAILED
    assert "use --overwrite" in again.stderr


@pytest.mark.usefixtures("held")
def test_a_verify_only_key_comes_with_a_warning_and_cannot_immunize(folder, imuge):
    result = imuge("keys", "export", "default", "--verify-only", "-o", "given.key")
    assert result.exit_code == 0
    assert "forge" in result.stderr
    assert not read_key(folder / "given.key").can_recover
    refused = imuge("immunize", "plain.png", "--key", "given.key")
    assert refused.exit_code == FAILED
    assert "verify-only and cannot immunize" in refused.stderr


@pytest.mark.usefixtures("held")
def test_a_key_never_goes_to_standard_output(folder, imuge):
    result = imuge("keys", "export", "default", "-o", "-")
    assert result.exit_code == USAGE
    assert result.stdout == ""
    assert not (folder / "-").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    "arguments",
    [
        ["immunize", "plain.png", "-o", "made.png"],
        ["verify", "tampered.png", "--json", "--out", "report"],
        ["keys", "list"],
        ["keys", "export", "default", "--verify-only", "-o", "given.key"],
    ],
)
def test_no_output_shows_a_key(folder, imuge, key, arguments):
    result = imuge(*arguments)
    secrets = [key.secret, *key.roots.values()]
    forms = [form for s in secrets for form in (s, s.hex().encode(), base64.b64encode(s))]
    written = [p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".key"]
    for text in [result.output_bytes, *written]:
        assert not any(form in text for form in forms)
