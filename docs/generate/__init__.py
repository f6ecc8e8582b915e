"""Puts what is made from the code into the pages while Sphinx reads them.

A page says where: a line `<!-- from the code: cli -->`. So the text around it stays an ordinary
Markdown file, no file is written into the tree, and nothing generated can be committed and age.
"""

import re
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from generate import cli_reference, http_reference
from generate.dataclass_fields import describe_fields, hide_signature

PLACES: dict[str, Callable[[], str]] = {
    "cli": cli_reference.to_markdown,
    "http": http_reference.to_markdown,
}
# Pages that come with a part of imuge, and are missing where a branch lacks the part.
OPTIONAL = ("page", "service", "batch", "bench", "speed", "capacity")
LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)?(\w+)\.md(?:#[\w-]*)?\)")


def register(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx as the `setup` of conf.py."""
    app.connect("source-read", prepare)
    app.connect("autodoc-process-docstring", describe_fields)
    app.connect("autodoc-process-signature", hide_signature)
    app.connect("doctree-read", dashes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def prepare(app: Sphinx, page: str, source: list[str]) -> None:
    """Complete a page that has just been read; `source` holds its text."""
    folder = Path(app.srcdir)
    absent = {name for name in OPTIONAL if not (folder / f"{name}.md").exists()}
    source[0] = without(absent, filled(source[0]))
    if page.startswith("scores/"):
        source[0] = titled(page, source[0])


def dashes(_app: Sphinx, page: nodes.document) -> None:
    """Make dashes of the two hyphens that Sphinx puts after the name of a parameter."""
    for text in list(page.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" – "))


def filled(text: str) -> str:
    """Replace every mark.

    Raises:
        ExtensionError: there is no such place; the build ends.
    """

    def made(mark: re.Match[str]) -> str:
        if mark[1] not in PLACES:
            raise ExtensionError(f"nothing is made for {mark[0]}; known are {', '.join(PLACES)}")
        return PLACES[mark[1]]()

    return re.sub(r"<!-- from the code: (\w+) -->", made, text)


def without(absent: set[str], text: str) -> str:
    """The text without lines of a toctree and links that name absent pages."""
    kept = "\n".join(line for line in text.split("\n") if line not in absent)
    return LINK.sub(lambda link: link[1] if link[2] in absent else link[0], kept)


def titled(page: str, text: str) -> str:
    """A table of results as a page of its own; the bench writes them without titles."""
    heading = "" if text.startswith("# ") else f"# Results: {Path(page).name.replace('_', ' ')}\n\n"
    return f"---\norphan: true\n---\n\n{heading}{text}"
