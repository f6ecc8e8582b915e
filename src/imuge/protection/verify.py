"""From a received picture to a verdict: the order of things, and the rules of the verdict.

    copy ─► receive ─► locate, content ─► regions and their kinds ─► judge ─► Verdict
              │               on the frame                             │         ▲
              └────────────────────────────────────────────────────────┘         │
                                         recovery and hidden copy, now or later ─┘

What the steps find is collected in `Evidence`, once; the verdict is drawn from it, and goes on from
it when recovery or the hidden copy are asked for later. The order is that of docs/protocol.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge import __version__
from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_pixels
from imuge.errors import ConfigError
from imuge.image import Picture
from imuge.keys import PRESENCE_THRESHOLD, TEMPLATE_CHANNELS, Key, Reading, layout_agreement
from imuge.protection.code import HiddenCode, erased_blocks
from imuge.protection.content import Likeness, likeness
from imuge.protection.frame import size_named
from imuge.protection.hidden_copy import render_untouched
from imuge.protection.in_copy import InCopy, geometry, in_copy, probability_in_copy
from imuge.protection.kinds import regions_shown, template_there
from imuge.protection.locate import Located, Regions, is_too_faint, locate
from imuge.protection.pieces import least_area
from imuge.protection.placement import Placement
from imuge.protection.places import Search
from imuge.protection.receive import Received, receive
from imuge.protection.recover import recover as reconstruct
from imuge.protection.recover import widen
from imuge.protection.sentences import cautions, sentence
from imuge.protection.tone import Tone, tone_of
from imuge.protection.uncrop import uncrop
from imuge.protection.warp import to_copy
from imuge.results import Finding, HiddenCopyCheck, Pixels, Verdict

# Where the beacon reads this well, a layout that does not fit cannot be blamed on compression.
CLEAR_BEACON = 0.85

Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a copy gave away whose message could be read."""

    key: Key
    canvas: Canvas  # the copy on its frame
    placement: Placement
    piloted: bool
    layout_p: float  # probability of a layout agreement this good by chance
    located: Located
    shown: Regions | None  # on the frame; None where the copy reads too faintly to be judged
    likeness: Likeness | None  # of code and picture; None there too, and for a verify-only key
    hidden_copy: HiddenCopyCheck  # what that likeness says
    # (h, w, 3), grey levels: the hidden copy on the frame, once it was needed
    rendered: Array | None = None


def examine(engine: Engine, received: Received) -> Evidence | None:
    """Collect what a copy says about itself; None where it has no readable message."""
    message, canvas = received.reading.message, received.canvas
    if message is None or size_named(message.geometry) is None:
        return None
    calibration, scales = engine.record.calibration, engine.record.options.template_scales
    signs = received.revealed[-TEMPLATE_CHANNELS:]
    _, layout_p = layout_agreement(
        received.key, message.image_id, signs, canvas.inside, scales=scales
    )
    located = locate(engine, canvas, received.revealed, received.key, message)
    shown = None if is_too_faint(calibration, located) else regions_shown(calibration, located)
    alike: Likeness | None = None
    check: HiddenCopyCheck = "not checked"
    if shown is not None and located.code is not None and located.content is not None:
        # Where the protection still is, what is seen has to fit it, marked or not: of a picture
        # that it was moved to most is marked, and what is left is what happens to look alike.
        marked = erased_blocks(widen(canvas, shown.mask))[0] > 0
        gone = marked & ~located.content.protected(template_there(located.clarity))
        alike = likeness(located.code, located.content, gone | ~canvas.inside)
        check = alike.check(calibration.strangers_above(located.clarity))
    return Evidence(
        key=received.key,
        canvas=canvas,
        placement=received.placement,
        piloted=received.piloted,
        layout_p=layout_p,
        located=located,
        shown=shown,
        likeness=alike,
        hidden_copy=check,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFrame:
    """A copy brought to the frame that its message names."""

    pixels: Pixels  # (h, w, 3)
    shown: NDArray[np.bool_]  # (h, w), True where the copy shows the frame
    placement: Placement


def judge(reading: Reading, evidence: Evidence | None) -> Finding:
    """The verdict in a word; `evidence` is None where no message was read."""
    if not reading.present:
        return "unprotected"
    if evidence is None or evidence.shown is None:
        return "degraded"
    misplaced = evidence.layout_p > PRESENCE_THRESHOLD and evidence.located.clarity > CLEAR_BEACON
    if misplaced or evidence.hidden_copy == "disagrees":
        return "foreign"
    counting = any(region.counts for region in evidence.shown.regions)
    return "tampered" if counting else "intact"


def verify(
    engine: Engine,
    picture: Picture,
    keys: Sequence[Key],
    *,
    recover: bool = True,
    hidden_copy: bool = False,
    search: Search = "quick",
) -> Verdict:
    """Find out what happened to one picture.

    Args:
        engine: The networks.
        picture: As received.
        keys: One key or more; the p-values are corrected for their number.
        recover: Whether to reconstruct what was there before.
        hidden_copy: Whether to render the whole hidden copy, beyond the sample that is checked.
        search: How far to look for copies that are not whole and upright.
    """
    received = receive(engine, picture.samples, keys, judged=picture.judged, search=search)
    assert received is not None, "whole copies are always read"
    verdict = _verdict(engine, picture, keys, received, examine(engine, received))
    if hidden_copy:
        verdict = with_hidden_copy(engine, verdict)
    return with_recovered(engine, verdict) if recover else verdict


def with_recovered(engine: Engine, verdict: Verdict) -> Verdict:
    """A verdict with the reconstruction, where it is `tampered` and a full key read it.

    Raises:
        ConfigError: the verdict was made elsewhere, or with other weights.
    """
    if verdict.verdict != "tampered" or verdict.recovered is not None:
        return verdict
    evidence = _evidence(engine, verdict)
    code, shown = evidence.located.code, evidence.shown
    if code is None or shown is None or not shown.mask.any():
        return verdict  # what only the registry shows, the copy cannot recover
    evidence, tone = _toned(engine, evidence, code, shown)
    recovered = reconstruct(
        engine, evidence.canvas, shown.mask, code, verdict.image, evidence.placement, tone
    )
    return replace(verdict, recovered=recovered, evidence=evidence)


def with_hidden_copy(engine: Engine, verdict: Verdict) -> Verdict:
    """A verdict with the whole hidden copy, where a full key read one; as `with_recovered`."""
    unread = verdict.verdict in ("unprotected", "degraded")
    if unread or verdict.hidden_copy_image is not None:
        return verdict
    evidence = _evidence(engine, verdict)
    code, shown = evidence.located.code, evidence.shown
    if code is None or shown is None:
        return verdict
    evidence, rendered = _rendered(engine, evidence, code, shown)
    # In grey levels: of a large copy, three planes of numbers would take a gigabyte.
    levels = Image.fromarray(np.rint(rendered).clip(0, 255).astype(np.uint8))
    image = np.asarray(to_copy(levels, evidence.placement, Image.Resampling.BICUBIC))
    return replace(verdict, hidden_copy_image=image, evidence=evidence)


def _rendered(
    engine: Engine, evidence: Evidence, code: HiddenCode, shown: Regions
) -> tuple[Evidence, Array]:
    """The hidden copy on the frame, (h, w, 3) grey levels, rendered once, and kept."""
    if evidence.rendered is not None:
        return evidence, evidence.rendered
    # Of a foreign picture no region is reported, and yet nothing is trusted where one was found.
    rendered = render_untouched(engine, evidence.canvas, shown.mask, code)
    return replace(evidence, rendered=rendered), rendered


def _toned(
    engine: Engine, evidence: Evidence, code: HiddenCode, shown: Regions
) -> tuple[Evidence, Tone]:
    """What was done to the tones of the copy since it was published."""
    evidence, rendered = _rendered(engine, evidence, code, shown)
    wide = widen(evidence.canvas, shown.mask)
    return evidence, tone_of(evidence.canvas, rendered, code, wide)


def with_uncropped(engine: Engine, verdict: Verdict) -> Verdict:
    """A verdict on a part with what was cut away from it, where a full key read it.

    Raises:
        ConfigError: the verdict was made elsewhere, or with other weights.
    """
    if verdict.verdict not in ("intact", "tampered") or verdict.uncropped is not None:
        return verdict
    evidence = _evidence(engine, verdict)
    code, shown = evidence.located.code, evidence.shown
    if code is None or shown is None or evidence.canvas.shown is None:
        return verdict
    evidence, tone = _toned(engine, evidence, code, shown)
    made = uncrop(engine, evidence.canvas, shown.mask, code, tone)
    return replace(verdict, uncropped=made, evidence=evidence)


def hidden_code(verdict: Verdict) -> HiddenCode | None:
    """The code that a verdict of `verify` was drawn from; None where none could be read."""
    evidence = verdict.evidence
    return evidence.located.code if isinstance(evidence, Evidence) else None


def on_frame(verdict: Verdict) -> OnFrame | None:
    """The copy that a verdict of `verify` is of, on its frame; None where no message was read."""
    evidence = verdict.evidence
    return framed(evidence) if isinstance(evidence, Evidence) else None


def framed(found: Received | Evidence) -> OnFrame:
    """The copy on its frame, as it was read."""
    canvas = found.canvas
    size = (canvas.height, canvas.width)
    return OnFrame(
        pixels=to_pixels(canvas.image[:, : canvas.height, : canvas.width]),
        shown=np.ones(size, bool) if canvas.shown is None else canvas.shown,
        placement=found.placement,
    )


def probability_of(verdict: Verdict) -> Array | None:
    """How likely each of the copy's own pixels is changed, (H, W) in [0, 1], for curves and plots.

    None where the verdict was drawn without: `unprotected`, `degraded` and `foreign`.
    """
    evidence = verdict.evidence
    if not isinstance(evidence, Evidence) or evidence.shown is None:
        return None
    if verdict.verdict == "foreign":
        return None
    return probability_in_copy(evidence.shown, evidence.placement)


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


def _least_area(engine: Engine, evidence: Evidence) -> int:
    """Pixels of the frame from which a change that the localizer is certain of is a region."""
    located = evidence.located
    calibration = engine.record.calibration
    weighing = calibration.alone if located.content is None else calibration.both
    return least_area(weighing, located.clarity, located.probability.size)


def _verdict(
    engine: Engine,
    picture: Picture,
    keys: Sequence[Key],
    received: Received,
    evidence: Evidence | None,
) -> Verdict:
    """Draw the verdict."""
    reading = received.reading
    key = received.key if reading.present else None
    finding = judge(reading, evidence)
    shown = None if evidence is None else evidence.shown
    alike = None if evidence is None else evidence.likeness
    height, width = picture.pixels.shape[:2]
    # Of a foreign picture it would be misleading to show where it differs: it does everywhere.
    found: InCopy | None = None
    if evidence is not None and shown is not None and finding != "foreign":
        found = in_copy(shown, evidence.placement)
    least = None
    if evidence is not None and shown is not None:
        least = math.ceil(_least_area(engine, evidence) / evidence.placement.scale**2)
    lies = None
    if evidence is not None:
        size = (evidence.canvas.height, evidence.canvas.width)
        lies = geometry(evidence.placement, size, placed_by_pilot=evidence.piloted)
    regions = () if found is None else found.regions
    changed = sum(region.area for region in regions if region.counts)
    return Verdict(
        verdict=finding,
        sentence=sentence(
            finding, key=key, tried=keys, regions=regions, smallest=least, geometry=lies
        ),
        key_name=None if key is None else key.name,
        key_id=None if key is None else key.key_id,
        image_id=None if reading.image_id is None else f"{reading.image_id:012x}",
        presence_p=reading.presence_p,
        tag_p=reading.tag_p,
        identity_p=reading.identity_p,
        layout_p=None if evidence is None else evidence.layout_p,
        corrected_for={"keys": len(keys), "alignments": received.alignments},
        tampered_area=None if found is None else changed,
        regions=regions,
        hidden_copy="not checked" if evidence is None else evidence.hidden_copy,
        hidden_copy_agreement=None if alike is None else alike.detail,
        geometry=lies,
        width=width,
        height=height,
        model=engine.record.name,
        model_sha256=engine.sha256,
        minimum_area=least,
        small_spots=0 if shown is None else shown.small_spots,
        input_sha256=picture.sha256 or None,
        tool_version=__version__,
        warnings=picture.notes
        + cautions(
            finding,
            key=key,
            received=received,
            small_spots=0 if shown is None else shown.small_spots,
            regions=regions,
            hidden_copy="not checked" if evidence is None else evidence.hidden_copy,
        ),
        image=picture.pixels,
        mask=np.zeros((height, width), bool) if found is None else found.mask,
        lost_mask=None if found is None else found.lost,
        evidence=evidence,
    )
