"""What is asked for every picture that goes out or comes in, as text that travels to workers.

Commands, batches and services begin from these; each process opens its own registry and reads its
own certificates. A registry is named by its verifier key, so that a worker whose environment leads
it elsewhere refuses instead of recording there.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imuge.errors import ConfigError, ProvenanceError
from imuge.files import reason
from imuge.provenance import Signer, load_signer
from imuge.trust.origin import Sources, credentials_readable
from imuge.trust.publishing import Terms

if TYPE_CHECKING:
    from imuge.registry import Registry

MOST_BYTES = 1 << 20  # of a file of anchors


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How pictures are published."""

    registry: str | None = None  # its verifier key; None: nothing is recorded
    receipt: bool = False  # without a registry: whether the same facts lie beside each file
    publisher: str = ""
    note: str = ""
    thumbnail: bool = False  # whether a small picture is kept with the record
    chain: str | None = None  # path of the certificates that sign; None: nothing is signed
    key: str | None = None  # path of the leaf's key
    tsa: str | None = None  # address of a time-stamp authority
    algorithm: str | None = None  # name under which imuge's mark is listed as a soft binding

    @property
    def anything(self) -> bool:
        """Whether files are signed, recorded, or get a receipt."""
        return self.registry is not None or self.receipt or self.chain is not None

    @property
    def gives_receipts(self) -> bool:
        """Whether a receipt goes with every file."""
        return self.registry is not None or self.receipt

    def signer(self) -> Signer | None:
        """Who signs.

        Raises:
            ProvenanceError: certificate or key is no good.
        """
        if self.chain is None or self.key is None:
            return None
        return load_signer(Path(self.chain), Path(self.key), tsa=self.tsa)

    def open(self, stack: ExitStack) -> Terms:
        """Open what publishing needs; `stack` closes it.

        Raises:
            RegistryError: the registry is not there, or out of reach.
            KeyFileError: its key is missing.
            ProvenanceError: certificate or key is no good.
            ConfigError: an extra's library is missing, or the registry is another one.
        """
        registry = None
        if self.registry is not None:
            registry = stack.enter_context(open_registry(self.registry))
            registry.require_key()
        return Terms(
            registry=registry,
            signer=self.signer(),
            publisher=self.publisher,
            note=self.note,
            thumbnail=self.thumbnail,
            algorithm=self.algorithm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """What is asked about copies."""

    registry: str | None = None  # its verifier key; None: no registry is asked
    anchors: str | None = None  # path of PEM certificates that are trusted

    @property
    def anything(self) -> bool:
        """Whether credentials or a registry are asked."""
        return self.registry is not None or self.anchors is not None

    def open(self, stack: ExitStack) -> Sources:
        """Open what is asked; `stack` closes it.

        Raises:
            RegistryError: the registry is not there, or out of reach.
            ProvenanceError: the anchors cannot be read.
            ConfigError: an extra's library is missing, or the registry is another one.
        """
        registry = None
        if self.registry is not None:
            registry = stack.enter_context(open_registry(self.registry))
        return Sources(
            registry=registry,
            credentials=self.anchors is not None or (self.anything and credentials_readable()),
            anchors=None if self.anchors is None else read_anchors(Path(self.anchors)),
        )


def name_registry(*, records: bool) -> str:
    """The verifier key of the registry that the environment leads to.

    Args:
        records: Whether it must be able to record, not only to answer.

    Raises:
        RegistryError: there is none, or it is out of reach.
        KeyFileError: it is to record, and its key is missing.
        ConfigError: an extra's library is missing.
    """
    from imuge.registry import Registry

    with Registry.open() as registry:
        if records:
            registry.require_key()
        return str(registry.verifier)


def open_registry(verifier_key: str) -> "Registry":
    """Open the registry of this environment.

    Raises:
        ConfigError: it is not the one of this verifier key.
        RegistryError: it is out of reach.
    """
    from imuge.registry import Registry

    registry = Registry.open()
    if str(registry.verifier) != verifier_key:
        name = registry.verifier.name
        registry.close()
        raise ConfigError(
            f"expected the registry {verifier_key.partition('+')[0]} and found {name}; set "
            "IMUGE_REGISTRY_URL to the same everywhere"
        )
    return registry


def read_anchors(path: Path) -> bytes:
    """Read the certificates that are trusted.

    Raises:
        ConfigError: `path` is no file.
        ProvenanceError: it cannot be read.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"--trust takes a file of PEM certificates, and {path} is none")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError as error:
        raise ProvenanceError(f"cannot read {path}: {reason(error)}") from error
