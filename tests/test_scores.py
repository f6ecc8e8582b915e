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


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in scores.pages()])
def test_generated_parts_are_up_to_date(page):
    text = (ROOT / page).read_text()
    for name, content in scores.pages()[ROOT / page].items():
        assert scores.replaced(text, name, content) == text, f"run: make scores ({page}, {name})"


def test_the_plots_are_those_of_the_results():
    for path, svg in scores.pictures().items():
        assert path.read_text() == svg, f"run: make scores ({path.name})"


def test_the_results_are_those_of_the_release_shipped():
    release = load_release()
    calibration = release.record.calibration.fingerprint
    assert release.record.scores == scores.scores()
    for path in sorted(scores.SCORES.glob("*.json")):
        result = json.loads(path.read_text())
        assert result.get("model", release.record.name) == release.record.name, path.name
        assert result.get("model_sha256", release.sha256) == release.sha256, path.name
        assert result.get("calibration", calibration) == calibration, path.name
        for facts in result.get("contestants", {}).values():
            if "release" in facts:
                assert (facts["sha256"], facts["calibration"]) == (release.sha256, calibration), (
                    path.name
                )


def test_what_was_not_measured_says_how_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(scores, "SCORES", tmp_path)
    part = scores.measured("security", lambda _: pytest.fail("there is no result"))
    assert part.startswith("Not measured with this version yet")
    assert "imuge bench security" in part
    (tmp_path / "security.json").write_text('{"command": "x"}')
    assert scores.measured("security", lambda result: result["command"]) == "x"


def test_a_page_without_its_place_is_noticed():
    with pytest.raises(SystemExit, match="no place marked"):
        scores.replaced("nothing here", "scores", "x")
