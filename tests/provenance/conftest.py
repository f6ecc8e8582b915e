"""Pictures as files, and certificates made for the tests alone."""

import pytest
from provenance_samples import encoded

from imuge.provenance import load_signer, make_test_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_test_certificates(tmp_path_factory.mktemp("certificates"), name="The Example Times")


@pytest.fixture(scope="session")
def anchors(certificates):
    return certificates[0].read_bytes()


@pytest.fixture(scope="session")
def signer(certificates):
    return load_signer(certificates[1], certificates[2])


@pytest.fixture(scope="session")
def jpeg(photograph):
    return encoded(photograph, "JPEG", quality=95)
