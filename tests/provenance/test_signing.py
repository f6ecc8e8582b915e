"""Content Credentials go into every format, and the library's own reader finds them sound."""

import io
import json

import c2pa
import numpy as np
import pytest
from provenance_samples import MARK, decoded, encoded

from imuge.errors import ProvenanceError, UnsupportedError
from imuge.provenance import Mark, load_signer, make_test_certificates, read, sign
from imuge.provenance.native import MEDIA_TYPES, settings


def manifest_store(data, anchors, media):
    with settings(anchors) as context, c2pa.Reader(media, io.BytesIO(data), context=context) as it:
        return json.loads(it.json())


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_every_format_is_signed_and_read_by_the_librarys_own_reader(
    kind, photograph, signer, anchors
):
    file = encoded(photograph, kind)
    signed = sign(file, file, MARK, signer)
    found = manifest_store(signed.file, anchors, MEDIA_TYPES[kind])
    assert found["validation_state"] == "Trusted"
    assert found["validation_results"]["activeManifest"]["failure"] == []
    assert found["active_manifest"] == signed.manifest_id
    assert (signed.store and signed.store in signed.file) or kind in {"JPEG", "AVIF", "HEIF"}
    np.testing.assert_array_equal(decoded(signed.file), decoded(file))
    assert len(signed.file) - len(file) < 6000


def test_the_manifest_says_opened_then_watermarked_and_names_the_mark(jpeg, signer, anchors):
    signed = sign(jpeg, jpeg, MARK, signer)
    manifest = manifest_store(signed.file, anchors, "image/jpeg")["manifests"][signed.manifest_id]
    said = {item["label"]: item["data"] for item in manifest["assertions"]}
    actions = [action["action"] for action in said["c2pa.actions.v2"]["actions"]]
    assert actions == ["c2pa.opened", "c2pa.watermarked.unbound"]
    assert said["org.imuge.mark"] == {
        "key_id": MARK.key_id,
        "image_id": MARK.image_id,
        "model": MARK.model,
    }
    assert "c2pa.soft-binding" not in said
    assert "thumbnail" not in manifest
    assert [item["relationship"] for item in manifest["ingredients"]] == ["parentOf"]


def test_a_listed_algorithm_makes_a_soft_binding(jpeg, signer, anchors):
    signed = sign(jpeg, jpeg, MARK, signer, algorithm="org.example.mark.1")
    store = manifest_store(signed.file, anchors, "image/jpeg")
    assert store["validation_state"] == "Trusted"
    said = {a["label"]: a["data"] for a in store["manifests"][signed.manifest_id]["assertions"]}
    assert said["c2pa.actions.v2"]["actions"][1]["action"] == "c2pa.watermarked.bound"
    binding = said["c2pa.soft-binding"]
    assert (binding["alg"], binding["blocks"][0]["value"]) == ("org.example.mark.1", MARK.binding)


def test_a_cameras_manifest_is_kept_as_ingredient(jpeg, photograph, signer, anchors, tmp_path):
    camera = load_signer(*make_test_certificates(tmp_path, name="Camera Works")[1:])
    taken = sign(jpeg, jpeg, Mark(key_id="0" * 8, image_id="0" * 12, model="x"), camera)
    published = encoded(photograph, "PNG")
    signed = sign(published, taken.file, MARK, signer)
    store = manifest_store(signed.file, anchors, "image/png")
    (parent,) = store["manifests"][signed.manifest_id]["ingredients"]
    assert parent["active_manifest"] == taken.manifest_id
    assert store["manifests"][taken.manifest_id]["signature_info"]["issuer"] == "Camera Works"
    assert read(signed.file, anchors).manifest == "trusted"
    assert read(signed.file, anchors).mark == MARK


@pytest.mark.parametrize("metadata", ["no-gps", "none"])
def test_a_cameras_manifest_goes_with_the_metadata(metadata, jpeg, photograph, signer, anchors):
    taken = sign(jpeg, jpeg, Mark(key_id="0" * 8, image_id="0" * 12, model="Secret place"), signer)
    signed = sign(encoded(photograph, "JPEG"), taken.file, MARK, signer, metadata=metadata)
    store = manifest_store(signed.file, anchors, "image/jpeg")
    assert store["validation_state"] == "Trusted"
    assert list(store["manifests"]) == [signed.manifest_id]
    assert b"Secret place" in taken.file
    assert b"Secret place" not in signed.file


def test_a_picture_without_pixels_that_are_signed_is_refused(signer, jpeg):
    with pytest.raises(UnsupportedError):
        sign(b"GIF89a", jpeg, MARK, signer)


def test_the_wrong_key_never_makes_a_file(jpeg, signer, tmp_path):
    other = load_signer(*make_test_certificates(tmp_path)[1:])
    mixed = type(signer)(
        chain=signer.chain,
        key=other.key,
        algorithm=signer.algorithm,
        name=signer.name,
        expires=signer.expires,
        tsa=None,
    )
    with pytest.raises(ProvenanceError, match="could not be made"):
        sign(jpeg, jpeg, MARK, mixed)


def test_a_time_stamp_authority_that_is_away_is_said(jpeg, signer, certificates):
    away = load_signer(*certificates[1:], tsa="http://127.0.0.1:9/")
    with pytest.raises(ProvenanceError, match="could not be made"):
        sign(jpeg, jpeg, MARK, away)
    assert away.warning is None
    assert "no time-stamp" in signer.warning
