"""What the service's tests share: pictures, a registry, and a service in this process."""

import hashlib

import numpy as np
import pytest
from serve_client import GatedGuard, decoded, encoded, serving

from imuge.provenance import make_test_certificates
from imuge.registry import Evidence, Manifest, PublishedPicture, Registry
from imuge.serve.desk import DeskSettings
from imuge.serve.settings import GuardSettings
from imuge.trust.options import AskOptions, PublishOptions

RECORDS = 5


@pytest.fixture
def gated(guard):
    """A guard that works only once its gate is set."""
    return GatedGuard(guard)


@pytest.fixture(scope="session")
def settings(key):
    """For worker processes."""
    return GuardSettings(keys=(key,), threads=1)


@pytest.fixture(scope="module")
def client(guard):
    """A client of a service without tokens and without rates, whose guard is in this process."""
    with serving(guard) as made:
        yield made


@pytest.fixture(scope="session")
def plain(photograph):
    """The bytes of a small photograph, a PNG of 160x128 pixels."""
    return encoded(photograph[:128, :160])


@pytest.fixture(scope="session")
def protected(immunize_as, plain):
    """The bytes of its immunized PNG."""
    return immunize_as(plain, 3).file


@pytest.fixture(scope="session")
def tampered(protected, other_photograph):
    """The bytes of a copy with a square of another photograph in it."""
    pixels = decoded(protected)
    pixels[32:80, 48:96] = other_photograph[32:80, 48:96]
    return encoded(pixels)


def recorded(number):
    """A picture to be recorded; the fourth has no manifest."""
    store = f"store {number}".encode()
    manifest = Manifest(manifest_id=f"urn:c2pa:{number:032x}", store=store)
    return PublishedPicture(
        key_id="0123abcd",
        image_id=f"{number:012x}",
        sha256_original=hashlib.sha256(b"original").hexdigest(),
        sha256_published=hashlib.sha256(f"file {number}".encode()).hexdigest(),
        width=64,
        height=64,
        format="PNG",
        frame_side=64,
        model="test",
        strength=1.0,
        publisher="The Example Times",
        evidence=Evidence(
            pdq=np.random.default_rng(number).bytes(32), pdq_quality=99, grid=bytes(4096)
        ),
        manifest=None if number == 3 else manifest,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A registry with five records, of which the last is withdrawn, where processes find it."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMUGE_REGISTRY_URL", str(folder / "registry.sqlite"))
        with Registry.create(name="registry.example.org/service") as made:
            for number in range(RECORDS):
                made.publish(recorded(number))
            made.withdraw(RECORDS - 1, note="on request")
            yield made


@pytest.fixture(scope="module")
def desk(place, tmp_path_factory):
    anchors, chain, key = make_test_certificates(tmp_path_factory.mktemp("certificates"))
    verifier = str(place.verifier)
    return DeskSettings(
        publish=PublishOptions(
            registry=verifier,
            publisher="The Example Times",
            thumbnail=True,
            chain=str(chain),
            key=str(key),
        ),
        ask=AskOptions(registry=verifier, anchors=str(anchors)),
    )
