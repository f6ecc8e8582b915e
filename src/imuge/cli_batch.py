"""`imuge batch`: whole folders and lists of pictures, each exactly once, resumed after any end."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from imuge.batch.local import Settings, run_local
from imuge.batch.progress import Meter, duration
from imuge.batch.record import FAILED as FAILED_OUTCOME
from imuge.batch.record import IMMUNIZED
from imuge.batch.summary import SHOWN, Summary
from imuge.batch.tasks import ReportChoice, Wishes
from imuge.cli_keys import KeyOption, keys_to_immunize, keys_to_verify
from imuge.errors import ConfigError
from imuge.image import MetadataPolicy
from imuge.keys import Key
from imuge.results import EXIT_STATUS
from imuge.terminal import complain, console, one_sentence, say

FormatChoice = Literal["jpeg", "png", "webp", "tiff", "avif", "heif"]

Source = Annotated[
    Path,
    typer.Argument(metavar="IN", readable=False, help="A folder, or a list (.jsonl, .csv)."),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", readable=False, help="For outputs and manifest.jsonl; resumed."
    ),
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
        show_default="",
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
    strength: Annotated[float, typer.Option(metavar="F", help="From 0.25 to 3.")] = 1.0,
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
    as_json: JsonOption = False,
) -> None:
    """Protect many pictures.

    Outputs keep the names and sub-folders of their inputs. Every output is read back and verified
    before it is written. Exit status: 0 all are immunized, 1 some failed, 130 or 143 stopped.
    """
    wishes = Wishes(
        command="immunize",
        strength=strength,
        replace=replace,
        metadata=metadata,
        format=None if format is None else format.upper(),
    )
    settings = Settings(
        globs=tuple(glob or ()),
        processes=processes,
        threads=threads,
        restart=restart,
        retry_errors=retry_errors,
        overwrite=overwrite,
    )
    _run(source, out, wishes, keys_to_immunize(key), settings, as_json=as_json)


@batch_app.command("verify")
@one_sentence
def batch_verify(
    source: Source,
    out: OutOption,
    key: KeyOption = None,
    reports: Annotated[
        ReportChoice, typer.Option(help="Which pictures get a report in DIR.")
    ] = "tampered",
    glob: GlobOption = None,
    processes: ProcessesOption = None,
    threads: ThreadsOption = 1,
    restart: RestartOption = False,
    retry_errors: RetryOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell of many pictures whether and where they were changed.

    Every verdict is a line of DIR/manifest.jsonl. Exit status: that of the highest verdict, as
    for imuge verify; 1 if any picture failed; 130 or 143 if stopped.
    """
    wishes = Wishes(command="verify", reports=reports)
    settings = Settings(
        globs=tuple(glob or ()),
        processes=processes,
        threads=threads,
        restart=restart,
        retry_errors=retry_errors,
        overwrite=overwrite,
    )
    _run(source, out, wishes, keys_to_verify(key), settings, as_json=as_json)


def _run(
    source: Path, out: Path, wishes: Wishes, keys: list[Key], settings: Settings, *, as_json: bool
) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"expected a folder for --out, got the file {out}")
    summary = run_local(source, out, wishes, keys, settings, Meter(console))
    for line in remarks(summary):
        say(line)
    for name, error in summary.errors.items():
        complain(f"{name}: {error}")
    if (more := summary.outcomes.get(FAILED_OUTCOME, 0) - len(summary.errors)) > 0:
        say(f"{more} more failed; the manifest names them all.")
    typer.echo(json.dumps(summary.to_dict(), indent=2) if as_json else sentence(summary))
    if summary.signal is not None:
        say("Stopped; run the same command again to go on.")
    raise typer.Exit(summary.exit_status)


def remarks(summary: Summary) -> list[str]:
    """What a person wants to know beside the result."""
    lines = []
    if summary.skipped:
        names = [f"{name} ({why})" for name, why in list(summary.skipped.items())[:SHOWN]]
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
    return f"{summary.pictures} {noun}: {', '.join(counts) or 'nothing to do'}. {summary.manifest}"
