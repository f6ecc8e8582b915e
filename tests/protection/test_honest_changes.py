"""Never accuse where geometry explains it: what version 0.1 called tampered or foreign."""

import numpy as np
import pytest
from PIL import Image

from imuge.attacks.resave import parse_chain, resave


def scaled(pixels, width, height):
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image)


def turned(pixels, degrees):
    """Clockwise, the corners filled with what lies at the edge."""
    wide = Image.fromarray(np.pad(pixels, ((8, 8), (8, 8), (0, 0)), mode="edge"))
    return np.asarray(wide.rotate(-degrees, Image.Resampling.BICUBIC))[8:-8, 8:-8]


def share_shown(rows, columns):
    return rows * columns / 512**2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "share"),
    [
        (lambda p: scaled(p, 511, 511), 1),
        (lambda p: scaled(p, 512, 511), 1),
        (lambda p: turned(p, 0.2), 1),
        (lambda p: p[1:], 1),
        (lambda p: p[:, 40:], share_shown(512, 472)),
        (lambda p: p[112:], share_shown(400, 512)),
    ],
    ids=["511x511", "512x511", "turned by 0.2°", "one row cut", "40 columns cut", "112 rows cut"],
)
def test_an_honest_change_is_named_and_no_tampering(guard, published, change, share):
    verdict = guard.verify(np.ascontiguousarray(change(published)))
    assert verdict.verdict == "intact", verdict.sentence
    assert not verdict.mask.any()
    assert verdict.hidden_copy == "agrees"
    assert verdict.geometry.share == pytest.approx(share, abs=0.01)
    shows = f"shows {verdict.geometry.share:.0%} of what was published"
    assert (shows in verdict.sentence) == (verdict.geometry.share < 1)
    assert verdict.geometry.stretch == 1
    assert verdict.geometry.frame == (384, 384)


def test_a_turn_of_a_fifth_of_a_degree_is_named(guard, published):
    verdict = guard.verify(turned(published, 0.2))
    assert verdict.geometry.turn == pytest.approx(0.2, abs=0.05)
    assert f"is turned by {verdict.geometry.turn:g}°" in verdict.sentence


@pytest.mark.slow
def test_a_white_border_is_at_most_a_change_of_the_border(guard, published):
    bordered = np.pad(published, ((0, 0), (0, 8), (0, 0)), constant_values=255)
    verdict = guard.verify(bordered)
    assert verdict.verdict in ("intact", "tampered"), verdict.sentence
    assert not verdict.mask[:, :504].any()
    assert verdict.geometry.outline[1][0] == pytest.approx(520 / 512, abs=0.003)


@pytest.mark.slow
def test_a_row_more_than_the_scale_says_is_no_change(guard, large_photograph):
    given = scaled(large_photograph[:384], 1000, 750)
    made = guard.immunize(given).image
    verdict = guard.verify(scaled(made, 1000, 751))
    assert verdict.verdict == "intact", verdict.sentence
    assert verdict.geometry.share == 1
    assert verdict.geometry.stretch == 1
    assert verdict.geometry.frame == (768, 576)


@pytest.mark.slow
@pytest.mark.parametrize("quality", [75, 85])
def test_an_honest_change_stays_one_after_jpeg(guard, published, quality):
    cut = np.ascontiguousarray(published[30:, 41:])
    verdict = guard.verify(resave(cut, parse_chain(f"jpeg:{quality}")))
    assert verdict.verdict == "intact", verdict.sentence
    assert verdict.geometry.share == pytest.approx(share_shown(482, 471), abs=0.01)
