"""Signed notes as other tools write and read them, and the file of the registry's key."""

import pytest

from imuge.errors import KeyFileError, ReceiptError
from imuge.registry.notes import Checkpoint, SigningKey, VerifierKey, read_signing_key

# The example of Go's golang.org/x/mod/sumdb/note: another implementation's note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
KEY = SigningKey.new("registry.example.org/tests")


def test_a_note_of_another_implementation_is_read():
    key = VerifierKey.parse(GO_KEY)
    assert str(key) == GO_KEY
    assert key.text(GO_NOTE) == GO_TEXT
    with pytest.raises(ReceiptError, match="not signed by PeterNeumann"):
        key.text(GO_NOTE.replace("answer", "question"))


def test_a_checkpoint_comes_back():
    checkpoint = Checkpoint(KEY.name, 1042, bytes(range(32)))
    note = KEY.sign(checkpoint.text)
    assert KEY.verifier.checkpoint(note) == checkpoint
    assert note.split("\n")[:2] == ["registry.example.org/tests", "1042"]


@pytest.mark.parametrize(
    "text",
    [
        "another.example.org\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        f"{KEY.name}\n03\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        f"{KEY.name}\n3\nAAAA\n",
        f"{KEY.name}\nimuge.answer/1\n",
    ],
)
def test_what_is_signed_but_no_checkpoint_is_refused(text):
    with pytest.raises(ReceiptError, match="not a checkpoint"):
        KEY.verifier.checkpoint(KEY.sign(text))


@pytest.mark.parametrize("change", ["", "\n", KEY.name, "— " + KEY.name + " AAAA\n"])
def test_what_is_not_signed_is_refused(change):
    with pytest.raises(ReceiptError, match="not signed"):
        KEY.verifier.text(f"text\n\n{change}")
    other = SigningKey.new(KEY.name)
    with pytest.raises(ReceiptError, match="not signed"):
        KEY.verifier.text(other.sign("text\n"))


@pytest.mark.parametrize("line", ["", "a+b+c", GO_KEY[:-4], GO_KEY.replace("c74f", "c74e")])
def test_broken_verifier_keys_are_refused(line):
    with pytest.raises(ReceiptError, match=r"NAME\+HASH\+KEY"):
        VerifierKey.parse(line)


def test_the_key_file_is_private_and_comes_back(tmp_path):
    path = tmp_path / "registry.key"
    KEY.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_signing_key(path) == KEY
    assert KEY.secret.hex() not in repr(KEY)
    with pytest.raises(KeyFileError, match="exists and is not replaced"):
        SigningKey.new("x").write(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_signing_key(path)


@pytest.mark.parametrize("content", ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+b+c", GO_KEY, "\xff"])
def test_a_broken_key_file_is_refused_and_not_shown(tmp_path, content):
    path = tmp_path / "registry.key"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not a registry's key"):
        read_signing_key(path)
    with pytest.raises(KeyFileError, match="there is no registry key"):
        read_signing_key(tmp_path / "missing")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "ü", "x" * 65])
def test_names_that_do_not_fit_a_note_are_refused(name):
    with pytest.raises(ReceiptError, match="registry name"):
        SigningKey.new(name)
