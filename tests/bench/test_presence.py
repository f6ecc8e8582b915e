"""Whole tool: p-values of pictures never protected, tested and drawn; protected ones stand out."""

import json

import numpy as np
import pytest

from imuge.bench.presence import run as presence
from imuge.bench.presence.plot import presence_svg

NEVER = ("512x512, none", "512x512, jpeg:70", "128x128, none", "128x128, jpeg:70")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, request):
    """The folder of a run over two photographs and eight keys."""
    out = tmp_path_factory.mktemp("presence")
    data = request.config.rootpath / "tests/data"
    presence.main(["--data", str(data), "--out", str(out), "--keys", "8"])
    return out


@pytest.mark.slow
def test_every_size_and_processing_is_tested(measured):
    result = json.loads((measured / "presence.json").read_text())
    assert tuple(result["samples"]) == NEVER
    for row in result["samples"].values():
        assert row["count"] == 2 * 8
        assert row["least"] > 1e-6
        assert row["ks_p"] > 1e-4
        assert row["ecdf"]["shares"][-1] == 1
        assert row["quantiles"]["found"][0] == row["least"]
    assert len((measured / "presence.md").read_text().splitlines()) == 2 + 2 + len(NEVER)


@pytest.mark.slow
def test_the_same_numbers_draw_the_same_plot(measured):
    result = json.loads((measured / "presence.json").read_text())
    drawn = presence_svg(result)
    assert drawn == presence_svg(result) == (measured / "presence.svg").read_text()
    assert all(name in drawn for name in NEVER)


def test_a_protected_picture_is_nothing_uniform(guard, key, immunized):
    strangers = presence.resampled_keys(3)
    values = presence.presence_values(guard.engine, immunized.image, [key, *strangers])
    assert values[0] < 1e-6
    assert min(values[1:]) > 1e-4


def test_the_words_tell_the_dangerous_side_from_the_safe_one():
    uniform = np.random.default_rng(0).random(3000)
    words = [presence.verdict(presence.summary(v)) for v in (uniform, uniform**1.3, uniform**0.8)]
    assert words == [
        "uniform, as far as this sample tells",
        "too many small values",
        "not uniform, but not too many small values",
    ]
