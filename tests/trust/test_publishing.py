"""Publishing: what goes out is signed and recorded, and nothing else goes out."""

import hashlib

import numpy as np
import pytest
from trust_samples import decoded, encoded, published

from imuge.errors import ImageError, ProvenanceError, TakenError
from imuge.image import load
from imuge.protection.verify import on_frame
from imuge.provenance import read
from imuge.registry import gather_evidence
from imuge.trust import publishing
from imuge.trust.publishing import Terms, publish


def test_the_record_is_of_the_bytes_that_go_out(draft, lasting, photograph, guard, anchors):
    (match,) = lasting.find_file(hashlib.sha256(draft.file).hexdigest())
    record = match.record
    assert (record.publisher, record.format, record.width, record.height) == (
        "The Example Times",
        "PNG",
        256,
        256,
    )
    assert record.sha256_original == hashlib.sha256(encoded(photograph)).hexdigest()
    assert (record.key_id, record.image_id) == (draft.made.key_id, draft.made.image_id)
    verdict = guard.verify(draft.file, recover=False)
    assert (verdict.verdict, verdict.image_id) == ("intact", record.image_id)
    assert record.frame_side == max(verdict.geometry.frame)
    credentials = read(draft.file, anchors)
    assert credentials.manifest == "trusted"
    assert credentials.manifest_id == record.manifest_id
    assert credentials.agrees_with(record.key_id, record.image_id)


def test_the_evidence_is_of_the_frame_as_published(draft, lasting, guard):
    kept = lasting.evidence(0)
    verdict = guard.verify(draft.file, recover=False)
    again = gather_evidence(verdict.image, on_frame(verdict).pixels, thumbnail=True)
    assert (again.pdq, again.thumbnail) == (kept.pdq, kept.thumbnail)
    one, two = (np.frombuffer(e.grid, np.uint8).astype(int) for e in (kept, again))
    assert np.abs(one - two).max() <= 1


@pytest.mark.slow
def test_a_taken_id_is_drawn_again(guard, photograph):
    data, tried = encoded(photograph[:128, :160]), []

    def keep(draft):
        tried.append(draft.picture.image_id)
        if len(tried) < 3:
            raise TakenError("taken")
        return "kept"

    assert published(guard, Terms(), data, keep)[1] == "kept"
    assert len(set(tried)) == 3


def test_after_three_taken_ids_it_gives_up(monkeypatch, draft):
    calls = []
    monkeypatch.setattr(publishing, "_draft", lambda *_: calls.append(1) or draft)

    def keep(_):
        raise TakenError("taken")

    with pytest.raises(TakenError):
        publish(load(draft.file), draft.file, lambda: draft.made, Terms(), keep)
    assert len(calls) == 3


@pytest.mark.slow
def test_a_second_publication_of_one_original_is_pointed_out(guard, photograph, registry):
    data = encoded(photograph[:128, :160])
    terms = Terms(registry=registry)
    assert published(guard, terms, data)[0].warnings == ()
    (warning,) = published(guard, terms, data)[0].warnings
    assert "published before, as record 0" in warning


@pytest.mark.slow
def test_a_signature_that_changes_the_picture_is_refused(
    monkeypatch, guard, photograph, other_photograph, signer
):
    data = encoded(photograph[:128, :160])
    real = publishing.provenance.sign

    def spoiling(file, *arguments, **options):
        other = decoded(file)
        other[:64, :64] = other_photograph[:64, :64]
        return real(encoded(other), *arguments, **options)

    monkeypatch.setattr(publishing.provenance, "sign", spoiling, raising=False)
    kept = []
    with pytest.raises(ProvenanceError, match="signing changed the picture"):
        published(guard, Terms(signer=signer), data, kept.append)
    assert kept == []


def test_what_cannot_be_immunized_is_not_recorded(guard, photograph, registry):
    terms = Terms(registry=registry)
    with pytest.raises(ImageError):
        publish(
            load(encoded(photograph)),
            encoded(photograph),
            lambda: guard.immunize(b"no picture"),
            terms,
            lambda draft: registry.publish(draft.picture),
        )
    assert registry.show().size == 0
