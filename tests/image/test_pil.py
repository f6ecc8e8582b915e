"""Contract: a picture as a PIL image is the opposite of taking one."""

import numpy as np
import pytest
from PIL import Image

from imuge.errors import ConfigError
from imuge.image import from_pil, to_pil


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_goes_in_comes_out(mode, photograph):
    given = Image.fromarray(photograph).convert(mode)
    given.info = {"dpi": (300.0, 150.0), "transparency": (3, 0, 0), "icc_profile": b"x" * 200}
    if mode == "RGBA":
        given.putalpha(77)
        del given.info["transparency"]
    taken = from_pil(given)
    made = to_pil(taken)
    assert made.mode == ("RGBA" if taken.alpha is not None else "RGB")
    # Where nothing is seen, no colour is either: it is white.
    expected = photograph.copy()
    if mode == "RGB":
        see_through = (photograph == (3, 0, 0)).all(2)
        assert see_through.any()
        np.testing.assert_array_equal(taken.alpha == 0, see_through)
        expected[see_through] = 255
    np.testing.assert_array_equal(np.asarray(made)[..., :3], expected)
    assert made.info["dpi"] == (300.0, 150.0)
    assert "transparency" not in made.info
    again = from_pil(made)
    np.testing.assert_array_equal(again.pixels, taken.pixels)
    assert again.metadata == taken.metadata


def test_a_wrong_policy_is_named(photograph):
    with pytest.raises(ConfigError, match="unknown metadata policy"):
        to_pil(from_pil(Image.fromarray(photograph)), "all")
