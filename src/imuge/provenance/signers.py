"""The certificate chain and key that Content Credentials are signed with, checked beforehand.

A signer's faults otherwise show after the work is done, or, worse, in a file that every reader
calls invalid.
"""

import os
import shlex
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imuge.errors import ProvenanceError
from imuge.files import reason

MAX_BYTES = 1 << 18
_OTHERS = 0o077
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_NOT_ALONE = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs. Build one with `load_signer`."""

    chain: bytes  # PEM, leaf first
    key: bytes = field(repr=False)  # PEM, unencrypted PKCS#8
    algorithm: str  # es256, es384, es512, ed25519, ps256
    name: str  # organization or common name in the leaf
    expires: datetime
    tsa: str | None  # address of a time-stamp authority

    @property
    def warning(self) -> str | None:
        """What the user should know: without a time-stamp signatures end with the certificate."""
        if self.tsa is not None:
            return None
        return (
            "the Content Credentials have no time-stamp, so readers will call them invalid after "
            f"{self.expires:%Y-%m-%d}, when the certificate ends; give --c2pa-tsa URL"
        )


def load_signer(chain: Path, key: Path, *, tsa: str | None = None) -> Signer:
    """Read a certificate chain and its key, and refuse what readers would refuse later.

    Args:
        chain: PEM certificates, leaf first, root left out.
        key: PEM, unencrypted, mode 0600.
        tsa: Address of an RFC 3161 time-stamp authority; it is asked once a picture.

    Raises:
        ProvenanceError: a file is missing, malformed or open to others; the key is not the leaf's;
            the leaf has expired, is a CA, self-signed, or made for something else.
    """
    text = _read(chain)
    try:
        leaf = x509.load_pem_x509_certificates(text)[0]
    except ValueError as error:
        raise ProvenanceError(
            f"{chain} holds no PEM certificates; give the chain, leaf first"
        ) from error
    secret = _read(key, private=True)
    private = _private(secret, key)
    if _spki(private.public_key()) != _spki(leaf.public_key()):
        raise ProvenanceError(
            f"{key} is not the key of the first certificate in {chain}; the chain goes leaf first"
        )
    _check_leaf(leaf, chain)
    return Signer(
        chain=text,
        key=secret,
        algorithm=_algorithm(private, key),
        name=_name(leaf),
        expires=leaf.not_valid_after_utc,
        tsa=tsa or None,
    )


def _check_leaf(leaf: x509.Certificate, path: Path) -> None:
    now = datetime.now(UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise ProvenanceError(
            f"the certificate in {path} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}; get a current one"
        )
    if leaf.issuer == leaf.subject:
        raise _unfit(path, "signs itself, which readers refuse")
    try:
        extensions = leaf.extensions
    except ValueError as error:
        raise _unfit(path, "has extensions that cannot be read") from error
    found = {type(extension.value): extension.value for extension in extensions}
    basic = found.get(x509.BasicConstraints)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        raise _unfit(path, "is a certificate authority's")
    usage = found.get(x509.KeyUsage)
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        raise _unfit(path, "has no keyUsage digitalSignature")
    purposes = found.get(x509.ExtendedKeyUsage)
    if not isinstance(purposes, x509.ExtendedKeyUsage) or set(purposes) & _NOT_ALONE:
        raise _unfit(path, "has no extendedKeyUsage for signing documents, or is a web server's")
    if x509.AuthorityKeyIdentifier not in found:
        raise _unfit(path, "has no authorityKeyIdentifier")


def _unfit(path: Path, why: str) -> ProvenanceError:
    return ProvenanceError(
        f"the first certificate in {path} {why}; ask for one with the purposes emailProtection or "
        "documentSigning, or try with `imuge c2pa test-cert DIR`"
    )


def _private(
    secret: bytes, path: Path
) -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey:
    try:
        private = load_pem_private_key(secret, password=None)
    except TypeError as error:
        raise ProvenanceError(
            f"{path} is encrypted, and the signer asks for no password; write it out with "
            f"`openssl pkcs8 -topk8 -nocrypt -in {shlex.quote(str(path))}`, mode 0600"
        ) from error
    except ValueError:
        private = None
    # Raised out here, so that the chained exception cannot carry the file's content.
    if isinstance(
        private, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    ) and secret.lstrip().startswith(b"-----BEGIN PRIVATE KEY-----"):
        return private
    raise ProvenanceError(
        f"{path} holds no PKCS#8 key in PEM of a kind that C2PA takes (EC, Ed25519, RSA); convert "
        f"it with `openssl pkcs8 -topk8 -nocrypt -in {shlex.quote(str(path))}`"
    )


def _algorithm(
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    path: Path,
) -> str:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        name = "ps256" if private.key_size >= 2048 else None
    else:
        name = _CURVES.get(private.curve.name)
    if name is None:
        raise ProvenanceError(
            f"{path} is of a curve or size that C2PA does not take; use P-256, P-384, P-521, "
            "Ed25519, or RSA from 2048 bits"
        )
    return name


def _name(leaf: x509.Certificate) -> str:
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        if found := leaf.subject.get_attributes_for_oid(oid):
            return str(found[0].value)
    return leaf.subject.rfc4514_string()


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # every public key has it
    return encoded


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise ProvenanceError(f"{path} is not a PEM file; name another")
        if private and os.name == "posix" and status.st_mode & _OTHERS:
            raise ProvenanceError(
                f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may read the "
                f"signing key; run: chmod 600 {shlex.quote(str(path))}"
            )
        return path.read_bytes()
    except OSError as error:
        raise ProvenanceError(f"cannot read {path}: {reason(error)}") from error
