"""The C2PA library as we use it: settings that keep it offline, and its errors in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from imuge.errors import ProvenanceError

# The names of imuge.image's formats, as the library wants them.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}


def settings(anchors: bytes | None = None) -> c2pa.Context:
    """A context that fetches nothing, makes no thumbnails and checks what it signs.

    Args:
        anchors: PEM certificates that are trusted; None for no one.

    Raises:
        ProvenanceError: the anchors are no PEM certificates.
    """
    chosen: dict[str, Any] = {
        # Without the check after signing a wrong key writes a broken file and says nothing.
        "verify": {
            "verify_after_sign": True,
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        # A thumbnail would carry the unmarked picture, or what was cropped from it.
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors is not None:
        chosen["trust"] = {"trust_anchors": _certificates(anchors)}
    with plain_errors("the settings of Content Credentials were refused"):
        return c2pa.Context.from_dict(chosen)


def _certificates(anchors: bytes) -> str:
    """The anchors in one spelling; the library passes over what it cannot read."""
    try:
        found = x509.load_pem_x509_certificates(anchors)
    except ValueError as error:
        raise ProvenanceError(
            "the trust anchors are no PEM certificates; give a file with the roots you trust"
        ) from error
    return b"".join(one.public_bytes(Encoding.PEM) for one in found).decode("ascii")


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn the library's errors into `what` and its own words."""
    try:
        yield
    except c2pa.C2paError as error:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise ProvenanceError(f"{what}: {words}") from error


def media_type(format: str) -> str:  # noqa: A002 - the word every image library uses
    """The library's name of a format.

    Raises:
        ProvenanceError: Content Credentials do not fit into it.
    """
    if format not in MEDIA_TYPES:
        raise ProvenanceError(
            f"Content Credentials go into {', '.join(MEDIA_TYPES)}, not into {format}; choose one "
            "of these"
        )
    return MEDIA_TYPES[format]
