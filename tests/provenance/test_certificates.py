"""Test certificates are fit to sign with, and unfit signers are refused before any work."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from provenance_samples import MARK

from imuge.errors import ProvenanceError
from imuge.provenance import load_signer, make_test_certificates, read, sign

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
SIGNING = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)


def issue(folder, key, *, days=(-1, 30), ca=False, purposes=SIGNING, own=False, encoding=None):
    """A leaf of `key` under a root of its own, and its files: anchors, chain, key."""
    root_key = key if own else ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("r", "leaf")]
    issuer = names[1] if own else names[0]

    def start(subject, public):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        return builder.not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)

    usage = x509.KeyUsage(True, False, False, False, False, ca, False, False, False)
    leaf = (
        start(names[1], key.public_key())
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
    )
    if purposes:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    root = (
        start(names[0], root_key.public_key())
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
        .sign(root_key, SHA256())
    )
    algorithm = None if isinstance(root_key, ed25519.Ed25519PrivateKey) else SHA256()
    paths = [folder / name for name in ("anchors.pem", "chain.pem", "leaf.key")]
    paths[0].write_bytes(root.public_bytes(Encoding.PEM))
    paths[1].write_bytes(leaf.sign(root_key, algorithm).public_bytes(Encoding.PEM))
    encoding = encoding or NoEncryption()
    paths[2].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encoding))
    paths[2].chmod(0o600)
    return paths


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "es256"),
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
    ],
    ids=["es256", "es384", "ed25519", "ps256"],
)
def test_every_kind_of_key_signs(key, algorithm, tmp_path, jpeg):
    anchors, chain, leaf = issue(tmp_path, key)
    signer = load_signer(chain, leaf)
    assert signer.algorithm == algorithm
    assert read(sign(jpeg, jpeg, MARK, signer).file, anchors.read_bytes()).manifest == "trusted"


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ({"days": (-30, -1)}, "valid from"),
        ({"ca": True}, "certificate authority's"),
        ({"own": True}, "signs itself"),
        ({"purposes": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "web server's"),
        ({"purposes": ()}, "no extendedKeyUsage"),
        ({"encoding": BestAvailableEncryption(b"x")}, "is encrypted"),
    ],
    ids=["expired", "ca", "self-signed", "server", "no purpose", "encrypted"],
)
def test_unfit_signers_are_refused(faults, says, tmp_path):
    _, chain, leaf = issue(tmp_path, ec.generate_private_key(ec.SECP256R1()), **faults)
    with pytest.raises(ProvenanceError, match=says):
        load_signer(chain, leaf)


def test_a_key_of_another_certificate_is_refused(tmp_path, certificates):
    other = make_test_certificates(tmp_path)
    with pytest.raises(ProvenanceError, match="is not the key of the first certificate"):
        load_signer(certificates[1], other[2])


def test_a_key_that_others_may_read_is_refused(tmp_path):
    _, chain, key = make_test_certificates(tmp_path / "new")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(ProvenanceError, match="chmod 600"):
        load_signer(chain, key)


def test_certificates_are_never_replaced(tmp_path):
    paths = make_test_certificates(tmp_path)
    before = [path.read_bytes() for path in paths]
    with pytest.raises(ProvenanceError, match="exists and is not replaced"):
        make_test_certificates(tmp_path)
    assert [path.read_bytes() for path in paths] == before


def test_no_error_shows_the_key(tmp_path, certificates):
    broken = tmp_path / "broken.key"
    secret = certificates[2].read_bytes().replace(b"BEGIN PRIVATE", b"BEGIN BROKEN")
    broken.write_bytes(secret)
    broken.chmod(0o600)
    with pytest.raises(ProvenanceError) as caught:
        load_signer(certificates[1], broken)
    shown = repr(caught.value) + repr(caught.value.__context__)
    assert secret.split(b"\n")[1].decode()[:20] not in shown
