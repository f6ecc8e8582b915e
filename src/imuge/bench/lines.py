"""Journals of a header and a line a picture: a run that was stopped goes on from whole lines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imuge.errors import ConfigError


def resumed(journal: Path, header: Mapping[str, Any], *, other: str) -> list[dict[str, Any]]:
    """Whole lines of a journal; one that is not there is begun.

    Args:
        journal: The file.
        header: What the run is.
        other: What the journal is of where its header is another.

    Raises:
        ConfigError: it has another header.
    """
    if not journal.exists():
        journal.write_text(json.dumps(header) + "\n")
        return []
    text = journal.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        journal.write_text(whole)
    first, *lines = map(json.loads, whole.splitlines())
    if first != header:
        raise ConfigError(f"{journal} is of {other}; remove it")
    return lines
