"""Receipts: small, checked offline, and refused when anything in them was changed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_samples import picture

from imuge.errors import ReceiptError, RegistryError
from imuge.registry import Receipt, merkle, sidecar, verify_receipt
from imuge.registry.notes import Checkpoint, SigningKey
from imuge.registry.records import Manifest

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"
KEY = SigningKey.new("registry.example.org/pictures")


def receipt_in_a_log(size, index, **changes):
    """A receipt for one picture, all other leaves of the log being fillers."""
    record = picture(index, data=b"file", **changes).record(
        log_index=index, created_at="2026-11-26T09:57:21Z", salt=bytes(32)
    )
    tree = {}
    for number in range(size):
        leaf = record.leaf if number == index else merkle.leaf_hash(b"%d" % number)
        tree.update(merkle.completed(number, leaf, lambda *place: tree[place]))

    def fetch(*place):
        return tree[place]

    proof = tuple(merkle.inclusion(index, size, fetch))
    note = KEY.sign(Checkpoint(KEY.name, size, merkle.root(size, fetch)).text)
    return Receipt(record=record, proof=proof, checkpoint=note)


RECEIPT = receipt_in_a_log(11, 6)
TEXT = RECEIPT.to_json()


def test_a_receipt_comes_back_and_holds():
    assert Receipt.parse(TEXT) == RECEIPT
    checked = verify_receipt(Receipt.parse(TEXT), KEY.verifier, file=b"file")
    assert (checked.record, checked.checkpoint.size) == (RECEIPT.record, 11)
    assert checked.file_agrees is True
    assert verify_receipt(RECEIPT, KEY.verifier).file_agrees is None


def test_another_file_is_refused():
    with pytest.raises(ReceiptError, match="holds, but for another file"):
        verify_receipt(RECEIPT, KEY.verifier, file=b"another")


def test_another_registrys_key_is_refused():
    with pytest.raises(ReceiptError, match="not signed by"):
        verify_receipt(RECEIPT, SigningKey.new(KEY.name).verifier)


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_says_the_same(at, change):
    changed = bytearray(TEXT)
    changed[at] ^= change
    try:
        receipt = Receipt.parse(bytes(changed))
        verify_receipt(receipt, KEY.verifier)
    except ReceiptError:
        return
    assert receipt.record == RECEIPT.record


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("publisher", "Somebody else"),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("sha256_published", "0" * 64),
        ("log_index", 5),
        ("replaces", 3),
        ("width", "1920"),
    ],
)
def test_a_changed_field_is_refused(field, value):
    changed = json.loads(TEXT)
    changed["record"][field] = value
    with pytest.raises(ReceiptError, match="altered"):
        verify_receipt(Receipt.parse(json.dumps(changed).encode()), KEY.verifier)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_00,
        TEXT.replace(b"receipt/1", b"receipt/2"),
        TEXT.replace(b'"width":1920', b'"width":1920.0'),
        TEXT.replace(b'"width":1920', b'"width":true'),
        TEXT.replace(b'"width"', b'"surprise"'),
        TEXT.replace(b'"proof"', b'"proofs"'),
        TEXT.replace(b'"log_index":6', b'"log_index":"6"'),
        TEXT.replace(b'"log_index":6', b'"log_index":null'),
        TEXT.replace(b'"log_index":6,', b""),
    ],
)
def test_what_is_no_receipt_is_refused(text):
    with pytest.raises(ReceiptError, match=r"not a receipt|altered"):
        verify_receipt(Receipt.parse(text), KEY.verifier)


def test_a_giant_file_is_refused():
    with pytest.raises(ReceiptError, match="bytes long"):
        Receipt.parse(b" " * 20_000)


def test_a_receipt_from_a_large_log_with_all_fields_full_is_below_2_kb():
    longest = receipt_in_a_log(
        10_000,
        4_321,
        publisher="x" * 80,
        note="ü" * 60,
        model="m" * 64,
        format="JPEG",
        manifest=Manifest(manifest_id="urn:c2pa:" + "0" * 36, store=b""),
        replaces=4_320,
    )
    assert len(longest.proof) == 14
    assert len(longest.to_json()) < 2048


def test_the_pages_twenty_lines_check_a_receipt_with_cryptography_alone(tmp_path):
    (script,) = re.findall(r"```python\n(# check_receipt\.py.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for line in script.splitlines() if line.strip() and line[0] != "#"]
    assert len(lines) <= 20
    assert "imuge" not in script.replace("imuge.receipt", "")
    program = tmp_path / "check_receipt.py"
    program.write_text(script)
    (tmp_path / "photo.jpg").write_bytes(b"file")

    def run(text, key=KEY.verifier, name="photo.jpg"):
        (tmp_path / "receipt.json").write_bytes(text)
        command = [sys.executable, "-I", program, "receipt.json", str(key), name]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run(TEXT)
    assert (good.returncode, good.stderr) == (0, "")
    assert "The Example Times" in good.stdout
    assert "no. 6 of 11" in good.stdout
    (tmp_path / "other.jpg").write_bytes(b"other")
    bad = [
        run(TEXT.replace(b"Example", b"Exemple")),
        run(TEXT.replace(RECEIPT.checkpoint.split("\n")[2].encode(), b"A" * 43 + b"=")),
        run(TEXT, SigningKey.new(KEY.name).verifier),
        run(TEXT, name="other.jpg"),
    ]
    assert [result.returncode != 0 for result in bad] == [True] * 4
    for size in range(1, 12):
        for index in range(size):
            if size in (1, 2, 7, 11):
                text = receipt_in_a_log(size, index).to_json()
                assert run(text).returncode == 0, (size, index)
                break


def test_a_sidecar_says_the_same_and_claims_no_place_in_a_log():
    said = json.loads(sidecar(picture(0), "2026-11-26T09:57:21Z"))
    assert said["schema"] == "imuge.sidecar/1"
    assert said["record"]["sha256_published"] == picture(0).sha256_published
    assert not {"log_index", "evidence"} & said["record"].keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"key_id": "x"},
        {"image_id": "0" * 9},
        {"sha256_original": "G" * 64},
        {"publisher": "x" * 81},
        {"note": "two\nlines"},
        {"note": "\0"},
        {"note": "\ud800"},
        {"manifest": Manifest(manifest_id="x" * 129, store=b"")},
    ],
)
def test_pictures_that_cannot_be_recorded_are_refused(changes):
    with pytest.raises(RegistryError, match="expected"):
        picture(0, **changes)
