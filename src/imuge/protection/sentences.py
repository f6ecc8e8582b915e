"""The verdict in one sentence, and the warnings that belong to it. No verdict says "authentic"."""

import math
from collections.abc import Sequence

from imuge.keys import Key
from imuge.protection.receive import Received
from imuge.results import Finding, Geometry, HiddenCopyCheck, Region

MUCH = 0.5  # share of the picture beyond which a reconstruction is mostly guessed
# Spots for each pixel of the frame that honest copies stay below: of four training pictures, saved
# as JPEG 90 to 50, as WebP 80, and scaled by 0.8, the worst had 11 on a frame of 384x384 (WebP).
HONEST_SPOTS = 1e-4
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
        regions: What happened to parts of it.
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
        lost = _lost(regions)
        return (
            f"No change was found since this picture was protected with {name}{floor}{lies}{lost}."
        )
    counting = [region for region in regions if region.counts]
    share = sum(region.area for region in counting)
    said = f"{_count(counting)} ({share:.1%} of the picture) changed since it was protected with"
    again = [region for region in counting if region.kind == "protected again"]
    whole = ""
    if again:
        which = "there" if len(again) == len(counting) else f"in {len(again)} of them"
        whole = f"; {which} the protection was embedded again over the change, or left whole by it"
    return f"{said} {name}{whole}{_lost(regions)}{lies}."


def _count(regions: Sequence[Region]) -> str:
    return "1 region" if len(regions) == 1 else f"{len(regions)} regions"


def _lost(regions: Sequence[Region]) -> str:
    """Where the protection is lost and the content is as published, which is no tampering."""
    lost = [region for region in regions if not region.counts]
    if not lost:
        return ""
    share = sum(region.area for region in lost)
    return (
        f"; in {_count(lost)} ({share:.1%}) the protection is lost, and what is seen there is what "
        "was published"
    )


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
    regions: Sequence[Region],
    hidden_copy: HiddenCopyCheck,
) -> tuple[str, ...]:
    """What the reader of a verdict should know beside it.

    Args:
        finding: The verdict.
        key: Whose protection was found; None where there is none.
        received: How the copy was read.
        small_spots: Pieces that were too small or too doubtful to be regions.
        regions: What happened to parts of the copy.
        hidden_copy: Whether its hidden copy shows the same.
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
    elif finding in ("intact", "tampered") and hidden_copy == "not checked":
        said.append("Too little of the picture is untouched to compare it with its hidden copy.")
    if small_spots > HONEST_SPOTS * received.canvas.height * received.canvas.width:
        said.append(
            f"{small_spots} spots too small or too doubtful to report looked changed, more than "
            "ordinary re-saving leaves: many small edits do that, and so does rough treatment."
        )
    counting = [region for region in regions if region.counts]
    if any(region.kind == "protected again" for region in counting):
        said.append(
            "Where content differs and the template is there, somebody with a clean copy embedded "
            "the protection again to hide a change, or the change was of a kind that keeps it."
        )
    if finding == "tampered" and sum(region.area for region in counting) > MUCH:
        said.append("More than half of the picture changed; the reconstruction is a rough guess.")
    if finding == "foreign" and hidden_copy == "disagrees":
        said.append("The hidden copy shows the picture that the protection was made for.")
    return tuple(said)


def _needed(received: Received) -> int | None:
    """Pixels that a whole copy needs on its longer side; None where this one has enough."""
    if received.placement.scale * READABLE < 1:
        return None
    return math.ceil(READABLE * max(received.canvas.height, received.canvas.width) / 10) * 10
