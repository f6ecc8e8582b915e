"""`imuge batch`: whole folders and lists of pictures, each exactly once, resumed after any end."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from imuge.batch.listing import check_source
from imuge.batch.local import RunSettings, run_local
from imuge.batch.progress import Meter, duration
from imuge.batch.record import FAILED as FAILED_OUTCOME
from imuge.batch.record import IMMUNIZED
from imuge.batch.summary import SHOWN, Summary
from imuge.batch.tasks import BatchSpec, ReportChoice
from imuge.cli.immunize import DetailOption, StrengthOption
from imuge.cli.keys import KeyOption, keys_to_immunize, keys_to_verify
from imuge.cli.provenance import AskOption, TrustOption, ask_options
from imuge.cli.publish import (
    AlgorithmOption,
    CertOption,
    NoteOption,
    PublisherOption,
    ReceiptOption,
    RegistryOption,
    SigningKeyOption,
    ThumbnailOption,
    TsaOption,
    publish_options,
)
from imuge.cli.terminal import PixelsOption, complain, console, limits_of, one_sentence, say
from imuge.cli.verify import SearchOption
from imuge.errors import ConfigError, ImugeError, shown, to_install
from imuge.guard import check_strength
from imuge.image import MetadataPolicy
from imuge.keys import Key, key_path
from imuge.keys.folder import KEY_FILE_VARIABLE
from imuge.keys.names import is_name
from imuge.results import EXIT_STATUS

FormatChoice = Literal["jpeg", "png", "webp", "tiff", "avif", "heif"]

Source = Annotated[str, typer.Argument(metavar="IN", help="A folder, or a list (.jsonl, .csv).")]
OutOption = Annotated[
    str, typer.Option("--out", metavar="DIR", help="For outputs and the manifest; resumed.")
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Processes of this machine, or Ray: then IN and DIR may be URIs."),
]
AddressOption = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Of a Ray cluster, or auto.")
]
GpusOption = Annotated[
    float, typer.Option(metavar="F", min=0.0, help="Accelerators for each process, for Ray.")
]
GlobOption = Annotated[
    list[str] | None,
    typer.Option("--glob", metavar="PATTERN", help="Only such names, as *.jpg; may be repeated."),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Default: one for each processor, if memory allows.",
    ),
]
ThreadsOption = Annotated[int, typer.Option(metavar="N", min=1, help="Of each process.")]
RestartOption = Annotated[
    bool,
    typer.Option("--restart", help="Begin again; the earlier manifest is kept under another name."),
]
RetryOption = Annotated[
    bool, typer.Option("--retry-errors", help="Try again what failed in earlier runs.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace files in DIR that are not this batch's.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]

batch_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Immunize or verify whole folders.\n\nIN is a folder with its sub-folders, or a list. "
    "The same command again goes on where the last run ended, however it ended.",
)


@batch_app.command("immunize")
@one_sentence
def batch_immunize(
    source: Source,
    out: OutOption,
    key: KeyOption = None,
    strength: StrengthOption = 1.0,
    detail: DetailOption = "normal",
    replace: Annotated[
        bool, typer.Option("--replace", help="Immunize again what is protected already.")
    ] = False,
    metadata: Annotated[
        MetadataPolicy, typer.Option(help="What to keep of EXIF, XMP and the like.")
    ] = "keep",
    format: Annotated[  # noqa: A002 - the option's name
        FormatChoice | None, typer.Option(help="Of all outputs; default: each input's own.")
    ] = None,
    glob: GlobOption = None,
    processes: ProcessesOption = None,
    threads: ThreadsOption = 1,
    restart: RestartOption = False,
    retry_errors: RetryOption = False,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "local",
    address: AddressOption = None,
    gpus: GpusOption = 0.0,
    registry: RegistryOption = False,
    receipt: ReceiptOption = False,
    publisher: PublisherOption = "",
    note: NoteOption = "",
    thumbnail: ThumbnailOption = False,
    c2pa_cert: CertOption = None,
    c2pa_key: SigningKeyOption = None,
    c2pa_tsa: TsaOption = None,
    c2pa_alg: AlgorithmOption = None,
    max_megapixels: PixelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Protect many pictures.

    Outputs keep the names and sub-folders of their inputs. Every output is read back and verified
    before it is written. With --registry each is recorded in a transaction of its own, and once,
    however often a run is killed and goes on.

    Exit status: 0 all are immunized, 1 some failed, 130 or 143 stopped.
    """
    check_strength(strength)
    where = _Where(source, out, engine, address, gpus)
    _check_where(where)  # before a first key is made
    publish = publish_options(
        registry=registry,
        receipt=receipt,
        publisher=publisher,
        note=note,
        thumbnail=thumbnail,
        signing=(c2pa_cert, c2pa_key, c2pa_tsa, c2pa_alg),
    )
    if publish.anything:
        _refuse_ray(where, "--registry, --receipt and --c2pa-cert")
    spec = BatchSpec(
        command="immunize",
        strength=strength,
        detail=detail,
        replace=replace,
        metadata=metadata,
        format=None if format is None else format.upper(),
        publish=publish if publish.anything else None,
        max_pixels=limits_of(max_megapixels).max_pixels,
    )
    settings = RunSettings(
        globs=tuple(glob or ()),
        processes=processes,
        threads=threads,
        restart=restart,
        retry_errors=retry_errors,
        overwrite=overwrite,
    )
    _run(where, spec, keys_to_immunize(key), key or [], settings, as_json=as_json)


@batch_app.command("verify")
@one_sentence
def batch_verify(
    source: Source,
    out: OutOption,
    key: KeyOption = None,
    reports: Annotated[
        ReportChoice, typer.Option(help="Which pictures get a report in DIR.")
    ] = "tampered",
    search: SearchOption = "quick",
    glob: GlobOption = None,
    processes: ProcessesOption = None,
    threads: ThreadsOption = 1,
    restart: RestartOption = False,
    retry_errors: RetryOption = False,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "local",
    address: AddressOption = None,
    gpus: GpusOption = 0.0,
    registry: AskOption = False,
    trust: TrustOption = None,
    max_megapixels: PixelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell of many pictures whether and where they were changed.

    Every verdict is a line of DIR/manifest.jsonl. Exit status: that of the gravest verdict, as
    for imuge verify; 1 if any picture failed; 130 or 143 if stopped.
    """
    where = _Where(source, out, engine, address, gpus)
    _check_where(where)  # before a first key is made
    ask = ask_options(registry=registry, trust=trust)
    if ask.anything:
        _refuse_ray(where, "--registry and --trust")
    spec = BatchSpec(
        command="verify",
        reports=reports,
        search=search,
        ask=ask if ask.anything else None,
        max_pixels=limits_of(max_megapixels).max_pixels,
    )
    settings = RunSettings(
        globs=tuple(glob or ()),
        processes=processes,
        threads=threads,
        restart=restart,
        retry_errors=retry_errors,
        overwrite=overwrite,
    )
    _run(where, spec, keys_to_verify(key), key or [], settings, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Where:
    """The options that say where a batch lies and where it is worked on."""

    source: str
    out: str
    engine: str
    address: str | None
    gpus: float


def _run(
    where: _Where,
    spec: BatchSpec,
    keys: list[Key],
    named: list[str],
    settings: RunSettings,
    *,
    as_json: bool,
) -> None:
    meter = Meter(console)
    if where.engine == "ray":
        summary = _run_ray(where, spec, keys, named, settings, meter)
    else:
        summary = run_local(Path(where.source), Path(where.out), spec, keys, settings, meter)
    for line in remarks(summary):
        say(line)
    for name, error in summary.errors.items():
        complain(f"{shown(name)}: {error}")
    if (more := summary.outcomes.get(FAILED_OUTCOME, 0) - len(summary.errors)) > 0:
        say(f"{more} more failed; the manifest names them all.")
    typer.echo(json.dumps(summary.to_dict(), indent=2) if as_json else sentence(summary))
    if summary.signal is not None:
        say("Stopped; run the same command again to go on.")
    raise typer.Exit(summary.exit_status)


def _check_where(where: _Where) -> None:
    """Refuse what only Ray can, and a source that is not there."""
    if where.engine == "ray":
        return
    for place in (where.source, where.out):
        if "://" in place:
            raise ConfigError(f"{place} is reached with --engine ray; give a path, or that")
    if where.address is not None or where.gpus:
        raise ConfigError("--address and --gpus are for --engine ray; add it, or leave them out")
    if Path(where.out).exists() and not Path(where.out).is_dir():
        raise ConfigError(f"expected a folder for --out, got the file {where.out}")
    check_source(Path(where.source))


def _refuse_ray(where: _Where, options: str) -> None:
    if where.engine == "ray":
        raise ConfigError(
            f"{options} are for --engine local; several machines publish into one registry on "
            "PostgreSQL with a batch each"
        )


def _run_ray(
    where: _Where,
    spec: BatchSpec,
    keys: list[Key],
    named: list[str],
    settings: RunSettings,
    meter: Meter,
) -> Summary:
    try:
        from imuge.batch.ray_engine import run_ray
        from imuge.batch.remote import KeyReference
    except ModuleNotFoundError as error:
        raise ImugeError(
            f"--engine ray needs {error.name}, which is not installed: {to_install('ray')}"
        ) from error
    # Every machine reads the keys itself: those named as they were named, others by their names.
    chosen: list[str | None] = [_key_everywhere(name) for name in named]
    if not named and os.environ.get(KEY_FILE_VARIABLE):
        chosen = [None]
    finds = chosen + [key.name for key in keys[len(chosen) :]]
    references = [
        KeyReference(find=find, key_id=key.key_id) for find, key in zip(finds, keys, strict=True)
    ]
    return run_ray(
        where.source,
        where.out,
        spec,
        keys,
        references,
        settings,
        meter,
        address=where.address,
        gpus=where.gpus,
    )


def _key_everywhere(name: str) -> str:
    """A key as any process finds it: by its name, or by the whole path of its file."""
    by_name = is_name(name) and key_path(name).exists()
    return name if by_name else str(Path(name).absolute())


def remarks(summary: Summary) -> list[str]:
    """What a person wants to know beside the result."""
    lines = []
    if summary.skipped:
        names = [f"{shown(name)} ({why})" for name, why in list(summary.skipped.items())[:SHOWN]]
        more = len(summary.skipped) - len(names)
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"Left out {len(summary.skipped)}: {'; '.join(names)}{rest}")
    if summary.earlier:
        lines.append(f"{summary.earlier} were finished by earlier runs.")
    if pace := summary.pace.pictures and summary.pace:
        lines.append(
            f"{pace.pictures} in {duration(pace.seconds)}: {pace.pictures_per_s:.2f} pictures/s, "
            f"{pace.megapixels_per_s:.2f} Mpx/s"
        )
    return lines


def sentence(summary: Summary) -> str:
    """The result in one line."""
    order = [IMMUNIZED, *EXIT_STATUS, FAILED_OUTCOME]
    counts = [f"{summary.outcomes[word]} {word}" for word in order if word in summary.outcomes]
    if summary.remaining:
        counts.append(f"{summary.remaining} left to do")
    noun = "picture" if summary.pictures == 1 else "pictures"
    what = ", ".join(counts) or "nothing to do"
    return f"{summary.pictures} {noun}: {what}. {shown(summary.manifest)}"
