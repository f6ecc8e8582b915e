"""What the service's tests share: pictures, and a service in this process."""

import pytest
from serve_client import GatedGuard, decoded, encoded, serving

from imuge.serve.settings import GuardSettings


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
def protected(guard, plain):
    """The bytes of its immunized PNG."""
    return guard.immunize(plain).file


@pytest.fixture(scope="session")
def tampered(protected, other_photograph):
    """The bytes of a copy with a square of another photograph in it."""
    pixels = decoded(protected)
    pixels[32:80, 48:96] = other_photograph[32:80, 48:96]
    return encoded(pixels)
