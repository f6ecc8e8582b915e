"""How a case changes a published picture: what is put into the mask, and what comes back as a file.

published ─┬────────────────────────► outside the mask
           └─ content of the kind ──► inside it ─► file ─ process ─► file ─► what is verified
"""

from typing import Protocol

import numpy as np
from PIL import Image

from imuge.attacks.masks import draw_mask
from imuge.attacks.resave import parse_chain, resave_to_bytes
from imuge.attacks.retouch import KINDS, Tampered, tamper
from imuge.bench.grid.cases import UNTOUCHED, Case
from imuge.image import Limits, load
from imuge.results import Pixels

SCALED = 1.25  # how much larger a scaled copy is than what it was taken from


class Material(Protocol):
    """What content can come from, all of the host's size, (H, W, 3)."""

    @property
    def original(self) -> Pixels:
        """The host, without protection."""

    @property
    def other(self) -> Pixels:
        """Another photograph."""

    @property
    def same_key(self) -> Pixels:
        """The other one, protected by the same hands."""

    @property
    def other_key(self) -> Pixels:
        """The other one, protected by other hands."""


def read_back(picture: Pixels, chain: str) -> Pixels:
    """What the product's own door makes of the file that a chain of encoders leaves."""
    return load(resave_to_bytes(picture, parse_chain(chain)).data, limits=Limits(min_side=1)).pixels


def apply(case: Case, published: Pixels, material: Material, *, seed: tuple[int, ...]) -> Tampered:
    """Tamper with a published picture; for untouched cases it comes back with an empty mask.

    Args:
        case: What to do.
        published: (H, W, 3), as read from the published file.
        material: For content from elsewhere.
        seed: Of mask and content. The same seed, area and shape give the same mask for all kinds
            but `text`, which fills a banner.
    """
    height, width = published.shape[:2]
    if case.tamper == UNTOUCHED:
        return Tampered(published, np.zeros((height, width), bool))
    masks, contents = (np.random.default_rng((*seed, part)) for part in (0, 1))
    if case.tamper == "text":
        return tamper(published, "text", area=case.area, rng=contents)
    mask = draw_mask(case.shape, height, width, case.area, masks)
    if case.tamper in KINDS and case.tamper not in ("splice", "copy-move"):
        return tamper(published, case.tamper, rng=contents, mask=mask)
    content = _content(case.tamper, published, material)
    return Tampered(np.where(mask[..., None], content, published), mask)


def _content(kind: str, published: Pixels, material: Material) -> Pixels:
    height, width = published.shape[:2]
    if kind == "copy-move, scaled":
        moved = Image.fromarray(np.roll(published, (height // 3, width // 4), (0, 1)))
        large = moved.resize((round(SCALED * width), round(SCALED * height)))
        return np.asarray(large)[:height, :width]
    if kind == "copy-move":
        return np.roll(published, (height // 3, width // 4), (0, 1))
    if kind == "copy-move, flipped":
        return published[:, ::-1]
    # Asked for one at a time: protecting another picture takes as long as all else.
    sources = {
        "splice": "other",
        "splice, same key": "same_key",
        "splice, other key": "other_key",
        "regenerate": "original",
    }
    found: Pixels = getattr(material, sources[kind])
    return found
