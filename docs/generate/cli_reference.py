"""The reference of the command `imuge`, from the tree of commands that typer builds.

Own code, because no kept extension fits: sphinx-click needs click, which typer no longer uses, and
sphinxcontrib-typer draws terminals, whose options have no links and do not wrap on a phone.
"""

import re
from collections.abc import Iterator
from typing import Any

import typer

from imuge.cli.app import app

LITERAL = "\b"  # click's mark for a paragraph whose lines stay as they are
OPTION = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*)")
SPECIAL = re.compile(r"([\\*_\[\]<>#|])")


def to_markdown() -> str:
    """Every command with its usage, description, arguments and options."""
    root = typer.main.get_command(app)
    return "\n".join(_command(root, ["imuge"], None))


def _command(command: Any, names: list[str], parent: Any) -> Iterator[str]:  # noqa: ANN401
    context = command.make_context(names[-1], [], parent=parent, resilient_parsing=True)
    name = " ".join(names)
    children = getattr(command, "commands", {})
    yield f"\n({'-'.join(names)})="
    yield f"{'#' * min(len(names) + 1, 3)} {name}\n"
    yield f"```text\n{_usage(command, context)}\n```\n"
    yield from _paragraphs(command.help or "")
    arguments, options = [], []
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            if parameter.param_type_name == "option":
                options.append(record)
            else:
                arguments.append((parameter.metavar or parameter.name.upper(), record[1]))
    for term, text in arguments:
        yield f"`{term}`\n: {inline(text)}\n"
    yield f"```{{program}} {name}\n```\n"
    for term, text in options:
        yield f"````{{option}} {term}\n{inline(text)}\n````\n"
    for child, inner in children.items():
        if not inner.hidden:
            yield from _command(inner, [*names, child], context)


def _usage(command: Any, context: Any) -> str:  # noqa: ANN401
    return " ".join(command.get_usage(context).removeprefix("Usage: ").split())


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(LITERAL):
            yield f"```text\n{paragraph.removeprefix(LITERAL).strip(chr(10))}\n```\n"
        else:
            yield f"{inline(paragraph)}\n"


def inline(text: str) -> str:
    """A help text as Markdown: options as code, everything else as it stands."""
    parts = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else OPTION.sub(r"`\1`", SPECIAL.sub(r"\\\1", part))
        for part in parts
    )
