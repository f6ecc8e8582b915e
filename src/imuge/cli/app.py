"""The command `imuge`: thin, scriptable, one sentence for every error.

Exit status: 0 done or `intact`, 10 `tampered`, 11 `degraded`, 12 `foreign`, 13 `unprotected`;
1 for anything that failed, 2 for wrong usage. Of several files the highest verdict counts, and 1
if any failed.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from imuge import __version__
from imuge.cli.attack import attack
from imuge.cli.batch import batch_app
from imuge.cli.bench import bench_app
from imuge.cli.c2pa import c2pa_app
from imuge.cli.doctor import examine
from imuge.cli.immunize import immunize
from imuge.cli.keys import keys_app
from imuge.cli.receipt import receipt_app
from imuge.cli.registry import registry_app
from imuge.cli.serve import serve, tokens_app
from imuge.cli.terminal import (
    FAILED,
    complain,
    explain,
    one_sentence,
    prepare_streams,
    progress,
    say,
)
from imuge.cli.verify import verify
from imuge.demo import run_demo
from imuge.engine.steps import DEMO, Plan
from imuge.errors import ConfigError, ImugeError, to_install

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain text: it can be read aloud, searched and cut
    pretty_exceptions_enable=False,  # those would print local variables, keys among them
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: imuge demo. `imuge COMMAND --help` tells more.",
)
app.command()(immunize)
app.command()(verify)
app.command()(attack)
app.add_typer(keys_app, name="keys")
app.add_typer(batch_app, name="batch")
app.add_typer(registry_app, name="registry")
app.add_typer(receipt_app, name="receipt")
app.add_typer(c2pa_app, name="c2pa")
app.command()(serve)
app.add_typer(tokens_app, name="tokens")
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command."""
    prepare_streams()
    try:
        app()
    except OSError as error:  # help or version into a full disk; commands report their own
        complain(explain(error))
        raise SystemExit(FAILED) from error


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imuge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Immunize photographs: see later where a copy was changed and what was there before.

    \b
    imuge immunize photo.jpg             protect it: writes photo.immunized.jpg
    imuge verify copy.jpg                tell where a copy was changed
    imuge verify copy.jpg --out report   ... and show what was there before
    """  # noqa: D301 - \b is click's mark for a paragraph to leave as it is
    del version


@app.command()
@one_sentence
def doctor() -> None:
    """Check that imuge works on this machine.

    Shows versions, weights and keys, and protects and verifies a small picture. Exit status 1 if
    anything is wrong.
    """
    problems = 0
    for line in examine():
        typer.echo(line.text if line.sound else f"PROBLEM  {line.text.strip()}")
        problems += not line.sound
    if problems:
        typer.echo(f"{problems} {'problem' if problems == 1 else 'problems'} found.")
        raise typer.Exit(FAILED)
    typer.echo("Everything works.")


@app.command()
@one_sentence
def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", readable=False, help="A new folder, or an earlier demo's."
        ),
    ] = Path("imuge-demo"),
) -> None:
    """Show the whole job on a bundled photograph.

    Immunizes it, retouches a part away, re-saves it as JPEG, verifies it and writes the report.
    The demo's key lies in DIR; your own keys are not touched.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / "demo.key").exists():
        raise ConfigError(f"{out} holds other files, which stay as they are; name a new folder")
    with progress(1, Plan(DEMO)) as steps:
        verdict = run_demo(out, say=say, progress=steps.step)
    typer.echo(verdict.sentence)


@app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@one_sentence
def train(context: typer.Context) -> None:
    """Train networks from photographs (for developers).

    imuge train --help lists its options. Needs the extra [train].
    """
    try:
        from imuge.train.__main__ import main as run_training
    except ModuleNotFoundError as error:
        raise _not_installed("training", error) from error
    raise typer.Exit(run_training(context.args))


@app.command()
@one_sentence
def calibrate(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR", readable=False, help="Pictures neither trained on nor reported on."
        ),
    ],
    release: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="The release; default: the shipped one."),
    ] = None,
    pictures: Annotated[int, typer.Option(metavar="N", min=2, help="How many to measure.")] = 200,
    bound: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.5, help="Share of untouched pictures that may show any region."
        ),
    ] = 0.02,
    whole: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Large ones, for half."),
    ] = None,
    journal: Annotated[
        Path, typer.Option(metavar="FILE", help="Keeps what was measured; a run goes on from it.")
    ] = Path("calibration.journal.jsonl"),
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes. [default: one a core]")
    ] = None,
) -> None:
    """Set a release's thresholds (for developers).

    Half a minute a picture. The thresholds go into the release's record.
    """
    from imuge.bench.calibrate import calibrate as set_points

    found = set_points(
        data, release, pictures=pictures, bound=bound, whole=whole, journal=journal, jobs=jobs
    )
    typer.echo(found.model_dump_json(indent=2))


@app.command()
@one_sentence
def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS", readable=False, help="Trained weights, a safetensors file."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            readable=False,
            help="The release's folder, new or without a release.",
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME.TAG", help="Of the release: architecture and tag.")
    ],
    licence: Annotated[
        str, typer.Option(metavar="SPDX", help="The weights' licence, an SPDX expression.")
    ] = "Apache-2.0",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the release in DIR.")
    ] = False,
) -> None:
    """Turn trained weights into a release (for developers).

    Writes the ONNX graphs and their record. Needs the extra [train].
    """
    if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", name):
        raise ConfigError(f"expected a name such as imuge.v1 (a-z, 0-9 and _), got {name!r}")
    if (output / "record.json").exists() and not overwrite:
        raise ConfigError(f"{output} holds a release already; use --overwrite or another -o")
    try:
        from imuge.train.export import export as export_release
    except ModuleNotFoundError as error:
        raise _not_installed("export", error) from error
    record = export_release(source, output, name=name, licence=licence)
    for graph in record.graphs.values():
        typer.echo(f"{graph.sha256}  {output / graph.file}")


def _not_installed(what: str, error: ModuleNotFoundError) -> ImugeError:
    return ImugeError(f"{what} needs {error.name}, which is not installed: {to_install('train')}")
