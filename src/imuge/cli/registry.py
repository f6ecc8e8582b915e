"""`imuge registry`: make a registry of published pictures, ask it, prove and check it.

Where it is comes from IMUGE_REGISTRY_URL, or it is the SQLite file beside the keys.
"""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imuge.cli.terminal import (
    FAILED,
    STREAM,
    complain,
    one_sentence,
    read_source,
    say,
    write_output,
)
from imuge.errors import RegistryError
from imuge.files import reason
from imuge.image import load
from imuge.registry import perceptual_hash
from imuge.registry.places import URL_VARIABLE, parse_address
from imuge.results import EXIT_STATUS

if TYPE_CHECKING:
    from imuge.registry.lookup import Match

registry_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keep a log of what you publish.\n\n`imuge immunize --registry` records, `imuge verify "
    "--registry` asks. The registry is the one in IMUGE_REGISTRY_URL, or the SQLite file beside "
    "your keys. Needs the extra [registry]; without it every command says how to install it.",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="Of the record.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
NOT_FOUND = EXIT_STATUS["unprotected"]


@registry_app.command("init")
@one_sentence
def init(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="A path for SQLite. An address with a password belongs into IMUGE_REGISTRY_URL.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the log: the address where you will publish checkpoints, without https://.",
        ),
    ] = None,
) -> None:
    """Make a registry and its key, or bring an older one up to date.

    Prints the verifier key: publish it, receipts are checked with it.
    """
    from imuge.registry import Registry

    with Registry.create(url, name=name) as registry:
        typer.echo(str(registry.verifier))
        say(f"The registry is {registry.address.shown}, its key {registry.address.key_file}.")
        if registry.address != parse_address():
            say(f"Commands find it through {URL_VARIABLE}={registry.address.shown}")
        say("Publish the line above. Keep a copy of the key where this machine cannot reach it.")


@registry_app.command("show")
@one_sentence
def show(
    number: Annotated[
        int | None,
        typer.Argument(metavar="NUMBER", min=0, help="A record; without, the registry itself."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the registry, or one of its records."""
    from imuge.registry import Registry

    with Registry.open() as registry:
        if number is not None:
            match = registry.record(number)
            facts = _facts(match)
            _print(facts, [f"{name}: {value}" for name, value in facts.items()], as_json=as_json)
            return
        status = registry.show()
    facts = {
        "address": status.address,
        "name": status.name,
        "verifier_key": status.verifier_key,
        "size": status.size,
        "root": base64.b64encode(status.root).decode("ascii"),
        "withdrawn": status.withdrawn,
        "last": None if status.last is None else status.last.created_at,
        "last_checkpoint": status.last_checkpoint,
    }
    lines = [
        f"{status.name} at {status.address}",
        f"{status.size} records, {status.withdrawn} withdrawn; last: {facts['last'] or 'none'}",
        f"verifier key: {status.verifier_key}",
    ]
    _print(facts, lines, as_json=as_json)


@registry_app.command("find")
@one_sentence
def find(
    source: Annotated[
        Path, typer.Argument(metavar="IN", readable=False, help="A picture; - is standard input.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Find the records of a file, without any key: by its bytes, or by how it looks.

    Likeness finds and never proves: compare by eye. `imuge verify --registry` finds by the mark.
    Exit status 13 if there is none.
    """
    from imuge.registry import Registry

    given = read_source(source)
    picture = load(given)
    with Registry.open() as registry:
        found = registry.find_file(picture.sha256)
        numbers = {match.record.log_index for match in found}
        alike = registry.find_alike(perceptual_hash(picture.pixels)[0])
        found += [match for match in alike if match.record.log_index not in numbers]
    lines = [_line(match) for match in found] or ["No record of this file, or of one like it."]
    _print([_facts(match) for match in found], lines, as_json=as_json)
    if not found:
        raise typer.Exit(NOT_FOUND)


@registry_app.command("receipt")
@one_sentence
def receipt(
    number: Number,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", readable=False, help="A file, or -.")
    ] = STREAM,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it exists.")
    ] = False,
) -> None:
    """Issue the receipt of a record again, against the log as it is now."""
    from imuge.registry import Registry

    with Registry.open() as registry:
        made = registry.receipt(number).to_json()
    if output == STREAM:
        typer.echo(made.decode(), nl=False)
    else:
        write_output(output, made, overwrite=overwrite)


@registry_app.command("checkpoint")
@one_sentence
def checkpoint() -> None:
    """Sign the log as it is now; publish what is printed where you cannot take it back."""
    from imuge.registry import Registry

    with Registry.open() as registry:
        typer.echo(registry.checkpoint(), nl=False)


@registry_app.command("audit")
@one_sentence
def audit(
    notes: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CHECKPOINTS", readable=False, help="Files of checkpoints kept elsewhere."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the whole log, and that it continues every checkpoint given.

    Exit status 1 if anything does not hold.
    """
    from imuge.registry import Registry

    kept = [note for path in notes or () for note in split_notes(_text(path))]
    with Registry.open() as registry:
        found = registry.audit(*kept)
    facts = {
        "size": found.size,
        "root": base64.b64encode(found.root).decode("ascii"),
        "withdrawn": found.withdrawn,
        "checkpoints": found.checkpoints,
        "problems": list(found.problems),
    }
    line = (
        f"{found.size} records, {found.withdrawn} withdrawn, {found.checkpoints} checkpoints: "
        + ("all of it holds." if found.sound else "NOT sound.")
    )
    _print(facts, [line], as_json=as_json)
    for problem in found.problems:
        complain(problem)
    if not found.sound:
        raise typer.Exit(FAILED)


@registry_app.command("withdraw")
@one_sentence
def withdraw(
    number: Number,
    publisher: Annotated[
        str, typer.Option(metavar="NAME", envvar="IMUGE_PUBLISHER", help="Who withdraws it.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why; for the public record.")] = "",
) -> None:
    """Erase what shows a picture, for good, and record that it was withdrawn.

    The public line stays, and the log stays whole. There is no way back.
    """
    from imuge.registry import Registry

    with Registry.open() as registry:
        made = registry.withdraw(number, publisher=publisher, note=note)
    typer.echo(f"record {number} is withdrawn, by record {made.record.log_index}")


def split_notes(text: str) -> list[str]:
    """The signed notes in a file to which one checkpoint after the other was appended.

    Raises:
        RegistryError: it holds none.
    """
    notes: list[str] = []
    body: list[str] = []
    for line in text.splitlines():
        if line.startswith("— "):
            body.append(line)
            notes.append("\n".join(body).lstrip("\n") + "\n")
            body = []
        else:
            body.append(line)
    if not notes or any(body):
        raise RegistryError(
            "expected signed checkpoints, one after the other, as `imuge registry checkpoint` "
            "prints them, got something else"
        )
    return notes


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path} holds no checkpoints: it is not text") from error
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {reason(error)}") from error


def _facts(match: "Match") -> dict[str, Any]:
    facts: dict[str, Any] = match.record.to_dict()
    if match.by != "number":
        facts["found_by"] = match.by
    if match.distance is not None:
        facts["distance"] = match.distance
    if match.withdrawn is not None:
        facts["withdrawn"] = match.withdrawn.created_at
    return facts


def _line(match: "Match") -> str:
    words = {
        "file": "this very file",
        "original": "the original of",
        "likeness": f"looks like ({match.distance} of 256 bits differ)",
    }
    record = match.record
    gone = "" if match.withdrawn is None else f", withdrawn {match.withdrawn.created_at}"
    return (
        f"{words.get(match.by, match.by)}: record {record.log_index}, {record.created_at}, "
        f"{record.publisher or 'no publisher named'}, key {record.key_id}, image "
        f"{record.image_id}{gone}"
    )


def _print(facts: object, lines: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(lines))
