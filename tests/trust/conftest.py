"""A registry, certificates, and one picture that was published with both."""

import pytest
from trust_samples import encoded, published

from imuge.provenance import load_signer, make_test_certificates
from imuge.registry import Registry
from imuge.trust.origin import Sources
from imuge.trust.publishing import Terms

NAME = "registry.example.org/tests"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_test_certificates(tmp_path_factory.mktemp("certificates"), name="The Example Times")


@pytest.fixture(scope="session")
def anchors(certificates):
    return certificates[0].read_bytes()


@pytest.fixture(scope="session")
def signer(certificates):
    return load_signer(certificates[1], certificates[2])


@pytest.fixture
def registry(tmp_path):
    path, key = tmp_path / "registry.sqlite", tmp_path / "registry.key"
    with Registry.create(str(path), name=NAME, key_file=key) as made:
        yield made


@pytest.fixture(scope="session")
def lasting(tmp_path_factory):
    """A registry that all tests only read, once the picture is in it."""
    folder = tmp_path_factory.mktemp("registry")
    made = Registry.create(
        str(folder / "registry.sqlite"), name=NAME, key_file=folder / "registry.key"
    )
    with made as opened:
        yield opened


@pytest.fixture(scope="session")
def draft(guard, photograph, lasting, signer):
    """The photograph, published: immunized, signed and recorded."""
    terms = Terms(registry=lasting, signer=signer, publisher="The Example Times", thumbnail=True)
    return published(guard, terms, encoded(photograph))[0]


@pytest.fixture
def sources(draft, lasting, anchors):
    assert draft.picture.evidence is not None
    return Sources(registry=lasting, credentials=True, anchors=anchors)
