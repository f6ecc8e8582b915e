"""The registry of published pictures: an append-only log, receipts, and the way back from a copy.

A copy's mark names key and image; the record says who published it, when, and what it looked like
at publication. Receipts and grids need nothing beyond imuge itself; `Registry` needs the extra
`[registry]`, and `[postgres]` for a database server.
"""

from typing import TYPE_CHECKING

from imuge.errors import ConfigError, to_install
from imuge.registry.evidence import (
    GridComparison,
    compare_grids,
    gather_evidence,
    perceptual_hash,
    reference_grid,
)
from imuge.registry.notes import Checkpoint, VerifierKey
from imuge.registry.places import parse_address
from imuge.registry.receipts import CheckedReceipt, Receipt, sidecar, verify_receipt
from imuge.registry.records import Evidence, Manifest, PublishedPicture, Record

if TYPE_CHECKING:
    from imuge.registry.registry import Registry

__all__ = [
    "CheckedReceipt",
    "Checkpoint",
    "Evidence",
    "GridComparison",
    "Manifest",
    "PublishedPicture",
    "Receipt",
    "Record",
    "Registry",
    "VerifierKey",
    "compare_grids",
    "gather_evidence",
    "parse_address",
    "perceptual_hash",
    "reference_grid",
    "sidecar",
    "verify_receipt",
]
_LIBRARIES = {"sqlalchemy", "alembic"}


def __getattr__(name: str) -> object:
    """Load `Registry` when it is first asked for: checking a receipt needs no database.

    Raises:
        ConfigError: the libraries of the extra `[registry]` are not installed.
    """
    if name != "Registry":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from imuge.registry.registry import Registry
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES:
            raise
        raise ConfigError(
            f"the registry needs {error.name}, which is not installed; "
            f"run: {to_install('registry')}"
        ) from error
    return Registry
