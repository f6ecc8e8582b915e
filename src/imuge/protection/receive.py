"""Receiving: a copy is found in its frame, brought there, revealed and read.

    copy ─ spectrum ─► places of every key ─┬─► warp, reveal, read ─► message ─► the exact frame
             └─► (no waves) edge to edge ───┘

Only the beacon decides whether a copy is protected, never the pilot; its p-value is corrected for
all keys and alignments in which this copy could have been read. The message names the frame, so
the last warp is the right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import BLOCK, SIDE_MULTIPLE, Canvas, to_canvas
from imuge.image.picture import Samples
from imuge.keys import (
    TEMPLATE_CHANNELS,
    Key,
    Reading,
    guessed_beacon,
    read,
    template,
)
from imuge.protection.fine_align import fine_aligned
from imuge.protection.frame import size_named
from imuge.protection.placement import SNAP, Placement, apart, edges_near, window_shown
from imuge.protection.places import (
    MOST_PLACES,
    Place,
    Search,
    places_by_waves,
    places_edge_to_edge,
    plain_sides,
)
from imuge.protection.warp import warp

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

UNSURE_SIDE = 192  # of a frame up to which the waves may be too few to be found
SEEN = 250.0  # of 255: a frame's pixel of which less is seen is no evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A copy as it was read best."""

    key: Key  # whose beacon is the strongest
    reading: Reading
    alignments: int  # for each key, that the p-values are corrected for
    placement: Placement
    canvas: Canvas  # the copy on its frame; without a message, on as much of it as was read
    revealed: Array  # (30, h, w), its payload
    piloted: bool  # placed by the waves; else taken to be whole and upright
    others: tuple[Key, ...] = ()  # keys of another id whose message reads there, too


@dataclass(frozen=True, slots=True)
class _Copy:
    """What came back."""

    pixels: Samples
    judged: Mask | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What came of reading at one place."""

    place: Place
    key: Key
    reading: Reading
    canvas: Canvas
    revealed: Array


def receive(
    engine: Engine,
    pixels: Samples,
    keys: Sequence[Key],
    *,
    judged: Mask | None = None,
    search: Search = "quick",
    whole_copies: bool = True,
) -> Received | None:
    """Find the protection of a copy.

    Args:
        engine: The networks.
        pixels: (H, W, 3) uint8 or uint16.
        keys: One key or more.
        judged: (H, W), False where a pixel is no evidence; None where all are.
        search: "off" takes a copy to be whole and upright; "quick" also looks for parts, turns,
            mirroring, and for the published picture inside of a larger one; "full" also for
            unlike scales of both axes, and in windows.
        whole_copies: Whether to try every frame edge to edge where no waves are found. Without,
            it is the fast question whether a picture is protected already: only frames so small
            that the waves may not be found are tried.

    Returns:
        The reading with the strongest beacon; None where there was nothing to read.
    """
    height, width = pixels.shape[:2]
    copy = _Copy(pixels, None if judged is None or judged.all() else judged)
    sides = plain_sides(width, height)
    if not whole_copies:
        small = max(width, height) <= 2 * UNSURE_SIDE
        sides = [side for side in sides if small and side <= UNSURE_SIDE]
    alignments = MOST_PLACES + len(sides)
    places = chain(
        places_by_waves(pixels, keys, search),
        places_edge_to_edge(keys, width, height, sides),
    )
    best: _Read | None = None
    for place in places:
        found = _read(engine, copy, place, len(keys) * alignments)
        if best is None or _rank(found) < _rank(best):
            best = found
        if best.reading.message is not None:
            break
    if best is None:
        return None
    if best.reading.present and best.reading.message is None:
        best = _closer(engine, copy, best)
    received = _settled(engine, copy, best, alignments)
    return replace(received, others=_others(received, keys, alignments))


def _read(engine: Engine, copy: _Copy, place: Place, hypotheses: int) -> _Read:
    """Reveal a copy at one place and read it with the keys that go with it."""
    row, column = place.start
    canvas = _canvas(engine, copy, place.placement.moved(-column, -row), place.size)
    revealed = engine.reveal(canvas.image)
    offset = (row // BLOCK, column // BLOCK)
    return min(
        (
            _Read(
                place=place,
                key=key,
                reading=read(
                    key,
                    revealed[-TEMPLATE_CHANNELS:],
                    valid=canvas.inside,
                    hypotheses=hypotheses,
                    offset=offset,
                ),
                canvas=canvas,
                revealed=revealed,
            )
            for key in place.keys
        ),
        key=_rank,
    )


def _closer(engine: Engine, copy: _Copy, best: _Read) -> _Read:
    """Align by the bits that are likeliest where they do not make a message, and read again.

    The presence stays as it was found before, since this one was looked for.
    """
    place, seen = best.place, best.reading
    row, column = place.start
    expected = guessed_beacon(
        best.key,
        best.revealed[-TEMPLATE_CHANNELS:],
        valid=best.canvas.inside,
        offset=(row // BLOCK, column // BLOCK),
    )
    better = _aligned(engine, copy, best, place, expected)
    again = replace(place, keys=[best.key], placement=better)
    found = _read(engine, copy, again, seen.hypotheses + 1)
    if found.reading.message is None:
        return best
    return replace(found, reading=replace(found.reading, presence_p=seen.presence_p))


def _rank(found: _Read) -> tuple[bool, float, float, bool]:
    """Low is good: a valid message, then a strong beacon, then a key that can recover.

    A key and its verify-only copy read the same.
    """
    reading = found.reading
    untold = reading.message is None
    return untold, reading.presence_p, -reading.agreement, not found.key.can_recover


def _settled(engine: Engine, copy: _Copy, best: _Read, alignments: int) -> Received:
    """The reading with the copy on its whole frame, as the message names it."""
    place, reading = best.place, best.reading
    size = None if reading.message is None else size_named(reading.message.geometry)
    if size is None:  # there is no message: nothing more is known than where it was read
        size, place = place.size, replace(place, start=(0, 0))
    placement, canvas, revealed = place.placement, best.canvas, best.revealed
    if place.size != size or place.start != (0, 0):
        edges = edges_near(placement, [size])
        if edges is not None and edges[1] == size and apart(edges[0], placement) < SNAP:
            placement = edges[0]
        else:
            placement = _finely(engine, copy, best, placement, size)
    elif not place.piloted and reading.message is not None:
        # Nobody has looked yet whether it really is whole: a row less would accuse it.
        better = _finely(engine, copy, best, placement, size)
        placement = better if apart(better, placement) > SNAP else placement
    if placement is not place.placement or place.size != size:
        canvas = _canvas(engine, copy, placement, size)
        revealed = _revealed(engine, canvas)
    return Received(
        key=best.key,
        reading=reading,
        alignments=alignments,
        placement=placement,
        canvas=canvas,
        revealed=revealed,
        piloted=place.piloted,
    )


def _others(received: Received, keys: Sequence[Key], alignments: int) -> tuple[Key, ...]:
    """Keys that did not write the message found, and whose own can be read beside it."""
    signs, inside = received.revealed[-TEMPLATE_CHANNELS:], received.canvas.inside
    return tuple(
        key
        for key in keys
        if key.key_id != received.key.key_id
        and read(key, signs, valid=inside, hypotheses=len(keys) * alignments).message is not None
    )


def _finely(
    engine: Engine, copy: _Copy, best: _Read, placement: Placement, size: tuple[int, int]
) -> Placement:
    """Align a part by the template that its message names, on the window that it shows."""
    message = best.reading.message
    assert message is not None
    start, size = window_shown(placement, size)
    top, left = start[0] // BLOCK, start[1] // BLOCK
    rows, columns = (-(-side // SIDE_MULTIPLE) * SIDE_MULTIPLE // BLOCK for side in size)
    scales = engine.record.options.template_scales
    expected = template(best.key, message, top + rows, left + columns, scales=scales)
    window = replace(best.place, placement=placement, start=start, size=size)
    return _aligned(engine, copy, best, window, expected[:, top:, left:])


def _aligned(engine: Engine, copy: _Copy, best: _Read, window: Place, expected: Array) -> Placement:
    """Align by the first channels of the template in a window of the frame."""
    row, column = window.start
    near = window.placement.moved(-column, -row)
    read_there = best.place
    as_read = window.placement is read_there.placement and (
        (window.start, window.size) == (read_there.start, read_there.size)
    )

    def reveal(placement: Placement) -> tuple[Canvas, Array]:
        canvas, revealed = best.canvas, best.revealed
        if placement is not near or not as_read:
            canvas = _canvas(engine, copy, placement, window.size)
            revealed = engine.reveal(canvas.image)
        return canvas, revealed[-TEMPLATE_CHANNELS:][: len(expected)]

    return fine_aligned(near, expected, reveal).moved(column, row)


def _revealed(engine: Engine, canvas: Canvas) -> Array:
    """The payload (30, h, w) of what is there; 0 beyond, which is no observation."""
    found = engine.reveal(canvas.window_image)
    revealed = np.zeros((len(found), *canvas.grid), np.float32)
    revealed[:, *canvas.window_blocks] = found
    return revealed


def _canvas(engine: Engine, copy: _Copy, placement: Placement, size: tuple[int, int]) -> Canvas:
    """A copy on a frame, with what of it is there to look at."""
    moved, shown = warp(copy.pixels, placement, size, threads=engine.threads)
    if copy.judged is not None:
        mask = np.where(copy.judged, np.uint8(255), np.uint8(0))[..., None]
        seen, _ = warp(mask, placement, size, threads=engine.threads)
        shown = shown & (seen[..., 0] > SEEN)
    return to_canvas(moved, shown)
