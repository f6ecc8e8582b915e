"""`imuge keys`: make, list and export keys; and which keys a command uses when none is named."""

import os
from pathlib import Path
from typing import Annotated

import typer

from imuge.cli.terminal import FAILED, STREAM, complain, one_sentence, refuse_existing, say
from imuge.errors import ConfigError, KeyFileError
from imuge.keys import (
    Key,
    create_default,
    find_key,
    key_folder,
    key_path,
    new_key,
    scan_keys,
    store_key,
    verify_only,
    write_key,
)

KEEP_A_COPY = (
    "Keep a copy in a safe place: whoever loses this key loses every later verification of the "
    "pictures protected with it."
)

KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="NAME|FILE", help="A key by name or file; may be repeated."),
]

keys_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make, list and export keys.\n\nA key is a small secret file. It protects pictures and "
    "verifies them later; there is no other way to.",
)


def keys_to_immunize(names: list[str] | None) -> list[Key]:
    """The keys asked for, the first of which immunizes; all others held are only looked for.

    Whoever holds one key only need not name it; whoever has none yet gets one, named default, and
    is told so.

    Raises:
        KeyFileError: a key is missing or refused, or there are several and none called default.
    """
    sound, refused = scan_keys()
    if names:
        given = [find_key(name) for name in names]
    elif _chosen_by_environment() or key_path("default").exists():
        given = [find_key()]
    elif len(full := [key for key in sound if key.can_recover]) == 1 and not refused:
        given = full
        say(f"Using your only key, {full[0].name} ({full[0].key_id}).")
    elif sound or refused:
        held = ", ".join(key.name for key in sound) or "none that can be read"
        raise KeyFileError(
            f"there is no key default in {key_folder()}; name one with --key (held: {held})"
        )
    else:
        made, path = create_default()
        say(f"Made your first key, {made.name} ({made.key_id}): {path}. {KEEP_A_COPY}")
        given = [made]
    _warn(refused)
    known = {key.key_id for key in given}
    return given + [key for key in sound if key.key_id not in known]


def keys_to_verify(names: list[str] | None) -> list[Key]:
    """The keys asked for, or the one in IMUGE_KEY_FILE, or all that are held.

    Raises:
        KeyFileError: a key is missing or refused, or there is none at all.
    """
    if names:
        return [find_key(name) for name in names]
    if _chosen_by_environment():
        return [find_key()]
    sound, refused = scan_keys()
    if not sound and len(refused) == 1:
        raise refused[0]
    _warn(refused)
    if not sound:
        raise KeyFileError(
            f"there is no usable key in {key_folder()}; name one with --key NAME|FILE"
        )
    return sound


def _chosen_by_environment() -> bool:
    return bool(os.environ.get("IMUGE_KEY_FILE"))


def _warn(refused: list[KeyFileError]) -> None:
    for error in refused:
        say(f"Left out: {error}")


@keys_app.command("new")
@one_sentence
def keys_new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Letters, digits, dot, dash and underscore.")
    ],
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the key of this name, which is lost for good."),
    ] = False,
) -> None:
    """Make a new key and store it in the key folder."""
    if key_path(name).exists() and not overwrite:
        raise KeyFileError(
            f"there is a key {name} already; choose another name (--overwrite would destroy it)"
        )
    key = new_key(name)
    path = store_key(key, overwrite=overwrite)
    typer.echo(f"{key.name}  {key.key_id}  {path}")
    say(KEEP_A_COPY)


@keys_app.command("list")
@one_sentence
def keys_list() -> None:
    """List the keys you hold: name, id and kind.

    A key file that is refused is named with the reason, and the exit status is 1.
    """
    sound, refused = scan_keys()
    for key in sound:
        typer.echo(f"{key.name}  {key.key_id}  {'full' if key.can_recover else 'verify-only'}")
    if not sound and not refused:
        say(f"There is no key in {key_folder()}; make one: imuge keys new NAME")
    for error in refused:
        complain(str(error))
    if refused:
        raise typer.Exit(FAILED)


@keys_app.command("export")
@one_sentence
def keys_export(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="The key to copy.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", readable=False, help="The file to write."),
    ],
    verify_only_key: Annotated[
        bool,
        typer.Option(
            "--verify-only", help="Leave out what recovers; it can still forge what it verifies."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it exists.")
    ] = False,
) -> None:
    """Copy a key into a file that only you can read.

    Use it as a backup, or with --verify-only to let somebody else verify your pictures.
    """
    if output == STREAM:
        raise ConfigError("a key is never written to standard output; give -o a file name")
    key = find_key(name)
    refuse_existing(output, overwrite=overwrite)
    write_key(verify_only(key) if verify_only_key else key, output, overwrite=overwrite)
    say(f"{output}: key {key.name} ({key.key_id}){', verify-only' if verify_only_key else ''}")
    if verify_only_key:
        say(
            "Whoever holds this file can tell where your pictures were changed, but cannot recover "
            "what was there; they can also forge protection that this file accepts."
        )
