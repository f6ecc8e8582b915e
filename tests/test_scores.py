"""The pages say what the committed results say, and the results are of the release shipped."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from imuge.weights import load_release

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
scores = importlib.import_module("update_scores")


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/bench.md",
        "docs/faq.md",
        "docs/model-card.md",
        "docs/training.md",
        "docs/jpeg-simulators.md",
    ],
)
def test_generated_parts_are_up_to_date(page):
    text = (ROOT / page).read_text()
    for name, content in scores.pages()[ROOT / page].items():
        assert scores.replaced(text, name, content) == text, f"run: make scores ({page}, {name})"


def test_the_plots_are_those_of_the_results():
    for path, svg in scores.pictures().items():
        assert path.read_text() == svg, f"run: make scores ({path.name})"


def test_the_results_are_those_of_the_release_shipped():
    release = load_release()
    measured = json.loads((scores.SCORES / "acceptance.json").read_text())
    assert measured["model_sha256"] == release.sha256
    assert measured["points"] == [p.model_dump() for p in release.record.calibration.points]
    assert release.record.scores == scores.scores()
    for name in ("bench", "peers"):
        (facts,) = (one for one in scores.load(name)["contestants"].values() if "release" in one)
        assert facts["sha256"] == release.sha256
        assert facts["points"] == measured["points"]


def test_a_page_without_its_place_is_noticed():
    with pytest.raises(SystemExit, match="no place marked"):
        scores.replaced("nothing here", "scores", "x")
