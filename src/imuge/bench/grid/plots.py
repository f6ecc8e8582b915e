"""The plots of `imuge bench`, as SVG text that fits into a page.

Needs matplotlib (extra `bench`).
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imuge.bench.grid.cases import AREAS, KINDS, MAIN_PROCESS, QUALITIES, STRENGTHS
from imuge.bench.grid.summary import Rows, chosen, untouched
from imuge.bench.grid.table import said
from imuge.bench.svg import svg_of

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
}
MARKERS = "osD^vP*X"
Points: TypeAlias = list[tuple[float, float]]
Curves: TypeAlias = dict[str, Points]


def plots(result: dict[str, Any]) -> dict[str, str]:
    """All plots that the results have points for: SVG text by title."""
    rows: Rows = result["rows"]
    quality, share, strength = "JPEG quality, 4:2:0", "tampered share of the picture", "strength"
    both = {
        **_named(_by_strength(rows, "psnr_db"), "immunized picture"),
        **_named(_by_strength(rows, "found_area_db"), "recovered area"),
    }
    drawn = {
        "Localization after JPEG": _curves(_by_quality(rows, "f1"), quality, "F1"),
        "Recovery after JPEG": _curves(_recovery(_by_quality, rows), quality, DB),
        "Localization by tampered area": _curves(_by_area(rows, "f1"), share, "F1", log=True),
        "Recovery by tampered area": _curves(_recovery(_by_area, rows), share, DB, log=True),
        "Localization by strength": _curves(_by_strength(rows, "f1"), strength, "F1"),
        "Fidelity and recovery by strength": _curves(both, strength, "PSNR, dB"),
        "Localization by kind of change": _bars(_by_kind(rows), "F1"),
        "False alarms on untouched pictures": _alarms(rows),
    }
    return {title: svg for title, svg in drawn.items() if svg is not None}


DB = "PSNR in the changed area, dB"


def _by_quality(rows: Rows, key: str) -> Curves:
    chains = {f"jpeg:{quality}": float(quality) for quality in QUALITIES}
    found = chosen(rows, tamper="splice", process=lambda process: process in chains)
    return _collect(found, key, lambda row: chains[row["process"]])


def _by_area(rows: Rows, key: str) -> Curves:
    found = chosen(rows, tamper="splice", process=MAIN_PROCESS, area=lambda area: area in AREAS)
    return _collect(found, key, lambda row: float(row["area"]))


def _by_strength(rows: Rows, key: str) -> Curves:
    found = chosen(
        rows, tamper="splice", process=MAIN_PROCESS, strength=lambda value: value in STRENGTHS
    )
    return _collect(found, key, lambda row: float(row["strength"]))


def _collect(
    rows: Iterator[dict[str, Any]], key: str, place: Callable[[dict[str, Any]], float]
) -> Curves:
    curves: Curves = {}
    for row in rows:
        if key in row:
            curves.setdefault(row["contestant"], []).append((place(row), row[key]))
    return {name: sorted(points) for name, points in curves.items()}


def _recovery(of: Callable[[Rows, str], Curves], rows: Rows) -> Curves:
    """What each contestant recovers, and once what inpainting does."""
    recovered, inpainted = of(rows, "found_area_db"), of(rows, "inpainted_area_db")
    found = _named(recovered, "recovered")
    first = next(iter(recovered), None)
    return found if first is None else {**found, "inpainted": inpainted[first]}


def _named(curves: Curves, what: str) -> Curves:
    return {f"{name}: {what}": points for name, points in curves.items()}


def _curves(curves: Curves, x: str, y: str, *, log: bool = False) -> str | None:
    if max((len(points) for points in curves.values()), default=0) < 2:
        return None

    def draw(axes: Axes) -> None:
        for number, (name, points) in enumerate(curves.items()):
            places, values = zip(*points, strict=True)
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(places, values, marker=marker, markersize=5, label=name)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if log:
            axes.set_xscale("log")
            ticks = sorted({place for points in curves.values() for place, _ in points})
            axes.set_xticks(ticks, [f"{tick:.1%}".replace(".0%", "%") for tick in ticks])
            axes.minorticks_off()
        if y == "F1":
            axes.set_ylim(0, 1.02)
        axes.legend(loc="best", fontsize=8)

    return _svg(draw, (6, 3.6))


def _by_kind(rows: Rows) -> Curves:
    """F1 by the number of the kind, for each contestant, and for each process where it is one."""
    found: Curves = {}
    alone = len({row["contestant"] for row in rows}) == 1
    for process in ("none", MAIN_PROCESS) if alone else (MAIN_PROCESS,):
        for row in chosen(rows, tamper=lambda kind: kind in KINDS, process=process):
            name = f"{row['contestant']}, {process}"
            found.setdefault(name, []).append((float(KINDS.index(row["tamper"])), row["f1"]))
    return found


def _bars(series: Curves, x: str) -> str | None:
    kinds = sorted({place for points in series.values() for place, _ in points})
    if len(kinds) < 2:
        return None
    height = 0.8 / len(series)

    def draw(axes: Axes) -> None:
        for number, (name, points) in enumerate(series.items()):
            places = [kinds.index(place) + number * height for place, _ in points]
            axes.barh(places, [value for _, value in points], height, label=name)
        middle = 0.4 - height / 2
        labels = [KINDS[int(place)] for place in kinds]
        axes.set_yticks([place + middle for place in range(len(kinds))], labels)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)
        axes.set_xlabel(x)
        _legend_below(axes)

    return _svg(draw, (6, 1.4 + len(kinds) * max(0.3, 0.13 * len(series))))


def _alarms(rows: Rows) -> str | None:
    found = [row for row in untouched(rows) if row["strength"] == 1 and "any" in row]
    if len(found) < 2:
        return None
    names = list(dict.fromkeys(row["contestant"] for row in found))
    processes = list(dict.fromkeys(row["process"] for row in found))
    height = 0.8 / len(names)

    def draw(axes: Axes) -> None:
        for number, name in enumerate(names):
            own = [row for row in found if row["contestant"] == name]
            places = [processes.index(row["process"]) + number * height for row in own]
            bars = axes.barh(places, [row["any"] for row in own], height, label=name)
            if len(names) == 1:
                words = [said(row) for row in own]
                axes.bar_label(bars, words, padding=4, fontsize=7)
        axes.set_yticks([place + 0.4 - height / 2 for place in range(len(processes))], processes)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of untouched pictures with any false region")
        _legend_below(axes)

    return _svg(draw, (6, 1.4 + len(processes) * max(0.22, 0.13 * len(names))))


def _legend_below(axes: Axes) -> None:
    """Outside the axes, where bars may be of any length."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)


def _svg(draw: Callable[[Axes], None], size: tuple[float, float]) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        return svg_of(figure)
