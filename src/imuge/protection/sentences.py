"""The verdict in one sentence, and the warnings that belong to it. No verdict says "authentic"."""

import math
from collections.abc import Sequence

from imuge.keys import Key
from imuge.protection.hidden_copy import Comparison
from imuge.protection.receive import Received
from imuge.results import Finding, Geometry, Region

MUCH = 0.5  # share of the picture beyond which a reconstruction is mostly guessed
READABLE = 1.07  # pixels of a copy for each of its frame's below which it reads badly


def sentence(
    finding: Finding,
    *,
    key: Key | None,
    tried: Sequence[Key],
    regions: Sequence[Region],
    smallest: int | None,
    geometry: Geometry | None,
) -> str:
    """Say for a person what was found.

    Args:
        finding: The verdict.
        key: Whose protection was found; None where there is none.
        tried: All keys looked with.
        regions: What changed.
        smallest: Pixels that a change must have to be reported; None where nothing was judged.
        geometry: How the copy lies in what was published; None where that is not known.
    """
    if key is None:
        any_key = (
            f"key {tried[0].name}" if len(tried) == 1 else f"any of the {len(tried)} keys tried"
        )
        return (
            f"No protection of {any_key} was found; "
            "this says nothing about whether the picture was changed."
        )
    name = f"key {key.name}"
    if finding == "degraded":
        return (
            f"Protection with {name} was found, but it is too damaged to say whether or where "
            "the picture was changed."
        )
    if finding == "foreign":
        return f"The protection with {name} in this picture seems to belong to another picture."
    lies = "" if geometry is None else _lies(geometry)
    if finding == "intact":
        floor = _floor(smallest)
        return f"No change was found since this picture was protected with {name}{floor}{lies}."
    count = "1 region" if len(regions) == 1 else f"{len(regions)} regions"
    share = sum(region.area for region in regions)
    return f"{count} ({share:.1%} of the picture) changed since it was protected with {name}{lies}."


def _floor(smallest: int | None) -> str:
    """How small a change may go unnoticed, so that nobody takes silence for more than it is."""
    if smallest is None:
        return ""
    side = math.ceil(math.sqrt(smallest))
    return f", beyond re-saving and what is smaller than about {side}x{side} pixels"


def _lies(geometry: Geometry) -> str:
    """What was done to the whole picture, which is no tampering."""
    done = []
    if geometry.share < 1:
        done.append(f"shows {geometry.share:.0%} of what was published")
    if geometry.mirrored:
        done.append("is mirrored")
    if geometry.turn:
        done.append(f"is turned by {geometry.turn:g}°")
    if geometry.stretch != 1:
        done.append(f"is stretched by {max(geometry.stretch, 1 / geometry.stretch):.2f}")
    if geometry.within is not None:
        done.append("lies inside a larger picture, of whose rest nothing is said")
    if not done:
        return ""
    return "; it " + (" and ".join([", ".join(done[:-1]), done[-1]]) if done[1:] else done[0])


def cautions(
    finding: Finding,
    *,
    key: Key | None,
    received: Received,
    small_spots: int,
    tampered_area: float,
    comparison: Comparison | None,
) -> tuple[str, ...]:
    """What the reader of a verdict should know beside it.

    Args:
        finding: The verdict.
        key: Whose protection was found; None where there is none.
        received: How the copy was read.
        small_spots: Pieces that were too small or too doubtful to be regions.
        tampered_area: Of the regions, a fraction of the picture.
        comparison: With the hidden copy; None where there was nothing to compare.
    """
    said = []
    if key is not None and (needed := _needed(received)) is not None:
        said.append(
            f"This copy is small for its protection, which needs about {needed} pixels on the "
            "longer side of what was published: look for a larger copy."
        )
    if key is not None and received.reading.message is not None and received.others:
        names = ", ".join(other.name for other in received.others)
        said.append(
            f"The protection of another key reads, too ({names}): the picture was protected twice, "
            "or one of the keys is in other hands."
        )
    if key is not None and not key.can_recover and received.reading.message is not None:
        said.append(
            f"Key {key.name} is verify-only: nothing was recovered and the hidden copy was "
            "not checked."
        )
    elif finding in ("intact", "tampered") and (
        comparison is None or comparison.check == "not checked"
    ):
        said.append("Too little of the picture is untouched to compare it with its hidden copy.")
    if small_spots:
        spots = "1 spot" if small_spots == 1 else f"{small_spots} spots"
        said.append(
            f"{spots} too small or too doubtful to report also looked changed; re-saving as JPEG "
            "leaves such spots, and so do small edits."
        )
    if finding == "tampered" and tampered_area > MUCH:
        said.append("More than half of the picture changed; the reconstruction is a rough guess.")
    if finding == "foreign" and comparison is not None:
        said.append("The hidden copy shows the picture that the protection was made for.")
    return tuple(said)


def _needed(received: Received) -> int | None:
    """Pixels that a whole copy needs on its longer side; None where this one has enough."""
    if received.placement.scale * READABLE < 1:
        return None
    return math.ceil(READABLE * max(received.canvas.height, received.canvas.width) / 10) * 10
