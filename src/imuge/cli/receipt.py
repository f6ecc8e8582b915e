"""`imuge receipt`: check, offline, that a picture stands in a registry's log."""

import json
from pathlib import Path
from typing import Annotated

import typer

from imuge.cli.terminal import STREAM, one_sentence
from imuge.errors import ConfigError, ReceiptError
from imuge.files import reason
from imuge.registry import Receipt, VerifierKey, verify_receipt
from imuge.registry.receipts import MAX_BYTES

receipt_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check receipts offline.\n\nNothing secret and no registry is needed, only its public "
    "verifier key.",
)


@receipt_app.callback()
def _group() -> None:
    pass


@receipt_app.command("verify")
@one_sentence
def verify(
    receipt: Annotated[
        Path, typer.Argument(metavar="RECEIPT", readable=False, help="A .receipt.json file.")
    ],
    public_key: Annotated[
        str,
        typer.Option(
            "--public-key",
            metavar="VKEY",
            help="The registry's verifier key, or a file that holds it: from its publisher, never "
            "from who gave you the receipt.",
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="IN", readable=False, help="Is this the file recorded?"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print record and checkpoint as JSON.")
    ] = False,
) -> None:
    """Check that the record in a receipt stands in the registry's signed log.

    Exit status: 0 it does, 1 it does not or cannot be read.
    """
    if file == STREAM:
        raise ConfigError("--file takes a file, not standard input")
    key = VerifierKey.parse(_key_text(public_key))
    picture = None if file is None else _read(file)
    checked = verify_receipt(Receipt.parse(_read(receipt, MAX_BYTES + 1)), key, file=picture)
    record, size = checked.record, checked.checkpoint.size
    if as_json:
        facts = {"origin": checked.checkpoint.origin, "size": size, "record": record.to_dict()}
        typer.echo(json.dumps(facts | {"file_agrees": checked.file_agrees}, indent=2))
        return
    who = record.publisher or "no publisher named"
    typer.echo(f"{record.created_at}: {record.kind}, {who}, record {record.log_index} of {size}")
    typer.echo(f"The log of {checked.checkpoint.origin} holds it.")
    if checked.file_agrees:
        typer.echo(f"{file} is the file recorded, bit for bit.")


def _key_text(given: str) -> str:
    if "+" in given:
        return given
    return _read(Path(given), MAX_BYTES).decode("utf-8", "replace")


def _read(path: Path, most: int = -1) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise ReceiptError(f"expected a file, got {path}")
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise ReceiptError(f"cannot read {path}: {reason(error)}") from error
