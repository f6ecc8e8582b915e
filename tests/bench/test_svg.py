"""A plot is the same text wherever it is drawn."""

import re

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from imuge.bench.svg import HASHED, svg_of


def drawn(shift):
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1 + shift), "o-")
    axes.fill_between((0, 1), (0, 0.5), (1, 1))
    axes.grid()
    return svg_of(figure)


def test_what_differs_in_the_last_bit_is_drawn_alike():
    first = drawn(0.0)
    assert first.startswith("<svg")
    assert first == drawn(0.0) == drawn(1e-12)
    assert first != drawn(0.5)


def test_every_reference_has_its_target():
    svg = drawn(0.0)
    assert not HASHED.search(svg)
    wanted = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", svg))
    named = {one or other for one, other in wanted}
    assert named
    assert named <= set(re.findall(r'id="([^"]+)"', svg))
