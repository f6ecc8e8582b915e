"""Whether the search finds what is not there, and what it costs to look in vain.

Crops that were never protected, under many keys; protected crops under keys that did not protect
them. Only the beacon's corrected p-value decides, so none may fall below its threshold.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imuge.bench.geometry.cases import KEYS
from imuge.bench.presence.run import resampled_keys
from imuge.engine import Engine
from imuge.keys import Key
from imuge.protection.places import Search
from imuge.protection.receive import receive
from imuge.results import Pixels

KEPT = (0.3, 1.0)  # shares of each side that a crop may keep
SMALLEST = 160  # pixels of a crop's shorter side


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """How many crops were looked through, and what was found in them."""

    crops: int
    keys: int  # that each was looked through with
    matches: int  # crops in which any key was said to be present
    least_p: float  # the smallest corrected p-value


def crop(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Some part of a picture."""
    sides = [
        int(rng.integers(max(min(side, SMALLEST), KEPT[0] * side), KEPT[1] * side + 1))
        for side in pixels.shape[:2]
    ]
    top, left = (
        int(rng.integers(whole - side + 1))
        for whole, side in zip(pixels.shape[:2], sides, strict=True)
    )
    return np.ascontiguousarray(pixels[top : top + sides[0], left : left + sides[1]])


def matches(
    engine: Engine,
    pictures: Sequence[Pixels],
    keys: Sequence[Key],
    crops: int,
    *,
    search: Search = "quick",
    step: Callable[[], None] = lambda: None,
) -> Matches:
    """Look for keys in crops of pictures that they did not protect.

    Args:
        engine: The networks.
        pictures: Whole ones, taken in turn.
        keys: All of them at once, as somebody who holds many looks.
        crops: How many.
        search: How far to look.
        step: Called after each crop.
    """
    values = []
    for number in range(crops):
        part = crop(pictures[number % len(pictures)], np.random.default_rng((number, 2)))
        found = receive(engine, part, keys, search=search)
        assert found is not None, "whole copies are always read"
        values.append((found.reading.presence_p, found.reading.present))
        step()
    return Matches(
        crops=crops,
        keys=len(keys),
        matches=sum(present for _, present in values),
        least_p=min((p for p, _ in values), default=1.0),
    )


def search_seconds(engine: Engine, pixels: Pixels) -> dict[str, float]:
    """What looking in vain costs in one unprotected picture, processor seconds.

    Returns:
        `off`, `quick`, `full`: the whole of receiving, under one key; `quick, 20 keys`.
    """
    keys = resampled_keys(KEYS)
    receive(engine, pixels, keys[:1], search="off")  # what is only done once is done
    found = {}
    tries: list[tuple[str, list[Key], Search]] = [
        ("off", keys[:1], "off"),
        ("quick", keys[:1], "quick"),
        ("full", keys[:1], "full"),
        (f"off, {KEYS} keys", keys, "off"),
        (f"quick, {KEYS} keys", keys, "quick"),
    ]
    for name, tried, search in tries:
        start = time.process_time()
        receive(engine, pixels, tried, search=search)
        found[name] = time.process_time() - start
    return found
