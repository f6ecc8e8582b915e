"""Verdicts made by hand: two changed regions in a small textured picture."""

import numpy as np
import pytest

from imuge.results import Geometry, Region, Verdict

HEIGHT, WIDTH = 120, 160
UPRIGHT = Geometry(
    frame=(128, 96),
    scale=0.8,
    turn=0,
    mirrored=False,
    stretch=1.0,
    outline=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    share=1.0,
    placed_by="pilot",
)
BOXES = ((96, 60, 136, 90), (10, 5, 20, 15))


def _pictures():
    rng = np.random.default_rng(7)
    before = rng.integers(60, 180, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for left, top, right, bottom in BOXES:
        mask[top:bottom, left:right] = True
    return before, np.where(mask[..., None], np.uint8(240), before), mask


@pytest.fixture
def make_verdict():
    """Return a function that builds a verdict; any field can be given another value."""
    before, image, mask = _pictures()
    regions = tuple(
        Region(
            box=box,
            area_pixels=(box[2] - box[0]) * (box[3] - box[1]),
            area=(box[2] - box[0]) * (box[3] - box[1]) / mask.size,
            mean_probability=0.97,
        )
        for box in BOXES
    )

    def make(finding="tampered", **changes):
        tampered, found = finding == "tampered", finding != "unprotected"
        values = {
            "verdict": finding,
            "sentence": f"This picture is {finding}, says the sentence.",
            "key_name": "newsdesk-2026" if found else None,
            "key_id": "1f0a77c3" if found else None,
            "image_id": "99ab01ff37c4" if found else None,
            "presence_p": 3.2e-41 if found else 0.37,
            "identity_p": None,
            "small_spots": 0,
            "tag_p": 1.6e-7 if found else None,
            "layout_p": 0.0 if found else None,
            "corrected_for": {"keys": 2, "alignments": 31},
            "tampered_area": float(mask.mean())
            if tampered
            else 0.0
            if finding == "intact"
            else None,
            "geometry": UPRIGHT if found else None,
            "regions": regions if tampered else (),
            "hidden_copy": "agrees" if tampered else "not checked",
            "hidden_copy_agreement": 0.98 if tampered else None,
            "width": WIDTH,
            "height": HEIGHT,
            "model": "imuge.base-1",
            "model_sha256": "ab" * 32,
            "minimum_area": 512,
            "input_sha256": "0c" * 32,
            "tool_version": "0.1.0",
            "image": image if tampered else before,
            "mask": mask if tampered else np.zeros_like(mask),
            "recovered": before if tampered else None,
            "hidden_copy_image": before if tampered else None,
        }
        return Verdict(**(values | changes))

    return make
