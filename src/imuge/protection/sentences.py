"""The verdict in one sentence, and the warnings that belong to it. No verdict says "authentic"."""

import math

from imuge.keys import Key
from imuge.protection.verify import Found

MUCH = 0.5  # share of the picture beyond which a reconstruction is mostly guessed


def sentence(found: Found, keys: list[Key]) -> str:
    """Say for a person what was found."""
    if found.key is None:
        tried = f"key {keys[0].name}" if len(keys) == 1 else f"any of the {len(keys)} keys tried"
        return (
            f"No protection of {tried} was found; "
            "this says nothing about whether the picture was changed."
        )
    name = f"key {found.key.name}"
    if found.finding == "degraded":
        return (
            f"Protection with {name} was found, but it is too damaged to say whether or where "
            "the picture was changed."
        )
    if found.finding == "foreign":
        return f"The protection with {name} in this picture seems to belong to another picture."
    if found.finding == "intact":
        return f"No change was found since this picture was protected with {name}{_floor(found)}."
    count = len(found.regions)
    share = sum(region.area for region in found.regions)
    regions = "1 region" if count == 1 else f"{count} regions"
    return f"{regions} ({share:.1%} of the picture) changed since it was protected with {name}."


def _floor(found: Found) -> str:
    """How small a change may go unnoticed, so that nobody takes silence for more than it is."""
    if found.minimum_area is None:
        return ""
    side = math.ceil(math.sqrt(found.minimum_area))
    return f", beyond re-saving and what is smaller than about {side}x{side} pixels"


def cautions(found: Found) -> tuple[str, ...]:
    """What the reader of a verdict should know beside it."""
    said = []
    if found.finding == "unprotected":
        said.append(
            "A copy that was cropped, scaled or turned is not recognised by this version; "
            "verify the picture at the size it was published."
        )
    if found.key is not None and not found.key.can_recover and found.reading.message is not None:
        said.append(
            f"Key {found.key.name} is verify-only: nothing was recovered and the hidden copy was "
            "not checked."
        )
    elif found.finding in ("intact", "tampered") and (
        found.comparison is None or found.comparison.correlation is None
    ):
        said.append("Too little of the picture is untouched to compare it with its hidden copy.")
    if found.spots:
        spots = "1 spot" if found.spots == 1 else f"{found.spots} spots"
        said.append(
            f"{spots} too small or too doubtful to report also looked changed; re-saving as JPEG "
            "leaves such spots, and so do small edits."
        )
    if sum(region.area for region in found.regions) > MUCH:
        said.append("More than half of the picture changed; the reconstruction is a rough guess.")
    if found.finding == "foreign" and found.comparison is not None:
        said.append("The hidden copy shows the picture that the protection was made for.")
    return tuple(said)
