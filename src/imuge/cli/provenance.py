"""The options of `imuge verify` that ask who published a picture, and their work."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from imuge.cli.publish import file_of
from imuge.cli.terminal import say
from imuge.errors import ConfigError, ProvenanceError
from imuge.files import reason
from imuge.results import Verdict
from imuge.trust.origin import Sources, credentials_readable, with_provenance

AskOption = Annotated[
    bool,
    typer.Option(
        "--registry",
        help="Also ask your registry who published it, and compare the copy with its record.",
    ),
]
TrustOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM",
        readable=False,
        help="Also judge Content Credentials; those under these root certificates are trusted.",
    ),
]
MOST_BYTES = 1 << 20


class Asking:
    """What is asked about every picture; holds the registry while it is entered.

    Raises:
        ProvenanceError: the anchors cannot be read.
        ConfigError: an extra's library is missing.
        RegistryError: there is no registry, or it is out of reach; on entering.
    """

    def __init__(self, *, registry: bool, trust: Path | None) -> None:
        self._registry = registry
        self._anchors = None if trust is None else _anchors(trust)
        self._stack = ExitStack()
        self._sources = Sources(credentials=trust is not None, anchors=self._anchors)

    def __enter__(self) -> "Asking":
        if self._registry:
            from imuge.registry import Registry

            readable = self._anchors is not None or credentials_readable()
            if not readable:
                say("Content Credentials are not looked at: pip install 'imuge[c2pa]'")
            self._sources = Sources(
                registry=self._stack.enter_context(Registry.open()),
                credentials=readable,
                anchors=self._anchors,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def about(self, verdict: Verdict, given: Path | bytes) -> Verdict:
        """The verdict with its provenance, where anything is asked.

        Raises:
            As `imuge.trust.origin.with_provenance`.
        """
        sources = self._sources
        if sources.registry is None and not sources.credentials:
            return verdict
        data = file_of(given, verdict.input_sha256) if sources.credentials else None
        return with_provenance(verdict, data, sources)


def _anchors(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ConfigError(f"--trust takes a file of PEM certificates, and {path} is none")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError as error:
        raise ProvenanceError(f"cannot read {path}: {reason(error)}") from error
