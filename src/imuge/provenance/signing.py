"""Sign a published file: its manifest names the original, the mark in the pixels, and who signs."""

import io
from dataclasses import dataclass, field

import c2pa

from imuge.errors import ProvenanceError
from imuge.image import MetadataPolicy
from imuge.image.sniff import identify
from imuge.provenance.claims import Mark, ingredient, manifest_of
from imuge.provenance.native import media_type, plain_errors, settings
from imuge.provenance.reading import read
from imuge.provenance.signers import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A file with its Content Credentials, and the manifest store to keep in the registry."""

    file: bytes = field(repr=False)
    manifest_id: str  # label of the active manifest, urn:c2pa:...
    store: bytes = field(repr=False)  # JUMBF


def sign(
    file: bytes,
    original: bytes,
    mark: Mark,
    signer: Signer,
    *,
    metadata: MetadataPolicy = "keep",
    algorithm: str | None = None,
) -> Signed:
    """Put Content Credentials into an encoded picture; its pixels stay what they are.

    Args:
        file: The file as it would be published, without a manifest.
        original: The file that was given; a camera's manifest in it is kept as ingredient.
        mark: What was put into the pixels.
        signer: Who signs.
        metadata: As it was for the file. With "no-gps" and "none" the original's manifest is left
            out, because it may hold a place or a name and cannot be cut without breaking it.
        algorithm: Name under which imuge's watermark is listed as a soft binding, or None.

    Returns:
        The signed file, read back and found valid.

    Raises:
        ProvenanceError: the format takes no manifest, the signer is refused, the time-stamp
            authority does not answer, or what was made does not validate.
        UnsupportedError: `file` or `original` is no picture.
    """
    media = media_type(identify(file))
    # Of the parent the library takes manifest and XMP; the published file has neither to hide.
    parent = original if metadata == "keep" else file
    parent_media = media_type(identify(parent))
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.chain, signer.key, signer.tsa)
    made = io.BytesIO()
    with (
        plain_errors("the Content Credentials could not be made"),
        settings() as context,
        c2pa.Signer.from_info(info) as signing,
        c2pa.Builder(manifest_of(mark, algorithm=algorithm), context=context) as builder,
    ):
        builder.add_ingredient(ingredient(), parent_media, io.BytesIO(parent))
        store = bytes(builder.sign(signing, media, io.BytesIO(file), made))
    signed = made.getvalue()
    credentials = read(signed)
    if credentials.manifest != "valid" or credentials.manifest_id is None:
        raise ProvenanceError(
            "the Content Credentials made do not validate "
            f"({', '.join(credentials.problems) or credentials.manifest}), so nothing was kept"
        )
    return Signed(file=signed, manifest_id=credentials.manifest_id, store=store)
