"""Content Credentials (C2PA): sign what imuge publishes, read what a copy carries.

Metadata answers who published a picture until a platform strips it; the mark survives, and leads
to the manifest kept by the registry. Needs the extra `[c2pa]`; making test certificates does not.
"""

from typing import TYPE_CHECKING

from imuge.errors import ConfigError, to_install
from imuge.provenance.certificates import make_test_certificates
from imuge.provenance.claims import Mark
from imuge.provenance.credentials import Credentials
from imuge.provenance.signers import Signer, load_signer

if TYPE_CHECKING:
    from imuge.provenance.reading import read, recover
    from imuge.provenance.signing import Signed, sign

__all__ = [
    "Credentials",
    "Mark",
    "Signed",
    "Signer",
    "load_signer",
    "make_test_certificates",
    "read",
    "recover",
    "sign",
]


def __getattr__(name: str) -> object:
    """Load what needs the C2PA library when it is first asked for.

    Raises:
        ConfigError: c2pa-python is not installed.
    """
    if name not in {"Signed", "sign", "read", "recover"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from imuge.provenance import reading, signing
    except ImportError as error:
        if error.name != "c2pa":
            raise
        raise ConfigError(
            "Content Credentials need c2pa-python, which is not installed; "
            f"run: {to_install('c2pa')}"
        ) from error
    where = signing if name in {"Signed", "sign"} else reading
    found: object = getattr(where, name)
    return found
