"""A copy's manifest becomes one of five words, and the registry's manifest counts for a copy."""

import io

import c2pa
import pytest
from provenance_samples import MARK, decoded, encoded

from imuge.errors import ProvenanceError
from imuge.provenance import make_test_certificates, read, recover, sign
from imuge.provenance.native import settings


@pytest.fixture(scope="module")
def signed(jpeg, signer):
    return sign(jpeg, jpeg, MARK, signer)


def test_states_of_a_manifest(jpeg, signed, anchors, tmp_path):
    others = make_test_certificates(tmp_path)[0].read_bytes()
    assert read(jpeg, anchors).manifest == "none"
    trusted = read(signed.file, anchors)
    assert (trusted.manifest, trusted.anchored) == ("trusted", True)
    assert (trusted.signer, trusted.mark) == ("The Example Times", MARK)
    assert "The Example Times, whom you trust" in trusted.sentence
    for nobody in (None, others):
        valid = read(signed.file, nobody)
        assert (valid.manifest, valid.anchored) == ("valid", False)
        assert "not among the anchors" in valid.sentence


def test_one_changed_byte_of_the_picture_makes_it_invalid(signed, anchors):
    changed = bytearray(signed.file)
    changed[-200] ^= 1
    found = read(bytes(changed), anchors)
    assert found.manifest == "invalid"
    assert "assertion.dataHash.mismatch" in found.problems


def test_a_changed_claim_names_no_signer(signed, anchors):
    found = read(signed.file.replace(b"0123abcd", b"0123abce"), anchors)
    assert found.manifest == "invalid"
    assert "assertion.hashedURI.mismatch" in found.problems


def test_a_stripped_copy_gets_its_manifest_back(signed, anchors):
    copy = encoded(decoded(signed.file).resize((200, 200)), "JPEG", quality=70)
    assert read(copy, anchors).manifest == "none"
    found = recover(signed.store, copy, anchors)
    assert (found.manifest, found.anchored, found.mark) == ("recovered", True, MARK)
    assert "the bytes differ from those signed, as expected" in found.sentence
    assert recover(signed.store, copy).anchored is False
    assert recover(signed.store, encoded(decoded(copy), "PNG"), anchors).manifest == "recovered"


def test_a_kept_manifest_that_was_changed_does_not_count(signed, anchors):
    copy = encoded(decoded(signed.file), "JPEG", quality=70)
    forged = signed.store.replace(b"0123abcd", b"0123abce")
    assert forged != signed.store
    assert recover(forged, copy, anchors).manifest == "invalid"
    assert recover(signed.store[:1000], copy, anchors).manifest == "invalid"
    assert recover(b"", copy, anchors).manifest == "invalid"


def test_bindings_are_compared_with_what_the_pixels_say(signed, anchors):
    found = read(signed.file, anchors)
    assert found.agrees_with(MARK.key_id, MARK.image_id) is True
    assert found.agrees_with(MARK.key_id, "0" * 12) is False
    assert found.agrees_with(None, None) is None


def test_a_later_editors_manifest_leads_to_ours(signed, photograph, signer, anchors):
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.chain, signer.key, None)
    actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["p"]}}]
    manifest = {
        "claim_version": 2,
        "claim_generator_info": [{"name": "editor"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    out = io.BytesIO()
    with (
        settings() as context,
        c2pa.Signer.from_info(info) as signing,
        c2pa.Builder(manifest, context=context) as builder,
    ):
        parent = {"title": "p", "relationship": "parentOf", "label": "p"}
        builder.add_ingredient(parent, "image/jpeg", io.BytesIO(signed.file))
        source = io.BytesIO(encoded(photograph, "JPEG"))
        builder.sign(signing, "image/jpeg", source, out)
    assert read(out.getvalue(), anchors).mark == MARK


def test_anchors_that_are_none_are_refused(signed):
    with pytest.raises(ProvenanceError, match="anchors are no PEM"):
        read(signed.file, b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPC2PA", b"\x89PNG\r\n"])
def test_broken_files_have_no_credentials(data):
    assert read(data).manifest in {"none", "invalid"}
