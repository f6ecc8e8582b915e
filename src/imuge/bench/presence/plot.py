"""Presence p-values as a plot: all of them, and the small ones that verdicts are made of.

Needs matplotlib (extra `bench`).
"""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imuge.bench.svg import svg_of

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SIZE = (9, 4.4)  # inches
DIAGONAL: dict[str, Any] = {"color": "grey", "linestyle": "--", "linewidth": 1}


def presence_svg(result: dict[str, Any]) -> str:
    """Draw the samples of `imuge.bench.presence.run`; SVG text from its root element on."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        left, right = figure.subplots(1, 2)
        _shares(left, result)
        _quantiles(right, result)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
        return svg_of(figure)


def _shares(axes: Axes, result: dict[str, Any]) -> None:
    """The empirical distribution functions, in the band where uniform ones stay."""
    widest = max(row["band"] for row in result["samples"].values())
    words = f"uniform; {result['confidence']:.0%} of samples stay within"
    axes.plot((0, 1), (0, 1), label=words, **DIAGONAL)
    axes.fill_between((0, 1), (-widest, 1 - widest), (widest, 1 + widest), color="grey", alpha=0.2)
    for name, row in result["samples"].items():
        axes.step(row["ecdf"]["levels"], row["ecdf"]["shares"], where="post", label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="p", ylabel="share of values at or below p")


def _quantiles(axes: Axes, result: dict[str, Any]) -> None:
    """Found against expected values on logarithmic scales: below the diagonal is alarm."""
    least = min(row["quantiles"]["expected"][0] for row in result["samples"].values())
    axes.plot((least, 1), (least, 1), **DIAGONAL)
    for row in result["samples"].values():
        axes.plot(row["quantiles"]["expected"], row["quantiles"]["found"], ".", markersize=3)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="expected of uniform values", ylabel="found, from the least to the greatest")
