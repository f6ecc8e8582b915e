"""Signed answers: what a registry said to whom asked, so that it cannot say otherwise later.

    imuge.answer/1
    {"answer":...,"at":"2026-11-26T09:57:21Z","checkpoint":...,"query":...}

    — registry.example.org/pictures Az3grlg...

The first line keeps an answer from being taken for a checkpoint: both are signed by one key.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from imuge.errors import ReceiptError
from imuge.registry.notes import Checkpoint, SigningKey, VerifierKey
from imuge.registry.records import canonical

_FIRST_LINE = "imuge.answer/1"


def sign(
    key: SigningKey,
    query: Mapping[str, Any],
    answer: Mapping[str, Any],
    checkpoint: Checkpoint,
    at: str,
) -> str:
    """Give query and answer as a signed note. Both hold strings, whole numbers, lists and null."""
    content = {
        "query": dict(query),
        "answer": dict(answer),
        "checkpoint": {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": base64.b64encode(checkpoint.root).decode("ascii"),
        },
        "at": at,
    }
    return key.sign(f"{_FIRST_LINE}\n{canonical(content).decode()}\n")


def read(key: VerifierKey, note: str) -> dict[str, Any]:
    """Check a signed answer and give query, answer, checkpoint and time.

    Raises:
        ReceiptError: it is not signed by `key`, or is no answer.
    """
    first, _, rest = key.text(note).partition("\n")
    if first != _FIRST_LINE:
        raise ReceiptError("the note is no signed answer; a checkpoint is checked with a receipt")
    content: dict[str, Any] = json.loads(rest)
    return content
