"""Runs the examples of a page in order, as a reader would, and puts what they print into the page.

    ```console               ```python
    $ imuge keys list        print(verdict.sentence)
    newsdesk  1f…            ```
    ```                      printed by it: the ```text block that follows

Key and image ids are fixed, so that the same page comes out again. `…` in a page stands for
anything, over lines too; outputs without it are written by `rewritten`.
"""

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from imuge.cli.app import app

FENCE = re.compile(r"^```(console|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECRET = bytes(range(32))  # of the key that every session makes: public, so good for pages only
FIRST_IMAGE_ID = 0x1F2E3D4C5B6A
ANYTHING = "…"


@dataclass
class Session:
    """A terminal and a Python in one folder."""

    folder: Path
    home: Path  # stands for ~/.config, where keys lie
    names: dict[str, Any] = field(default_factory=dict)  # of the Python examples, kept between them
    status: int = 0

    def console(self, line: str) -> str:
        """Type one command; return what it prints, errors too.

        Raises:
            ValueError: it is none of the commands that a page may use.
        """
        command, *arguments = shlex.split(line, comments=True)
        if line == "echo $?":
            return f"{self.status}\n"
        if command == "ls":
            return "".join(f"{path.name}\n" for path in sorted(Path(arguments[0]).iterdir()))
        if command == "cp":
            shutil.copyfile(Path(__file__).parents[1] / arguments[0], arguments[1])
            return ""
        if command != "imuge":
            raise ValueError(f"a page's examples use imuge, cp, ls and echo $?; got {line!r}")
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        self.status = result.exit_code
        return result.output.replace(str(self.home), "~/.config")

    def python(self, code: str) -> str:
        """Run an example; return what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "page", "exec"), self.names)  # noqa: S102 - our own pages
        return printed.getvalue()

    def rewritten(self, page: str) -> str:
        """The page with every example run and its output as it is now."""
        printed: str | None = None

        def replaced(fence: re.Match[str]) -> str:
            nonlocal printed
            kind, body = fence[1], fence[2]
            if kind == "console":
                body = "".join(self._answered(command, shown) for command, shown in steps(body))
            elif kind == "python":
                printed = self.python(body)
            elif printed is not None:  # text after an example: what it printed
                body, printed = kept(body, printed), None
            return f"```{kind}\n{body}```"

        return FENCE.sub(replaced, page)

    def _answered(self, command: str, shown: str) -> str:
        return f"$ {command}\n{kept(shown, self.console(command))}"


def steps(console: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output shown below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def kept(shown: str, printed: str) -> str:
    """What a page shows if it leaves parts open and the rest is right, else what was printed."""
    pattern = re.escape(shown).replace(re.escape(ANYTHING), ".*?")
    is_right = ANYTHING in shown and re.fullmatch(pattern, printed, re.DOTALL)
    return shown if is_right else printed


@contextlib.contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A session in the folder `folder`, with keys of its own and ids that do not change."""
    home = folder / ".config"
    ids = count(FIRST_IMAGE_ID, 0x010101010101)
    with (
        patch.dict("os.environ", {"XDG_CONFIG_HOME": str(home)}),
        patch("imuge.keys.key.secrets.token_bytes", lambda _: SECRET),
        patch("imuge.guard.new_image_id", ids.__next__),
        contextlib.chdir(folder),
    ):
        yield Session(folder=folder, home=home)
