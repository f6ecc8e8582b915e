"""Certificates to try Content Credentials with: a root of one's own, a chain, and its key.

    anchors.pem   the root: what a verifier is told to trust (`--trust`)
    chain.pem     the leaf; a chain is leaf first and without its root
    leaf.key      unencrypted PKCS#8, mode 0600: C2PA's signers take no other

The leaf has what the C2PA specification's certificate profile asks of one: key identifiers,
keyUsage digitalSignature, and three allowed purposes, so that every verifier finds one it takes.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imuge.errors import ImageError, ProvenanceError
from imuge.files import reason, write_atomically

ANCHORS, CHAIN, KEY = "anchors.pem", "chain.pem", "leaf.key"
DAYS = 365
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA's own
_ONE_DAY = timedelta(days=1)


def make_test_certificates(folder: Path, *, name: str = "imuge test") -> tuple[Path, Path, Path]:
    """Make a root, a chain and a key to try with, valid for a year.

    Args:
        folder: Where they shall lie; made if it is not there.
        name: The organization that signs, as readers show it.

    Returns:
        The files of anchors, chain and key.

    Raises:
        ProvenanceError: one of them exists already, or the disk refused.
    """
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _root(root_key, name)
    leaf = _leaf(leaf_key, root, root_key, name)
    pem = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    paths = folder / ANCHORS, folder / CHAIN, folder / KEY
    if there := next((path for path in paths if path.exists()), None):
        raise ProvenanceError(f"{there} exists and is not replaced; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(paths[0], root.public_bytes(Encoding.PEM))
        write_atomically(paths[1], leaf.public_bytes(Encoding.PEM))
        write_atomically(paths[2], pem, mode=0o600)
    except OSError as error:
        raise ProvenanceError(f"cannot make {folder}: {reason(error)}") from error
    except ImageError as error:
        raise ProvenanceError(str(error)) from error
    return paths


def _root(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = _name(name, f"{name} root")
    builder = _builder(subject, subject, key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    name: str,
) -> x509.Certificate:
    purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, _DOCUMENT_SIGNING, _CLAIM_SIGNING]
    issuer = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = _builder(_name(name, name), root.subject, key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
        )
        .sign(root_key, SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _ONE_DAY)  # for clocks that are behind
        .not_valid_after(now + DAYS * _ONE_DAY)
    )


def _name(organization: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
