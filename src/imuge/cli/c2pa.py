"""`imuge c2pa`: certificates to try Content Credentials with."""

from pathlib import Path
from typing import Annotated

import typer

from imuge.cli.terminal import one_sentence, say
from imuge.provenance import make_test_certificates

c2pa_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Content Credentials (C2PA).\n\n`imuge immunize --c2pa-cert --c2pa-key` signs, `imuge "
    "verify --trust` judges.",
)


@c2pa_app.callback()
def _group() -> None:
    pass


@c2pa_app.command("test-cert")
@one_sentence
def make(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="Where the three files go.")
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The organization that will seem to sign.")
    ] = "imuge test",
) -> None:
    """Make a root, a certificate chain and its key to try with.

    They are valid for a year, and trusted by nobody who was not given the root.
    """
    anchors, chain, key = make_test_certificates(folder, name=name)
    for path, what in ((anchors, "for --trust"), (chain, "--c2pa-cert"), (key, "--c2pa-key")):
        typer.echo(f"{path}  {what}")
    say("These are for trying out: nobody else trusts them.")
