"""Where a copy may lie, in the order in which it is worth reading there.

pixels ─ spectrum ─► waves of every key ─┬─ whole? ────────────────────────┬─ edges near ─► whole
                                         └─ no: scales, turns ─► placements ┴─ else ─► part, window
no waves ─► every side, edge to edge
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from imuge.image.picture import Samples
from imuge.keys import Key
from imuge.protection.align import (
    Candidate,
    candidates,
    hardly_worse,
    refined,
    straightened,
    whole_candidates,
)
from imuge.protection.frame import LARGEST_SIDE, SIDES, whole_frame
from imuge.protection.peaks import Maps
from imuge.protection.pilot import ORIENTATIONS, Spectrum, Waves, spectrum, waves
from imuge.protection.placement import (
    SNAP,
    Placement,
    apart,
    edge_to_edge,
    edges_near,
    window_shown,
)

Search: TypeAlias = Literal["off", "quick", "full"]

SEARCHES: tuple[Search, ...] = get_args(Search)
MOST_PLACES = 4  # of each key that are read
MOST_LARGER = 1.1  # times a copy's longer side, of a frame that is tried edge to edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to read a copy: in a window of a frame, whose whole size may not be known yet."""

    keys: Sequence[Key]
    placement: Placement  # in the whole frame
    start: tuple[int, int]  # the window's first row and column, multiples of 16 frame pixels
    size: tuple[int, int]  # its height and width
    piloted: bool  # placed by the waves; else taken to be whole and upright
    whole: bool = False  # the copy lies edge to edge in its frame

    def is_like(self, other: "Place") -> bool:
        """Whether there is nothing new to be read here."""
        return (
            (self.start, self.size) == (other.start, other.size)
            and [key.key_id for key in self.keys] == [key.key_id for key in other.keys]
            and apart(self.placement, other.placement) < SNAP
        )


def places_by_waves(pixels: Samples, keys: Sequence[Key], search: Search) -> Iterator[Place]:
    """The places that the keys' waves speak for, likeliest first.

    Whole copies are asked for first: where they can be read, nobody searches further.
    """
    keyed = [waves(key.root("pilot")) for key in keys]
    seen = spectrum(pixels)
    tried: list[Place] = []
    for one in _by_score(_whole(seen, keyed, pixels)):
        place = _place(one, keys, keyed, pixels)
        upright = place.placement.matrix[0, 0] > 0
        if place.whole and (upright or search != "off"):
            tried.append(place)
            yield place
    if search == "off":
        return
    found = _found(seen, keyed, pixels, stretches=search == "full")
    if search == "full" and not found:
        found = _in_windows(pixels, keyed)
    for one in _by_score(found):
        place = _place(one, keys, keyed, pixels)
        if not any(place.is_like(other) for other in tried):
            yield place


def _place(one: "_Found", keys: Sequence[Key], keyed: Sequence[Waves], pixels: Samples) -> Place:
    """Where to read what was found."""
    key_waves, seen = keyed[one.number], one.seen
    placement = one.candidate.placement
    if not one.candidate.upright:  # small parts are moved by what few windows say
        placement = refined(seen, key_waves, placement)
    placement = straightened(seen, key_waves, placement)
    start = (0, 0)
    if (edges := _edges(one, key_waves, placement)) is not None:
        placement, size = edges
    else:
        placement = one.in_copy(placement, pixels)
        start, size = window_shown(placement)
    return Place(
        keys=[keys[one.number]],
        placement=placement,
        start=start,
        size=size,
        piloted=True,
        whole=edges is not None,
    )


def _edges(
    one: "_Found", key_waves: Waves, placement: Placement
) -> tuple[Placement, tuple[int, int]] | None:
    """The placement edge to edge, and that frame's size, where the waves say hardly less for it."""
    if one.start is not None:
        return None
    edges = edges_near(placement, [(side, side) for side in SIDES])
    if edges is None or apart(edges[0], placement) < SNAP:
        return edges
    return edges if hardly_worse(one.seen, key_waves, edges[0], placement) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A placement that waves speak for, of a copy or of a window in it."""

    candidate: Candidate
    number: int  # of the key
    seen: Spectrum
    start: tuple[int, int] | None  # the window's first row and column; None for the whole copy

    def in_copy(self, placement: Placement, pixels: Samples) -> Placement:
        """The placement of the whole copy, from that of the window."""
        if self.start is None:
            return placement
        row, column = self.start
        height, width = pixels.shape[:2]
        offset = placement.offset - placement.matrix @ (column, row)
        return Placement(matrix=placement.matrix, offset=offset, width=width, height=height)


def _by_score(found: Sequence[_Found]) -> list[_Found]:
    return sorted(found, key=lambda one: -one.candidate.score)


def _whole(seen: Spectrum, keyed: Sequence[Waves], pixels: Samples) -> list[_Found]:
    """What the waves of all keys say of a whole, upright copy."""
    height, width = pixels.shape[:2]
    return [
        _Found(candidate=candidate, number=number, seen=seen, start=None)
        for number, waves_of_key in enumerate(keyed)
        for candidate in whole_candidates(seen, waves_of_key, width, height)
    ]


def _found(
    seen: Spectrum,
    keyed: Sequence[Waves],
    pixels: Samples,
    start: tuple[int, int] | None = None,
    *,
    stretches: bool = False,
) -> list[_Found]:
    """What the waves of all keys say of a copy, or of the window that begins at `start`."""
    maps = Maps(seen)
    height, width = pixels.shape[:2]
    return [
        _Found(candidate=candidate, number=number, seen=seen, start=start)
        for number, waves_of_key in enumerate(keyed)
        for candidate in candidates(
            maps, waves_of_key, width, height, stretches=stretches, most=MOST_PLACES
        )
    ]


def _in_windows(pixels: Samples, keyed: Sequence[Waves]) -> list[_Found]:
    """The same in overlapping windows: a copy may be a small part of what is shown."""
    height, width = pixels.shape[:2]
    found = []
    for row in range(0, height - height // 2 + 1, max(1, height // 4)):
        for column in range(0, width - width // 2 + 1, max(1, width // 4)):
            part = pixels[row : row + height // 2, column : column + width // 2].copy()
            found += _found(spectrum(part), keyed, part, (row, column))
    return _by_score(found)[:MOST_PLACES]


def places_edge_to_edge(
    keys: Sequence[Key], width: int, height: int, sides: Sequence[int]
) -> Iterator[Place]:
    """Every frame that a whole, upright copy may have."""
    for side in sides:
        frame = whole_frame(width, height, side)
        placement = edge_to_edge(width, height, frame, ORIENTATIONS[0])
        yield Place(
            keys=keys,
            placement=placement,
            start=(0, 0),
            size=frame.size,
            piloted=False,
            whole=True,
        )


def plain_sides(width: int, height: int) -> list[int]:
    """Sides to try edge to edge, those of the usual detail first."""
    longest = min(MOST_LARGER * max(width, height), LARGEST_SIDE["fine"])
    fitting = [side for side in SIDES if side <= max(longest, SIDES[0])]
    return sorted(fitting, key=lambda side: (side > LARGEST_SIDE["normal"], -side))
