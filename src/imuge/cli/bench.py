"""`imuge bench`: say how good it is, with real files and real encoders."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from imuge.cli.terminal import console, one_sentence, say
from imuge.errors import ConfigError

GridChoice = Literal["quick", "standard", "full"]
DetailChoice = Literal["robust", "normal", "fine"]

DataOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", readable=False, help="Photographs never trained on."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", readable=False, help="Where bench.json, .csv, .md, .html go."),
]
GridOption = Annotated[
    GridChoice,
    typer.Option(help="quick: minutes; standard: minutes a picture; full: hours."),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|PATH",
        help="A release, or weights of any architecture; NAME=PATH names it. Several times for "
        "several. [default: the release shipped]",
    ),
]
PeersOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES", help="Others to be measured beside: all, or names with commas between."
    ),
]
PicturesOption = Annotated[
    int | None, typer.Option(metavar="N", min=2, help="Only so many, evenly spread over DIR.")
]
DetailOption = Annotated[DetailChoice, typer.Option(help="On which frames the release publishes.")]
SeedOption = Annotated[
    int, typer.Option(metavar="N", min=0, help="The same seed gives the same results.")
]
JobsOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Processes. [default: one a core]")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on where an earlier run into DIR was stopped.")
]

bench_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@bench_app.callback()
@one_sentence
def bench(
    context: typer.Context,
    data: DataOption = None,
    out: OutOption = None,
    grid: GridOption = "standard",
    model: ModelOption = None,
    peers: PeersOption = None,
    pictures: PicturesOption = None,
    detail: DetailOption = "normal",
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    resume: ResumeOption = False,
) -> None:
    """Measure how good it is (for developers and the curious).

    Immunizes photographs, publishes, tampers, scales, re-saves and verifies them through real
    files, and writes tables, plots and examples. --peers adds forensics, inpainting and
    watermarks of others. Needs the extra [bench].
    """
    if context.invoked_subcommand is not None:
        return
    if data is None or out is None:
        raise ConfigError("expected --data DIR with photographs and --out DIR for the results")
    # Here: the commands that most people use need none of this.
    from imuge.bench.grid.entrants import check_names, read_models, read_peers
    from imuge.bench.grid.run import GridSettings, run
    from imuge.weights import read_record, release_folder

    names = [name.strip() for name in (peers or "").split(",") if name.strip()]
    models = [read_record(release_folder()).name] if model is None else model
    entrants = [*read_models(models, detail), *read_peers(names)]
    check_names(entrants)
    settings = GridSettings(
        data=data,
        out=out,
        grid=grid,
        entrants=tuple(entrants),
        pictures=pictures,
        seed=seed,
        jobs=jobs or len(os.sched_getaffinity(0)),
        resume=resume,
        bits=names == ["all"],
        command=shlex.join(["imuge", *(a for a in sys.argv[1:] if a != "--resume")]),
    )
    run(settings, console=console)
    say(f"Results: {out / 'bench.html'}")


# They read their options themselves, so that `python -m imuge.bench.NAME` is the same command.
_own_options: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
}


@bench_app.command(**_own_options)
@one_sentence
def speed(context: typer.Context) -> None:
    """Time and memory of every stage, by size, threads and runtime.

    imuge bench speed --help lists its options.
    """
    from imuge.bench.speed.run import main

    main(context.args)


@bench_app.command(**_own_options)
@one_sentence
def security(context: typer.Context) -> None:
    """Attacks on the protection itself, and what the verdicts are.

    imuge bench security --help lists its options.
    """
    from imuge.bench.security.run import main

    main(context.args)


@bench_app.command(**_own_options)
@one_sentence
def presence(context: typer.Context) -> None:
    """Whether p-values on unprotected pictures are uniform.

    imuge bench presence --help lists its options.
    """
    from imuge.bench.presence.run import main

    main(context.args)
