"""Whether the search finds what is not there, and what it costs to look in vain.

Crops that were never protected, under some keys; protected crops under many keys that did not
protect them. Only the beacon's corrected p-value decides, so none may fall below its threshold.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from imuge.bench.geometry.cases import KEYS
from imuge.bench.grid.trials import Scores
from imuge.bench.presence.run import resampled_keys
from imuge.engine import Engine
from imuge.keys import Key
from imuge.protection.places import Search
from imuge.protection.receive import receive
from imuge.results import Pixels

KEPT = (0.3, 1.0)  # shares of each side that a crop may keep
SMALLEST = 160  # pixels of a crop's shorter side


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


def looked_through(
    engine: Engine, pixels: Pixels, keys: Sequence[Key], numbers: Iterable[int]
) -> list[Scores]:
    """Look for keys in crops of a picture that they did not protect.

    Args:
        engine: The networks.
        pixels: The whole picture.
        keys: All of them at once, as somebody who holds many looks.
        numbers: Of the crops: the seeds of where they are cut.

    Returns:
        For each its corrected `presence_p`, and `present`, whether a key was said to be there.
    """
    found: list[Scores] = []
    for number in numbers:
        part = crop(pixels, np.random.default_rng((number, 2)))
        received = receive(engine, part, keys)
        assert received is not None, "whole copies are always read"
        reading = received.reading
        found.append({"presence_p": reading.presence_p, "present": float(reading.present)})
    return found


def matches(found: Sequence[Scores], keys: int) -> dict[str, Any]:
    """What was found in all crops together.

    Returns:
        `crops` and `keys`, numbers; `matches`, the crops in which a key was said to be present;
        `least_p`, the smallest corrected p-value.
    """
    return {
        "crops": len(found),
        "keys": keys,
        "matches": sum(bool(one["present"]) for one in found),
        "least_p": min((float(one["presence_p"]) for one in found), default=1.0),
    }


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
