"""The verdict in one sentence, and the warnings that belong to it. No verdict says "authentic"."""

import math
from collections.abc import Sequence

from imuge.keys import Key
from imuge.protection.hidden_copy import Comparison
from imuge.protection.locate import Regions
from imuge.results import Finding

MUCH = 0.5  # share of the picture beyond which a reconstruction is mostly guessed


def sentence(
    finding: Finding, *, key: Key | None, tried: Sequence[Key], shown: Regions | None
) -> str:
    """Say for a person what was found.

    Args:
        finding: The verdict.
        key: Whose protection was found; None where there is none.
        tried: All keys looked with.
        shown: The regions; None where the picture could not be judged.
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
    if finding == "degraded" or shown is None:
        return (
            f"Protection with {name} was found, but it is too damaged to say whether or where "
            "the picture was changed."
        )
    if finding == "foreign":
        return f"The protection with {name} in this picture seems to belong to another picture."
    if finding == "intact":
        return f"No change was found since this picture was protected with {name}{_floor(shown)}."
    count = len(shown.regions)
    regions = "1 region" if count == 1 else f"{count} regions"
    share = _share(shown)
    return f"{regions} ({share:.1%} of the picture) changed since it was protected with {name}."


def _share(shown: Regions) -> float:
    """Of the picture, how much the regions cover."""
    return sum(region.area for region in shown.regions)


def _floor(shown: Regions) -> str:
    """How small a change may go unnoticed, so that nobody takes silence for more than it is."""
    side = math.ceil(math.sqrt(shown.minimum_area))
    return f", beyond re-saving and what is smaller than about {side}x{side} pixels"


def cautions(
    finding: Finding,
    *,
    key: Key | None,
    image_id: int | None,
    shown: Regions | None,
    comparison: Comparison | None,
) -> tuple[str, ...]:
    """What the reader of a verdict should know beside it.

    Args:
        finding: The verdict.
        key: Whose protection was found; None where there is none.
        image_id: What the message names; None where it could not be read.
        shown: The regions; None where the picture could not be judged.
        comparison: With the hidden copy; None where there was nothing to compare.
    """
    said = []
    if finding == "unprotected":
        said.append(
            "A copy that was cropped, scaled or turned is not recognised by this version; "
            "verify the picture at the size it was published."
        )
    if key is not None and not key.can_recover and image_id is not None:
        said.append(
            f"Key {key.name} is verify-only: nothing was recovered and the hidden copy was "
            "not checked."
        )
    elif finding in ("intact", "tampered") and (
        comparison is None or comparison.correlation is None
    ):
        said.append("Too little of the picture is untouched to compare it with its hidden copy.")
    if shown is not None and shown.small_spots:
        spots = "1 spot" if shown.small_spots == 1 else f"{shown.small_spots} spots"
        said.append(
            f"{spots} too small or too doubtful to report also looked changed; re-saving as JPEG "
            "leaves such spots, and so do small edits."
        )
    if finding == "tampered" and shown is not None and _share(shown) > MUCH:
        said.append("More than half of the picture changed; the reconstruction is a rough guess.")
    if finding == "foreign" and comparison is not None:
        said.append("The hidden copy shows the picture that the protection was made for.")
    return tuple(said)
