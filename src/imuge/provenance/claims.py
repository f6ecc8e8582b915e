"""What our manifests say: the original was opened, and a watermark that names it was put in.

    c2pa.actions.v2        opened (the original, as parentOf ingredient) → watermarked
    org.imuge.mark         key id, image id, model: in every manifest of ours
    c2pa.soft-binding      the same ids under a listed algorithm; only where one is configured

The specification ties `c2pa.watermarked.bound` to a soft binding whose algorithm stands on the
official list. imuge's does not yet stand there (docs/content-credentials.md says how it is filed),
so without a configured name the action is `.unbound` and the ids stand in our own assertion.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from imuge import __version__

MARK_LABEL = "org.imuge.mark"
SOFT_BINDING_LABEL = "c2pa.soft-binding"
ORIGINAL = "original"  # the ingredient's title and id: a file's own name may say too much


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the pixels carry, as the manifest says it."""

    key_id: str  # 8 hexadecimal digits
    image_id: str  # as many as the protocol's message carries
    model: str  # name.tag of the weights

    @property
    def binding(self) -> str:
        """The value of a soft binding: key id and image id, base64."""
        return base64.b64encode(bytes.fromhex(self.key_id + self.image_id)).decode("ascii")


def manifest_of(mark: Mark, *, algorithm: str | None) -> dict[str, Any]:
    """The manifest's definition, as the library takes it.

    Args:
        mark: What was put into the pixels.
        algorithm: Name under which imuge's watermark is listed as a soft binding, or None.
    """
    agent = {"name": "imuge", "version": __version__}
    watermarked = "c2pa.watermarked.unbound" if algorithm is None else "c2pa.watermarked.bound"
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [ORIGINAL]}},
        {"action": watermarked, "softwareAgent": agent},
    ]
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": actions}},
        {"label": MARK_LABEL, "data": asdict(mark)},
    ]
    if algorithm is not None:
        blocks = [{"scope": {}, "value": mark.binding}]
        data = {"alg": algorithm, "blocks": blocks}
        assertions.append({"label": SOFT_BINDING_LABEL, "data": data})
    return {"claim_version": 2, "claim_generator_info": [agent], "assertions": assertions}


def ingredient() -> dict[str, str]:
    """How the original stands in the manifest."""
    return {"title": ORIGINAL, "relationship": "parentOf", "label": ORIGINAL}


def mark_in(manifest: Mapping[str, Any]) -> Mark | None:
    """What a manifest says of the pixels' mark; None where it says nothing that can be read."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") != MARK_LABEL:
            continue
        with suppress(TypeError, ValueError):
            mark = Mark(**assertion["data"])
            bytes.fromhex(mark.key_id + mark.image_id)
            return mark
    return None
