"""The options of `imuge immunize` that sign and record what is published, and their work."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Annotated, TypeAlias

import typer

from imuge.cli.terminal import STREAM, label, refuse_existing, say, write_stdout
from imuge.errors import ConfigError, ImageError
from imuge.files import reason, staged
from imuge.image import MetadataPolicy, Picture
from imuge.registry import sidecar
from imuge.registry.receipts import receipt_path
from imuge.registry.records import now
from imuge.results import Immunized
from imuge.trust.options import PublishOptions, name_registry
from imuge.trust.publishing import Draft, Terms, publish

RegistryOption = Annotated[
    bool,
    typer.Option("--registry", help="Record the output in your registry and write its receipt."),
]
ReceiptOption = Annotated[
    bool,
    typer.Option(
        "--receipt",
        help="Without a registry: write a note of what was published beside the output.",
    ),
]
PublisherOption = Annotated[
    str,
    typer.Option(
        metavar="NAME", envvar="IMUGE_PUBLISHER", help="Who publishes, for the public record."
    ),
]
NoteOption = Annotated[str, typer.Option(metavar="TEXT", help="A line for the public record.")]
ThumbnailOption = Annotated[
    bool,
    typer.Option("--thumbnail", help="Keep a small picture with the record, shown to verifiers."),
]
CertOption = Annotated[
    Path | None,
    typer.Option(
        "--c2pa-cert",
        metavar="PEM",
        readable=False,
        help="Sign Content Credentials with this certificate chain, leaf first.",
    ),
]
SigningKeyOption = Annotated[
    Path | None,
    typer.Option("--c2pa-key", metavar="PEM", readable=False, help="The key of the chain's leaf."),
]
TsaOption = Annotated[
    str | None,
    typer.Option(
        "--c2pa-tsa", metavar="URL", help="Have the signature time-stamped there (RFC 3161)."
    ),
]
AlgorithmOption = Annotated[
    str | None,
    typer.Option(
        "--c2pa-alg",
        metavar="NAME",
        help="The name of imuge's mark on the C2PA's list of soft bindings, where you filed one.",
    ),
]

Signing: TypeAlias = tuple[Path | None, Path | None, str | None, str | None]


def publish_options(
    *,
    registry: bool,
    receipt: bool,
    publisher: str,
    note: str,
    thumbnail: bool,
    signing: Signing,
) -> PublishOptions:
    """The options together, checked before any work.

    Raises:
        ConfigError: the options do not go together, or an extra's library is missing.
        ProvenanceError: certificate or key is no good.
        RegistryError: there is no registry, or it is out of reach.
    """
    chain, key, tsa, algorithm = signing
    if (chain is None) != (key is None):
        raise ConfigError("--c2pa-cert and --c2pa-key go together; give both or neither")
    if tsa is not None and chain is None:
        raise ConfigError("--c2pa-tsa stamps what is signed; give --c2pa-cert and --c2pa-key")
    if algorithm is not None and chain is None:
        raise ConfigError("--c2pa-alg stands in what is signed; give --c2pa-cert and --c2pa-key")
    if thumbnail and not registry:
        raise ConfigError("--thumbnail goes into a registry's record; give --registry, too")
    if (publisher or note) and not (registry or receipt):
        publisher = ""  # it may come from the environment
        if note:
            raise ConfigError("--note goes into a record; give --registry or --receipt, too")
    made = PublishOptions(
        receipt=receipt,
        publisher=publisher,
        note=note,
        thumbnail=thumbnail,
        chain=None if chain is None else str(chain.absolute()),
        key=None if key is None else str(key.absolute()),
        tsa=tsa,
        algorithm=algorithm,
    )
    signer = made.signer()
    if signer is not None and signer.warning is not None:
        say(signer.warning)
    return replace(made, registry=name_registry(records=True)) if registry else made


class Publishing:
    """What is done with every output, as the options say; holds the registry while it is entered.

    Raises:
        RegistryError: there is no registry, or it is out of reach; on entering.
    """

    def __init__(self, options: PublishOptions) -> None:
        self._options = options
        self._terms = Terms()
        self._stack = ExitStack()

    def __enter__(self) -> "Publishing":
        self._terms = self._options.open(self._stack)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def wanted(self) -> bool:
        """Whether outputs are signed, recorded, or get a receipt."""
        return self._options.anything

    def check(self, target: Path, *, overwrite: bool) -> None:
        """Refuse, before any work, what cannot be published so.

        Raises:
            ConfigError: standard output has no place for a receipt.
            ImageError: there is a receipt of that name.
        """
        if not self._options.gives_receipts:
            return
        if target == STREAM:
            raise ConfigError("a receipt lies beside its file; give -o a file name instead of -")
        refuse_existing(receipt_path(target), overwrite=overwrite)

    def publish(
        self,
        picture: Picture,
        given: Path | bytes,
        source: Path,
        target: Path,
        immunize: Callable[[], Immunized[bytes]],
        *,
        metadata: MetadataPolicy,
        overwrite: bool,
    ) -> Iterator[str]:
        """Publish one picture and give the lines to be said of it.

        Raises:
            As `imuge.trust.publishing.publish` and `imuge.registry.publication.publish_file`.
        """

        def keep(draft: Draft) -> str:
            return self._keep(draft, target, overwrite=overwrite)

        data = file_of(given, picture.sha256)
        draft, said = publish(picture, data, immunize, self._terms, keep, metadata=metadata)
        for warning in (*draft.made.warnings, *draft.warnings):
            yield f"{label(source)}: {warning}"
        made = draft.made
        signed = "" if self._terms.signer is None else f", signed by {self._terms.signer.name}"
        if target != STREAM:
            yield (
                f"{target}: immunized with key {made.key_name} ({made.key_id}), image "
                f"{made.image_id}, {made.psnr_db:.1f} dB; read back and intact{signed}{said}"
            )

    def _keep(self, draft: Draft, target: Path, *, overwrite: bool) -> str:
        registry = self._terms.registry
        if registry is not None:
            from imuge.registry.publication import publish_file

            receipt = publish_file(registry, draft.picture, draft.file, target, overwrite=overwrite)
            return f"; record {receipt.record.log_index} of {registry.verifier.name}"
        if target == STREAM:
            write_stdout(draft.file)
            return ""
        with ExitStack() as stack:
            places = [stack.enter_context(staged(target, draft.file, overwrite=overwrite))]
            if self._options.receipt:
                note = sidecar(draft.picture, now())
                path = receipt_path(target)
                places.append(stack.enter_context(staged(path, note, overwrite=overwrite)))
            for place in places:
                place()
        return ""


def file_of(given: Path | bytes, sha256: str | None) -> bytes:
    """The bytes that a picture was read from.

    Raises:
        ImageError: the file cannot be read any more, or was changed since.
    """
    if isinstance(given, bytes):
        return given
    try:
        data = given.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {given}: {reason(error)}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError(f"{given} was changed while it was worked on; run the command again")
    return data
