"""From a received picture to a verdict: the order of things, and the rules of the verdict.

    picture ─► canvas ─► reveal ─► read (each key) ─► locate ─► regions ─► compare hidden copy
                                     │                  │                    │
                                     └──────────────────┴─────── judge ◄─────┘
                                                                   │
                          recovery and hidden copy, now or later ◄─┴─► Verdict

What the steps find is collected in `Evidence`, once; the verdict is drawn from it, and goes on from
it when recovery or the hidden copy are asked for later. The order is that of docs/protocol.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imuge import __version__
from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.errors import ConfigError
from imuge.image import Picture
from imuge.keys import PRESENCE_THRESHOLD, TEMPLATE_CHANNELS, Key, Reading, layout_agreement, read
from imuge.protection.code import HiddenCode, erased_blocks
from imuge.protection.hidden_copy import Comparison, compare, render_whole
from imuge.protection.locate import Located, Regions, is_too_faint, locate, regions_shown
from imuge.protection.recover import recover as reconstruct
from imuge.protection.recover import widen
from imuge.protection.sentences import cautions, sentence
from imuge.results import Finding, Verdict

# Where the beacon reads this well, a layout that does not fit cannot be blamed on compression.
CLEAR_BEACON = 0.85

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a copy gave away whose message could be read."""

    layout_p: float  # probability of a layout agreement this good by chance
    located: Located
    shown: Regions | None  # None where the copy reads too faintly to be judged
    comparison: Comparison | None  # None there too, and for a verify-only key


def look_for_beacon(
    engine: Engine, canvas: Canvas, keys: Sequence[Key]
) -> tuple[Array, Key, Reading]:
    """Reveal the payload and read it with every key.

    Returns:
        The revealed payload (30, h, w), and the key whose beacon is the strongest with its reading;
        of several as strong, one with a valid tag, then one that can recover: a key and its
        verify-only copy read the same.
    """
    revealed = engine.reveal(canvas.image)
    signs = revealed[-TEMPLATE_CHANNELS:]
    readings = [read(key, signs, valid=canvas.inside, hypotheses=len(keys)) for key in keys]

    def rank(i: int) -> tuple[float, bool, float, bool]:
        reading = readings[i]
        untagged = reading.image_id is None
        return reading.presence_p, untagged, -reading.agreement, not keys[i].can_recover

    best = min(range(len(keys)), key=rank)
    return revealed, keys[best], readings[best]


def examine(engine: Engine, canvas: Canvas, revealed: Array, key: Key, image_id: int) -> Evidence:
    """Collect what a copy with this message says about itself.

    Args:
        engine: The networks.
        canvas: The received picture.
        revealed: (30, h, w), its payload.
        key: Under which its message was read.
        image_id: Which the message names.
    """
    calibration, scales = engine.record.calibration, engine.record.options.template_scales
    signs = revealed[-TEMPLATE_CHANNELS:]
    _, layout_p = layout_agreement(key, image_id, signs, canvas.inside, scales=scales)
    located = locate(engine, canvas, revealed, key, image_id)
    shown = None if is_too_faint(calibration, located) else regions_shown(calibration, located)
    comparison = None
    if shown is not None and located.code is not None:
        wide = widen(canvas, shown.mask)
        codes = located.code.without(erased_blocks(wide))
        comparison = compare(engine, canvas.image, wide, codes)
    return Evidence(layout_p=layout_p, located=located, shown=shown, comparison=comparison)


def judge(reading: Reading, evidence: Evidence | None) -> Finding:
    """The verdict in a word; `evidence` is None where no message was read."""
    if not reading.present:
        return "unprotected"
    if evidence is None or evidence.shown is None:
        return "degraded"
    misplaced = evidence.layout_p > PRESENCE_THRESHOLD and evidence.located.clarity > CLEAR_BEACON
    if misplaced or (evidence.comparison is not None and evidence.comparison.check == "disagrees"):
        return "foreign"
    return "tampered" if evidence.shown.regions else "intact"


def verify(
    engine: Engine,
    picture: Picture,
    keys: Sequence[Key],
    *,
    recover: bool = True,
    hidden_copy: bool = False,
) -> Verdict:
    """Find out what happened to one picture.

    Args:
        engine: The networks.
        picture: As received.
        keys: One key or more; the p-values are corrected for their number.
        recover: Whether to reconstruct what was there before.
        hidden_copy: Whether to render the whole hidden copy, beyond the sample that is checked.
    """
    canvas = to_canvas(picture.pixels)
    revealed, key, reading = look_for_beacon(engine, canvas, keys)
    evidence = None
    if reading.present and reading.image_id is not None:
        evidence = examine(engine, canvas, revealed, key, reading.image_id)
    verdict = _verdict(engine, picture, keys, key if reading.present else None, reading, evidence)
    if hidden_copy:
        verdict = with_hidden_copy(engine, verdict, canvas)
    return with_recovered(engine, verdict, canvas) if recover else verdict


def with_recovered(engine: Engine, verdict: Verdict, canvas: Canvas | None = None) -> Verdict:
    """A verdict with the reconstruction, where it is `tampered` and a full key read it.

    Args:
        engine: With the weights that the verdict was made with.
        verdict: From `verify`.
        canvas: Of its picture, where the caller has it.

    Raises:
        ConfigError: the verdict was made elsewhere, or with other weights.
    """
    if verdict.verdict != "tampered" or verdict.recovered is not None:
        return verdict
    code = _evidence(engine, verdict).located.code
    if code is None:
        return verdict
    canvas = to_canvas(verdict.image) if canvas is None else canvas
    return replace(verdict, recovered=reconstruct(engine, canvas, verdict.mask, code))


def with_hidden_copy(engine: Engine, verdict: Verdict, canvas: Canvas | None = None) -> Verdict:
    """A verdict with the whole hidden copy, where a full key read one; as `with_recovered`."""
    unread = verdict.verdict in ("unprotected", "degraded")
    if unread or verdict.hidden_copy_image is not None:
        return verdict
    evidence = _evidence(engine, verdict)
    if evidence.located.code is None or evidence.shown is None:
        return verdict
    canvas = to_canvas(verdict.image) if canvas is None else canvas
    # Of a foreign picture no region is reported, and yet nothing is trusted where one was found.
    codes = evidence.located.code.without(erased_blocks(widen(canvas, evidence.shown.mask)))
    return replace(verdict, hidden_copy_image=render_whole(engine, canvas, codes))


def hidden_code(verdict: Verdict) -> HiddenCode | None:
    """The code that a verdict of `verify` was drawn from; None where none could be read."""
    evidence = verdict.evidence
    return evidence.located.code if isinstance(evidence, Evidence) else None


def _evidence(engine: Engine, verdict: Verdict) -> Evidence:
    """What the verdict was drawn from.

    Raises:
        ConfigError: it was made elsewhere, or with other weights.
    """
    if not isinstance(verdict.evidence, Evidence):
        raise ConfigError(
            "expected a verdict as Guard.verify returns it, got one without its evidence; "
            "verify the picture again"
        )
    if verdict.model_sha256 != engine.sha256:
        raise ConfigError(
            f"expected a verdict made with {engine.record.name} ({engine.sha256[:16]}…), got one "
            f"made with {verdict.model} ({verdict.model_sha256[:16]}…); continue it with a guard "
            "of those weights"
        )
    return verdict.evidence


def _verdict(
    engine: Engine,
    picture: Picture,
    keys: Sequence[Key],
    key: Key | None,
    reading: Reading,
    evidence: Evidence | None,
) -> Verdict:
    """Draw the verdict; `key` is None where the beacon of none was found."""
    finding = judge(reading, evidence)
    shown = None if evidence is None else evidence.shown
    comparison = None if evidence is None else evidence.comparison
    # Of a foreign picture it would be misleading to show where it differs: it does everywhere.
    located = shown is not None and finding != "foreign"
    regions = shown.regions if shown is not None and located else ()
    height, width = picture.pixels.shape[:2]
    return Verdict(
        verdict=finding,
        sentence=sentence(finding, key=key, tried=keys, shown=shown),
        key_name=None if key is None else key.name,
        key_id=None if key is None else key.key_id,
        image_id=None if reading.image_id is None else f"{reading.image_id:08x}",
        presence_p=reading.presence_p,
        tag_p=reading.tag_p,
        identity_p=reading.identity_p,
        layout_p=None if evidence is None else evidence.layout_p,
        corrected_for={"keys": len(keys), "geometries": 1},
        tampered_area=sum(region.area for region in regions),
        regions=regions,
        hidden_copy="not checked" if comparison is None else comparison.check,
        hidden_copy_agreement=None if comparison is None else comparison.correlation,
        width=width,
        height=height,
        model=engine.record.name,
        model_sha256=engine.sha256,
        threshold=None if shown is None else shown.threshold,
        minimum_area=None if shown is None else shown.minimum_area,
        small_spots=0 if shown is None else shown.small_spots,
        input_sha256=picture.sha256 or None,
        tool_version=__version__,
        warnings=picture.notes
        + cautions(finding, key=key, image_id=reading.image_id, shown=shown, comparison=comparison),
        image=picture.pixels,
        probability=evidence.located.probability if evidence is not None and located else None,
        mask=shown.mask if shown is not None and located else np.zeros((height, width), bool),
        evidence=evidence,
    )
