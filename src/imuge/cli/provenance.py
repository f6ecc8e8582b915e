"""The options of `imuge verify` that ask who published a picture, and their work."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from imuge.cli.publish import file_of
from imuge.cli.terminal import say
from imuge.errors import to_install
from imuge.results import Verdict
from imuge.trust.options import AskOptions, name_registry, read_anchors
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


def ask_options(*, registry: bool, trust: Path | None) -> AskOptions:
    """The options together, checked before any work.

    Raises:
        ProvenanceError: the anchors cannot be read.
        ConfigError: an extra's library is missing.
        RegistryError: there is no registry, or it is out of reach.
    """
    if trust is not None:
        read_anchors(trust)
    elif registry and not credentials_readable():
        say(f"Content Credentials are not looked at: {to_install('c2pa')}")
    return AskOptions(
        registry=name_registry(records=False) if registry else None,
        anchors=None if trust is None else str(trust.absolute()),
    )


class Asking:
    """What is asked about every picture; holds the registry while it is entered.

    Raises:
        RegistryError: there is no registry, or it is out of reach; on entering.
    """

    def __init__(self, options: AskOptions) -> None:
        self._options = options
        self._sources = Sources()
        self._stack = ExitStack()

    def __enter__(self) -> "Asking":
        self._sources = self._options.open(self._stack)
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
        if not self._options.anything:
            return verdict
        data = file_of(given, verdict.input_sha256) if sources.credentials else None
        return with_provenance(verdict, data, sources)
