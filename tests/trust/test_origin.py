"""The verdict's rules: what registry and Content Credentials say, and what that changes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from trust_samples import decoded, encoded, published

from imuge.guard import Guard
from imuge.keys import verify_only
from imuge.provenance import Mark, sign
from imuge.trust import origin
from imuge.trust.origin import Sources, with_provenance
from imuge.trust.publishing import Terms


@pytest.fixture
def judged(guard, sources):
    def verdict(copy, **changes):
        return with_provenance(guard.verify(copy, recover=False), copy, replace(sources, **changes))

    return verdict


def jpeg(pixels):
    return encoded(pixels, "JPEG", quality=75)


@pytest.fixture
def edited(draft):
    """A copy whose edit its mark does not show: the verdict is made to say so."""
    pixels = decoded(draft.file)
    pixels[64:112, 96:160] = 255 - pixels[64:112, 96:160]
    return encoded(pixels)


def blind(verdict):
    """As if the mark agreed everywhere, as it does where it was embedded again."""
    shown = verdict.evidence.shown
    nothing = np.zeros_like(shown.labels)
    bare = replace(shown, regions=(), mask=nothing > 0, labels=nothing)
    return replace(
        verdict,
        verdict="intact",
        sentence="Intact.",
        regions=(),
        tampered_area=0.0,
        mask=np.zeros_like(verdict.mask),
        recovered=None,
        evidence=replace(verdict.evidence, shown=bare),
    )


@pytest.mark.slow
def test_the_file_itself(judged, draft):
    verdict = judged(draft.file)
    found = verdict.provenance
    assert verdict.verdict == "intact"
    assert (found.registry, found.manifest, found.reference) == ("found", "trusted", "agrees")
    assert (found.same_file, found.bindings_agree) == (True, True)
    assert found.record["publisher"] == found.signer == "The Example Times"
    assert found.thumbnail.startswith(b"RIFF")
    assert "bit for bit" in " ".join(found.sentences)
    assert not any("C2PA manifest is dropped" in warning for warning in verdict.warnings)


def test_a_stripped_copy_gets_its_manifest_back(judged, draft):
    found = judged(jpeg(decoded(draft.file))).provenance
    assert (found.manifest, found.bindings_agree, found.same_file) == ("recovered", True, False)
    assert "same as the record, as far as" in " ".join(found.sentences)
    assert found.signer == "The Example Times"


@pytest.mark.slow
def test_without_sources_nothing_is_asked(judged, draft):
    found = judged(draft.file, registry=None).provenance
    assert (found.registry, found.record, found.reference) == ("not asked", None, "not comparable")
    assert found.manifest == "trusted"
    found = judged(draft.file, credentials=False).provenance
    assert (found.manifest, found.signer) == ("not asked", None)


def test_the_record_is_json_without_the_thumbnail(judged, draft):
    found = json.loads(judged(draft.file).to_json())["provenance"]
    assert found["record"]["log_index"] == 0
    assert "thumbnail" not in found


@pytest.mark.slow
def test_protected_again_over_an_edit_is_tampered(guard, sources, edited):
    alone = blind(guard.verify(edited, recover=False))
    verdict = with_provenance(alone, edited, sources)
    assert verdict.verdict == "tampered"
    assert verdict.exit_status == 10
    assert verdict.regions[0].found_by == "reference"
    assert verdict.mask[70:106, 102:154].mean() > 0.85
    assert verdict.mask.mean() < 0.15
    assert "protected again" in verdict.sentence
    assert origin.AGAIN in verdict.warnings
    assert guard.recover(verdict).recovered is None


@pytest.mark.slow
def test_what_the_mark_shows_stays_as_it_was(guard, sources, edited):
    alone = guard.verify(edited, recover=False)
    assert alone.verdict == "tampered"
    verdict = with_provenance(alone, edited, sources)
    assert verdict.regions == alone.regions
    assert verdict.sentence == alone.sentence
    assert verdict.provenance.reference == "differs"


def test_another_picture_under_this_mark_is_foreign_to_a_verify_only_key_too(
    draft, sources, key, other_photograph, guard, monkeypatch
):
    reader = Guard(verify_only(key), engine=guard.engine)
    alone = reader.verify(draft.file, recover=False)
    real = origin.on_frame

    def moved(verdict):
        return replace(
            real(verdict),
            pixels=other_photograph[
                : real(verdict).pixels.shape[0], : real(verdict).pixels.shape[1]
            ],
        )

    monkeypatch.setattr(origin, "on_frame", moved)
    verdict = with_provenance(alone, draft.file, sources)
    assert (alone.verdict, verdict.verdict) == ("intact", "foreign")
    assert verdict.regions == ()
    assert "belongs to another picture" in verdict.sentence


def test_a_manifest_that_names_another_mark_is_pointed_out(guard, draft, signer, sources):
    mark = Mark(key_id="00000000", image_id="0" * 12, model="lab.r5")
    bare = encoded(decoded(draft.file))
    other = sign(bare, bare, mark, signer).file
    verdict = with_provenance(guard.verify(other, recover=False), other, sources)
    assert verdict.provenance.bindings_agree is False
    assert any("manifest and pixels come from different" in w for w in verdict.warnings)


def test_a_mark_without_a_record_is_pointed_out(guard, immunized, sources):
    data = encoded(immunized.image)
    verdict = with_provenance(guard.verify(data, recover=False), data, sources)
    assert verdict.verdict == "intact"
    assert verdict.provenance.registry == "not found"
    assert any("no record of this mark" in warning for warning in verdict.warnings)


@pytest.mark.slow
def test_likeness_is_a_hint_and_never_a_record(guard, photograph, sources):
    data = jpeg(photograph)
    verdict = with_provenance(guard.verify(data, recover=False), data, sources)
    assert verdict.verdict == "unprotected"
    assert (verdict.provenance.registry, verdict.provenance.record) == ("not found", None)
    assert any("Likeness is no proof" in warning for warning in verdict.warnings)


@pytest.mark.slow
def test_a_withdrawn_record_says_so_and_shows_nothing(guard, photograph, registry):
    data = encoded(photograph[:128, :160])
    draft, _ = published(guard, Terms(registry=registry, thumbnail=True), data)
    registry.withdraw(0, note="asked to")
    verdict = with_provenance(
        guard.verify(draft.file, recover=False), draft.file, Sources(registry=registry)
    )
    found = verdict.provenance
    assert (found.registry, found.reference, found.thumbnail) == ("found", "not comparable", None)
    assert found.withdrawn is not None
    assert any("withdrawn" in w and "asked to" in w for w in verdict.warnings)


@pytest.mark.slow
def test_two_keys_that_read_are_pointed_out(guard, immunized):
    (own,) = guard.keys
    twin = replace(own, key_id="00000000", name="twin")  # reads whatever `own` reads
    both = Guard([own, twin], engine=guard.engine)
    verdict = both.verify(immunized.image, recover=False)
    assert any("another key reads, too" in warning for warning in verdict.warnings)
    copy = Guard([own, verify_only(own)], engine=guard.engine)
    verdict = copy.verify(immunized.image, recover=False)
    assert not any("another key" in warning for warning in verdict.warnings)


def test_credentials_are_left_out_where_the_extra_is_missing(monkeypatch):
    assert origin.credentials_readable()

    class Bare:
        def __getattr__(self, name):
            raise origin.ConfigError(name)

    monkeypatch.setattr(origin, "provenance", Bare())
    assert not origin.credentials_readable()
