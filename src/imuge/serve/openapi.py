"""Write the service's OpenAPI document: `python -m imuge.serve.openapi --out FILE`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from imuge.files import write_atomically
from imuge.keys import new_key
from imuge.serve.app import create_app
from imuge.serve.settings import GuardSettings


def document() -> str:
    """The document as JSON text, the same every time."""
    app = create_app(GuardSettings(keys=(new_key("openapi"),)))  # nothing is started
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def main(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
) -> None:
    """Write the OpenAPI document of the service into a file."""
    write_atomically(out, document().encode(), overwrite=True)


if __name__ == "__main__":
    typer.run(main)
