"""Read a copy's Content Credentials, and judge a manifest that the registry kept for it.

The library validates; here its findings become one of five words. No certificate is trusted that
was not given as an anchor, and nothing is fetched.
"""

import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import c2pa

from imuge.errors import ImageError, ProvenanceError
from imuge.image.sniff import identify
from imuge.provenance.claims import Mark, mark_in
from imuge.provenance.credentials import NONE, Credentials, ManifestState
from imuge.provenance.native import MEDIA_TYPES, plain_errors, settings

# What must fail when a manifest is held against a copy that was saved again.
_BYTES_DIFFER = {
    "assertion.dataHash.mismatch",
    "assertion.bmffHash.mismatch",
    "assertion.boxesHash.mismatch",
}
_UNTRUSTED = "signingCredential.untrusted"
_SIGNATURE_HOLDS = "claimSignature.validated"
_ANCHORED = "signingCredential.trusted"
_STATES: dict[str, ManifestState] = {"Valid": "valid", "Trusted": "trusted"}
_DEPTH = 16  # of ingredients: a chain longer than that is not read
_MAX_TEXT = 80


def read(data: bytes, anchors: bytes | None = None) -> Credentials:
    """Judge the manifest that a file carries.

    Args:
        data: The file.
        anchors: PEM certificates that are trusted; None for no one.

    Raises:
        ProvenanceError: the anchors are no certificates.
    """
    found = _judge(data, None, anchors)
    if found is None:
        return NONE
    who = f"signed by {found.signer}" if found.signer else "its signer is not named"
    sentences = {
        "trusted": f"the Content Credentials hold, {who}, whom you trust",
        "valid": f"the Content Credentials hold, {who}, who is not among the anchors you trust",
        "invalid": "the Content Credentials do not hold: the file or they were changed",
    }
    return replace(found, sentence=sentences[found.manifest])


def recover(store: bytes, data: bytes, anchors: bytes | None = None) -> Credentials:
    """Judge a manifest from the registry for a copy that lost its own.

    Args:
        store: The manifest store, as it was kept.
        data: The copy's file. Its bytes are expected to differ from those that were signed.
        anchors: PEM certificates that are trusted; None for no one.

    Returns:
        "recovered" where signature and assertions hold and only the bytes differ; "invalid" where
        anything else fails; "valid" or "trusted" where even the bytes agree.

    Raises:
        ProvenanceError: the anchors are no certificates.
    """
    found = _judge(data, store, anchors)
    if found is None:
        return replace(NONE, manifest="invalid", sentence="the registry's manifest cannot be read")
    if found.manifest != "invalid":
        return replace(found, sentence="the registry's manifest fits this very file")
    if found.signer is None or not set(found.problems) <= _BYTES_DIFFER | {_UNTRUSTED}:
        return replace(found, sentence="the registry's manifest does not hold")
    whom = "whom you trust" if found.anchored else "who is not among the anchors you trust"
    sentence = (
        f"Content Credentials recovered from the registry, signed by {found.signer}, {whom}; the "
        "bytes differ from those signed, as expected of a copy"
    )
    return replace(found, manifest="recovered", sentence=sentence)


def _judge(data: bytes, store: bytes | None, anchors: bytes | None) -> Credentials | None:
    try:
        media = MEDIA_TYPES.get(identify(data))
    except ImageError:
        media = None
    with settings(anchors) as context:
        try:
            reader = c2pa.Reader.try_create(media, io.BytesIO(data), store, context)
        except c2pa.C2paError as error:
            return replace(NONE, manifest="invalid", problems=(_plain(str(error)),))
        if reader is None:
            return None
        with reader, plain_errors("the Content Credentials cannot be read"):
            return _credentials(reader)


def _credentials(reader: c2pa.Reader) -> Credentials:
    active = reader.get_active_manifest()
    if active is None:
        raise ProvenanceError("the Content Credentials have no active manifest")
    results = reader.get_validation_results() or {}
    codes = set(_codes(results, "success"))
    failed = tuple(dict.fromkeys(_codes(results, "failure")))
    state = _STATES.get(str(reader.get_validation_state()), "invalid")
    signature = active.get("signature_info") or {}
    signer = signature.get("issuer") or signature.get("common_name")
    return replace(
        NONE,
        manifest=state,
        manifest_id=_plain(str(active.get("label", ""))),
        # A name counts only under a signature that holds.
        signer=_plain(signer) if signer and _SIGNATURE_HOLDS in codes else None,
        signed_at=_plain(signature.get("time") or "") or None,
        anchored=_ANCHORED in codes,
        mark=_mark(reader, active),
        problems=failed,
    )


def _codes(results: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Codes of the active manifest, and of ingredients those that failed since they were taken."""
    for finding in (results.get("activeManifest") or {}).get(kind, []):
        yield str(finding.get("code", ""))
    if kind == "failure":
        for delta in results.get("ingredientDeltas") or []:
            for finding in (delta.get("validationDeltas") or {}).get(kind, []):
                yield str(finding.get("code", ""))


def _mark(reader: c2pa.Reader, manifest: Mapping[str, Any]) -> Mark | None:
    """The mark that the manifest names, or else its nearest parent that names one."""
    for _ in range(_DEPTH):
        if (mark := mark_in(manifest)) is not None:
            return mark
        parents = (
            item.get("active_manifest")
            for item in manifest.get("ingredients", [])
            if item.get("relationship") == "parentOf"
        )
        label = next((label for label in parents if label), None)
        if label is None:
            return None
        try:
            found = reader.get_manifest(label)
        except (KeyError, c2pa.C2paError):
            return None
        if found is None:
            return None
        manifest = found
    return None


def _plain(text: str) -> str:
    """One line of printable text: a certificate's names are whatever its owner wrote."""
    kept = (c if unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return " ".join("".join(kept).split())[:_MAX_TEXT]
