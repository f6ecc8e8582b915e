"""What a worker needs to build its own `Guard`, in a form that travels over a pipe."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imuge.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """Keys, weights and threads of the guard that each worker builds.

    Attributes:
        keys: The first immunizes unless a request names another; all are tried to verify.
        weights: Folder of a release; None means the one shipped with imuge.
        threads: Processor threads of each worker; None means all.
    """

    keys: tuple[Key, ...] = field(repr=False)
    weights: Path | None = None
    threads: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON takes them. They hold secrets: for a worker's pipe alone."""
        return {
            "keys": [key_to_dict(key) for key in self.keys],
            "weights": None if self.weights is None else str(self.weights.absolute()),
            "threads": self.threads,
        }


def key_to_dict(key: Key) -> dict[str, Any]:
    """A key and its secrets as JSON takes them."""

    def text(secret: bytes) -> str:
        return base64.b64encode(secret).decode("ascii")

    if key.secret is not None:
        return {"name": key.name, "secret": text(key.secret)}
    roots = {purpose: text(root) for purpose, root in key.roots.items()}
    return {"name": key.name, "key_id": key.key_id, "roots": roots}


def key_from_dict(held: dict[str, Any]) -> Key:
    """The key that `key_to_dict` packed."""
    decode = base64.b64decode
    if "secret" in held:
        return Key.from_secret(held["name"], decode(held["secret"]))
    roots = {purpose: decode(root) for purpose, root in held["roots"].items()}
    return Key.from_roots(held["name"], held["key_id"], roots)
