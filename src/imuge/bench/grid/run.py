"""`imuge bench`: from a folder of photographs to results that anybody can make again.

photographs × contestants × cases ─► journal ─► bench.json .csv .md .html
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from imuge import __version__
from imuge.bench.grid.bit_marks import measure_all
from imuge.bench.grid.cases import Case, GridName, grid
from imuge.bench.grid.entrants import Entrant
from imuge.bench.grid.journal import Journal
from imuge.bench.grid.page import build_page
from imuge.bench.grid.sheets import Sheet, sheet
from imuge.bench.grid.summary import averages, refusals, to_csv
from imuge.bench.grid.table import to_markdown
from imuge.bench.grid.trials import AnyContestant, Row, Subject
from imuge.bench.grid.work import GridPlan, work
from imuge.bench.peers import BIT_MARKS
from imuge.bench.pictures import Photograph, longer_sides, several
from imuge.errors import ConfigError, ImugeError, to_install
from imuge.files import make_folder, write_atomically

SCHEMA = "imuge.bench/1"
LIBRARIES = ("numpy", "scipy", "pillow", "onnxruntime")
EXAMPLES = (Case("splice", "jpeg:75"), Case("inpaint", "jpeg:75"), Case("splice", "jpeg:50"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """What a run shall measure, and where the results go."""

    data: Path
    out: Path
    grid: GridName
    entrants: tuple[Entrant, ...]
    pictures: int | None  # only so many, evenly spread; None means all
    seed: int
    jobs: int
    resume: bool
    bits: bool  # whether marks that only carry bits are measured too
    command: str  # that makes the results again


def run(settings: GridSettings, *, console: Console) -> dict[str, Any]:
    """Measure, and write bench.json, bench.csv, bench.md and bench.html into the folder.

    Returns:
        What bench.json holds.

    Raises:
        ConfigError: an option is unfit, or an unfinished run is in the way.
        WeightsError: weights are missing, altered or of unknown networks.
        ImageError: the disk refused.
    """
    _require_plots()
    chosen = several(settings.data, count=settings.pictures)
    built = [entrant.build(threads=1) for entrant in settings.entrants]
    plan = GridPlan(settings.entrants, tuple(chosen), grid(settings.grid), settings.seed)
    facts = _facts(settings, chosen, built)
    make_folder(settings.out)
    journal = Journal(settings.out, facts, resume=settings.resume)
    done = _measure(plan, journal, jobs=settings.jobs, console=console)
    result = {
        **facts,
        "command": settings.command,
        "machine": platform.platform(),
        "rows": averages(done),
        "cannot": refusals(done),
    }
    if settings.bits:
        console.print("marks that only carry bits")
        rows, missing = measure_all([make() for make in BIT_MARKS.values()], chosen)
        result["bits"] = {"rows": rows, "missing": missing}
    console.print("examples, plots and tables")
    _write(settings.out, result, to_csv(done), _examples(plan, built[0]))
    journal.finish()
    return result


def _require_plots() -> None:
    """Say before hours of work that the plots could not be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            "imuge bench draws plots with matplotlib, which is not installed; "
            f"run: {to_install('bench')}"
        ) from error


def _facts(
    settings: GridSettings, chosen: Sequence[Photograph], built: Sequence[AnyContestant]
) -> dict[str, Any]:
    """What the results depend on: two runs with equal facts measure the same."""
    return {
        "schema": SCHEMA,
        "grid": settings.grid,
        "cases": [asdict(case) for case in grid(settings.grid)],
        "longer_sides": longer_sides(chosen),
        "seed": settings.seed,
        "imuge": __version__,
        "versions": {name: version(name) for name in LIBRARIES},
        "pictures": {picture.name: picture.sha256 for picture in chosen},
        "contestants": {one.name: {**one.describe(), "restores": one.restores} for one in built},
    }


def _measure(
    plan: GridPlan, journal: Journal, *, jobs: int, console: Console
) -> Mapping[tuple[str, str], list[Row]]:
    """Everything that the journal does not hold yet; in the plan's order."""
    units = plan.units()
    missing = [unit for unit in units if plan.name(unit) not in journal.done]
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *times, console=console) as bars:
        total = len(units) * len(plan.cases)
        bar = bars.add_task("measuring", total=total)
        bars.advance(bar, total - len(missing) * len(plan.cases))
        for unit, rows in work(plan, missing, jobs=jobs, step=lambda: bars.advance(bar)):
            journal.add(plan.name(unit), rows)
    return {plan.name(unit): journal.done[plan.name(unit)] for unit in units}


def _examples(plan: GridPlan, contestant: AnyContestant) -> list[Sheet]:
    """Example sheets of the first contestant, each of another picture."""
    sheets = []
    for number, case in enumerate(EXAMPLES):
        picture = number % len(plan.pictures)
        pair = plan.pictures[picture], plan.pictures[picture - 1]
        subject = Subject(contestant, *pair, seed=plan.seed_of(picture))
        try:
            sheets.append(sheet(subject, case, name=pair[0].name))
        except ImugeError:
            continue  # the tables say why
    return sheets


def _write(folder: Path, result: dict[str, Any], table: str, sheets: Sequence[Sheet]) -> None:
    from imuge.bench.grid.plots import plots

    page = build_page(result, plots=plots(result), sheets=sheets)
    texts = {
        "json": json.dumps(result, indent=1) + "\n",
        "csv": table,
        "md": to_markdown(result),
        "html": page,
    }
    for ending, text in texts.items():
        write_atomically(folder / f"bench.{ending}", text.encode(), overwrite=True)
