"""What every `python -m imuge.bench...` is run by, and how it leaves what it measured."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imuge.errors import ConfigError, ImugeError
from imuge.files import write_atomically

FAILED, USAGE = 1, 2


def as_command(main: Callable[[], None]) -> None:
    """Run a study; of what the caller can act on, print the sentence and not where it came from."""
    try:
        main()
    except ImugeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USAGE if isinstance(error, ConfigError) else FAILED)


def option(name: str, value: int | None, usual: int | None = None) -> str:
    """An option that a command was given, as its result names it; nothing where it is as usual."""
    return "" if value == usual else f" --{name} {value}"


def write_result(folder: Path, name: str, result: Mapping[str, Any], markdown: str) -> None:
    """Write NAME.json and NAME.md, in place of those of an earlier run."""
    for suffix, text in (("json", json.dumps(result, indent=1) + "\n"), ("md", markdown)):
        write_atomically(folder / f"{name}.{suffix}", text.encode(), overwrite=True)
