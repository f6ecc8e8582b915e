"""What was measured of the reference grid is what the pages show, and bears its thresholds."""

import json
import re
from pathlib import Path

import pytest

from imuge.bench.trust import calibrate, reembedded
from imuge.trust.reference import DIFFERENCE, NEARLY_EVERYWHERE

SCORES = Path(__file__).parents[2] / "docs" / "scores"


def result(study):
    return json.loads((SCORES / f"{study}.json").read_text())


@pytest.mark.parametrize(
    ("study", "to_markdown"),
    [("reference", calibrate.to_markdown), ("reembedded", reembedded.to_markdown)],
)
def test_the_page_is_made_from_the_numbers(study, to_markdown):
    assert to_markdown(result(study)) == (SCORES / f"{study}.md").read_text()


RE_SAVING = re.compile(r"none|(resize:0.8,|crop:0.7,)?jpeg:\d+|webp:\d+")


def test_honest_copies_stay_below_the_threshold_and_other_pictures_far_above():
    found = result("reference")
    assert (found["difference"], found["nearly_everywhere"]) == (DIFFERENCE, NEARLY_EVERYWHERE)
    assert found["honest"].keys() == set(calibrate.HONEST)
    for chain, facts in found["honest"].items():
        assert facts["copies"] > 0, chain
        limit = DIFFERENCE / 4 if RE_SAVING.fullmatch(chain) else DIFFERENCE
        assert facts["most"] < limit, chain
    assert found["another_picture_share"]["least"] > 1.4 * NEARLY_EVERYWHERE


def test_nearly_every_edit_that_was_protected_again_is_found():
    cases = result("reembedded")["cases"]
    assert len(cases) == 36
    assert min(case["area"] for case in cases) > 0.008
    assert sum(case["with_registry"] == "tampered" for case in cases) >= 35
    missed = [case for case in cases if case["alone"] == "intact"]
    assert len(missed) >= 5  # or there was nothing to find
    assert all(case["with_registry"] == "tampered" for case in missed)
