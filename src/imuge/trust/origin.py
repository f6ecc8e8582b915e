"""What Content Credentials and the registry say of a copy, and what that changes in its verdict.

    verdict ─┬─ manifest in the file ───────────┐
             ├─ record of the mark ─ manifest ──┼─► Provenance, warnings
             └─ record ─ reference grid ────────┴─► `tampered`, `foreign`

The five verdicts stay. The reference finds what the mark cannot; no verdict becomes milder by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from imuge import provenance
from imuge.errors import ConfigError
from imuge.image.leftovers import MANIFEST_DROPPED
from imuge.protection.verify import OnFrame, on_frame
from imuge.provenance import Credentials
from imuge.registry import perceptual_hash
from imuge.results import Provenance, Verdict, first_to_look_at
from imuge.trust.reference import Reference, compare_reference, regions_differing

if TYPE_CHECKING:
    from imuge.registry import Registry
    from imuge.registry.lookup import Match

FINDABLE = 50  # PDQ's quality from which it says something
AGAIN = (
    "The copy's protection agrees with it where the registry's record does not: it was protected "
    "again after the change, so what was there before cannot be recovered from it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is asked about a copy."""

    registry: "Registry | None" = None
    credentials: bool = False  # whether to read manifests; needs the extra [c2pa]
    anchors: bytes | None = field(default=None, repr=False)  # PEM certificates that are trusted


@dataclass(slots=True)
class _Found:
    """What was learned so far."""

    credentials: Credentials | None = None
    match: "Match | None" = None
    reference: Reference | None = None
    warnings: list[str] = field(default_factory=list)


def with_provenance(verdict: Verdict, data: bytes | None, sources: Sources) -> Verdict:
    """A verdict with what its sources say, under the rules for them.

    Args:
        verdict: As `Guard.verify` returns it, recovered or not.
        data: The copy's file; None for pixels that never were one.
        sources: Where to ask.

    Raises:
        RegistryError: the registry is out of reach.
        ProvenanceError: the anchors are no certificates.
        ConfigError: an extra's library is missing.
    """
    found = _Found()
    copy = on_frame(verdict)
    if sources.credentials and data is not None:
        found.credentials = provenance.read(data, sources.anchors)
    if sources.registry is not None:
        _ask(sources.registry, verdict, copy, found)
        _recover_manifest(sources, data, found)
    _warn(sources, verdict, found)
    judged = verdict
    if found.reference is not None and copy is not None:
        judged = _judged(verdict, found.reference, copy)
    warnings = judged.warnings
    if found.credentials is not None and found.credentials.manifest != "none":
        warnings = tuple(warning for warning in warnings if warning != MANIFEST_DROPPED)
    return replace(
        judged,
        provenance=_provenance(sources, verdict, found),
        warnings=warnings + tuple(found.warnings),
    )


def _ask(registry: "Registry", verdict: Verdict, copy: OnFrame | None, found: _Found) -> None:
    """Find the record of a copy: by its mark, else by its bytes; likeness only gives a hint."""
    if verdict.key_id is not None and verdict.image_id is not None:
        found.match = registry.find_mark(verdict.key_id, verdict.image_id)
    if found.match is None and verdict.input_sha256 is not None:
        files = registry.find_file(verdict.input_sha256)
        found.match = next((match for match in files if match.by == "file"), None)
    if found.match is None:
        _hint(registry, verdict, found)
        return
    evidence = registry.evidence(found.match.record.log_index)
    by_mark = found.match.by == "mark"
    if evidence is not None and copy is not None and by_mark:
        found.reference = compare_reference(evidence.grid, copy)


def _hint(registry: "Registry", verdict: Verdict, found: _Found) -> None:
    pdq, quality = perceptual_hash(verdict.image)
    if quality < FINDABLE:
        return
    for match in registry.find_alike(pdq, limit=1):
        found.warnings.append(
            f"Record {match.record.log_index} of {match.record.created_at} looks like this picture "
            f"({match.distance} of 256 bits differ). Likeness is no proof of anything: compare it "
            "by eye."
        )


def _recover_manifest(sources: Sources, data: bytes | None, found: _Found) -> None:
    """Take the manifest from the record where the copy has none."""
    bare = found.credentials is not None and found.credentials.manifest == "none"
    if sources.registry is None or found.match is None or data is None or not bare:
        return
    manifest = sources.registry.manifest(found.match.record.log_index)
    if manifest is not None:
        found.credentials = provenance.recover(manifest.store, data, sources.anchors)


def _warn(sources: Sources, verdict: Verdict, found: _Found) -> None:
    credentials, match = found.credentials, found.match
    if (
        credentials is not None
        and credentials.manifest in ("trusted", "valid", "recovered")
        and credentials.agrees_with(verdict.key_id, verdict.image_id) is False
    ):
        assert credentials.mark is not None
        found.warnings.append(
            f"The Content Credentials name the mark {credentials.mark.key_id} "
            f"{credentials.mark.image_id}, and the pixels carry {verdict.key_id} "
            f"{verdict.image_id}: manifest and pixels come from different pictures."
        )
    if sources.registry is None:
        return
    if match is None and verdict.image_id is not None:
        found.warnings.append(
            f"The registry {sources.registry.verifier.name} has no record of this mark: the "
            "picture was protected with the key, and not published through this registry."
        )
    if match is not None and match.withdrawn is not None:
        found.warnings.append(
            f"Its record was withdrawn on {match.withdrawn.created_at}"
            + (f": {match.withdrawn.note}." if match.withdrawn.note else ".")
        )


def _judged(verdict: Verdict, reference: Reference, copy: OnFrame) -> Verdict:
    """The verdict as the reference changes it."""
    if verdict.verdict not in ("intact", "tampered") or reference.agrees:
        return verdict
    if reference.is_another:
        return replace(
            verdict,
            verdict="foreign",
            sentence=f"The protection with key {verdict.key_name} in this picture belongs to "
            "another picture: nearly all of it differs from what the registry recorded.",
            tampered_area=0.0,
            regions=(),
            mask=np.zeros_like(verdict.mask),
            lost_mask=None,
            recovered=None,
        )
    mask, regions = regions_differing(reference, copy, verdict.mask)
    if not regions:
        return verdict
    everywhere = first_to_look_at((*verdict.regions, *regions))
    area = sum(region.area for region in everywhere if region.counts)
    count = "1 region" if len(regions) == 1 else f"{len(regions)} regions"
    share = sum(region.area for region in regions)
    said = (
        f"{count} ({share:.1%} of the picture) differ{'s' * (len(regions) == 1)} from what the "
        "registry recorded at publication, and was protected again."
    )
    return replace(
        verdict,
        verdict="tampered",
        sentence=said if verdict.verdict == "intact" else f"{verdict.sentence} {said}",
        tampered_area=area,
        regions=everywhere,
        mask=verdict.mask | mask,
        warnings=(*verdict.warnings, AGAIN),
    )


def _provenance(sources: Sources, verdict: Verdict, found: _Found) -> Provenance:
    credentials, match, reference = found.credentials, found.match, found.reference
    record = None if match is None else match.record
    agrees = None
    if credentials is not None:
        agrees = credentials.agrees_with(verdict.key_id, verdict.image_id)
    same = None if record is None else record.sha256_published == verdict.input_sha256
    made = Provenance(
        manifest="not asked" if credentials is None else credentials.manifest,
        signer=None if credentials is None else credentials.signer,
        signed_at=None if credentials is None else credentials.signed_at,
        bindings_agree=agrees,
        registry="not asked"
        if sources.registry is None
        else ("not found" if match is None else "found"),
        registry_name=None if sources.registry is None else sources.registry.verifier.name,
        record=None if record is None else record.to_dict(),
        withdrawn=match.withdrawn.created_at if match and match.withdrawn else None,
        same_file=same,
        reference="not comparable"
        if reference is None
        else ("agrees" if reference.agrees else "differs"),
        reference_difference=None if reference is None else round(reference.maximum, 2),
        thumbnail=match.thumbnail if match else None,
    )
    return replace(made, sentences=tuple(_sentences(made, credentials)))


def _sentences(made: Provenance, credentials: Credentials | None) -> Sequence[str]:
    said = []
    if made.record is not None:
        publisher = made.record["publisher"]
        who = f"Published by {publisher}" if publisher else "Published"
        said.append(
            f"{who} on {made.record['created_at']}: record {made.record['log_index']} of "
            f"{made.registry_name}."
        )
        if made.same_file:
            said.append("This file is the one recorded, bit for bit.")
        elif made.reference == "agrees":
            said.append(
                "It shows the same as the record, as far as averages over 64x64 cells tell."
            )
        elif made.reference == "differs":
            said.append("It does not show the same as the record.")
        else:
            said.append("It could not be compared with the record.")
    elif made.registry == "not found":
        said.append(f"The registry {made.registry_name} has no record of it.")
    if credentials is not None:
        sentence = credentials.sentence
        said.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return said


def credentials_readable() -> bool:
    """Whether manifests can be read here; without the extra [c2pa] they are left out."""
    try:
        return callable(provenance.read)
    except ConfigError:
        return False
