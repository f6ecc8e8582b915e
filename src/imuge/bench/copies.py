"""What becomes of copies: the table by which the frame is judged, on large and small photographs.

    photograph ─ publish ─► own size ─ a tenth spliced ─► scaled ─ saved ─► verified ─► own pixels

Large photographs as they were published, and the validation squares; nothing is fitted on either.
Beside every figure stands the one that was asked for.

    python -m imuge.bench.copies --data ../shared/data/large --out docs/scores

What was measured is kept in a journal, and a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imuge import __version__
from imuge.bench.command import as_command, option, write_result
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.grid.cases import UNTOUCHED, Case
from imuge.bench.grid.entrants import bench_key
from imuge.bench.grid.journal import Journal
from imuge.bench.grid.summary import averages
from imuge.bench.grid.trials import Row, Scores, Subject, restored
from imuge.bench.pictures import Group, Photograph, large_and_small, longer_sides, picture_at
from imuge.bench.processes import Worker, shared_out
from imuge.bench.scores import f1, psnr_db, ssim
from imuge.engine import Engine, available_threads
from imuge.errors import ImugeError
from imuge.files import make_folder
from imuge.protection.frame import DETAILS, Detail
from imuge.results import Pixels

COMMAND = "python -m imuge.bench.copies --data ../shared/data/large --out docs/scores"
JOURNAL = "copies.journal.jsonl"
SCREEN = 900  # pixels of the longer side, of a picture that is fitted to a screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; None where nothing was."""

    f1: float | None = None
    area_db: float | None = None


WANTED: dict[Group, dict[str, Wanted]] = {
    "large": {
        "none": Wanted(),
        "jpeg:75": Wanted(f1=0.988, area_db=21.0),
        "jpeg:50": Wanted(f1=0.975, area_db=20.0),
        "long-edge:1600,jpeg:70": Wanted(),
        "long-edge:1080,jpeg:75": Wanted(f1=0.985),
        "long-edge:1080,jpeg:50": Wanted(f1=0.965),
        "long-edge:1080,webp:80": Wanted(f1=0.955),
        "long-edge:1080,webp:70": Wanted(f1=0.92),
        "long-edge:1080,avif:60": Wanted(f1=0.965),
        "long-edge:800,jpeg:75": Wanted(f1=0.955),
    },
    "validation": {
        "jpeg:75": Wanted(f1=0.97),
        "jpeg:50": Wanted(f1=0.965),
        "resize:0.8,jpeg:75": Wanted(f1=0.955),
    },
}
WANTED_PSNR_DB, WANTED_SSIM = 42.0, 0.983  # of the large ones
MOST_FALSE = 0.1  # of untouched pictures, with any region


def cases(group: Group) -> tuple[Case, ...]:
    """Every row of a group, tampered with and untouched."""
    return tuple(Case(kind, process) for kind in ("splice", UNTOUCHED) for process in WANTED[group])


def measure(subject: Subject, wanted: Iterable[Case]) -> list[Row]:
    """Every case of one picture; where it cannot be protected or read, why."""
    rows = []
    try:
        kept = fidelity(subject.original, subject.published(1.0).pixels)
    except ImugeError as error:
        return [Row(case, {}, str(error)) for case in wanted]
    for case in wanted:
        try:
            rows.append(Row(case, kept | scores(subject, case)))
        except ImugeError as error:
            rows.append(Row(case, {}, str(error)))
    return rows


def fidelity(original: Pixels, published: Pixels) -> Scores:
    """How near a published picture is to its photograph, at its own size and fitted to a screen."""
    fitted = [on_screen(picture) for picture in (original, published)]
    return {
        "psnr_db": psnr_db(original, published),
        "ssim": ssim(original, published),
        "ssim_on_screen": ssim(*fitted),
    }


def on_screen(picture: Pixels) -> Pixels:
    """A picture of 900 pixels at most, scaled as viewers do."""
    height, width = picture.shape[:2]
    scale = min(1.0, SCREEN / max(height, width))
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def scores(subject: Subject, case: Case) -> Scores:
    """What became of one copy.

    Returns:
        `verdict`; `read`, whether the message was; of tampered copies `f1` and, inside the true
        mask, `attacked_db` and `area_db` to the original; of untouched ones `any` region.
    """
    received, true = subject.forged(case)
    finding = subject.contestant.examine(received, subject.published(1.0).secret)
    assert finding.verdict is not None, "the release is measured as it is shipped"
    found: Scores = {"verdict": finding.verdict, "read": float(bool(finding.identified))}
    if case.tamper == UNTOUCHED:
        return found | {"any": float(finding.mask.any())}
    attacked = picture_at(received, subject.size)
    recovered = restored(subject, finding, finding.mask)
    return found | {
        "f1": f1(finding.at_size(subject.size).mask, true),
        "attacked_db": psnr_db(subject.original, attacked, true),
        "area_db": psnr_db(subject.original, recovered, true),
    }


def _work(
    detail: Detail, pair: tuple[Photograph, Photograph], seed: int, wanted: tuple[Case, ...]
) -> list[Row]:
    contestant = ReleaseContestant(Worker.engine, bench_key(), shipped=True, detail=detail)
    return measure(Subject(contestant, *pair, seed=seed), wanted)


def measure_all(
    groups: Mapping[Group, Sequence[Photograph]], journal: Journal, detail: Detail, *, jobs: int
) -> dict[Group, list[dict[str, Any]]]:
    """All averages of all groups; what the journal holds is not measured again."""
    units = {
        (group, picture.name): (_work, (detail, (picture, pictures[i - 1]), i, cases(group)))
        for group, pictures in groups.items()
        for i, picture in enumerate(pictures)
    }
    missing = {unit: work for unit, work in units.items() if unit not in journal.done}
    for unit, rows in shared_out(missing, total=len(units), jobs=jobs):
        journal.add(unit, rows)
    return {
        group: averages({(group, p.name): journal.done[group, p.name] for p in pictures})
        for group, pictures in groups.items()
    }


def to_markdown(result: Mapping[str, Any]) -> str:
    """The table of every group."""
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['model']} "
        f"({result['model_sha256'][:16]}…), detail {result['detail']}. A tenth of the picture "
        "spliced, in the published picture's own pixels; in brackets what was asked for.",
    ]
    for group, facts in result["groups"].items():
        low, high = facts["longer_sides"]
        size = f"{low}" if low == high else f"{low} to {high}"
        row = facts["rows"][0]
        asked = (f" ({WANTED_PSNR_DB:g})", f" ({WANTED_SSIM})") if group == "large" else ("", "")
        lines += [
            "",
            f"{len(facts['pictures'])} {group} pictures of {size} pixels on the longer side. "
            f"Published: {row['psnr_db']:.1f}{asked[0]} dB PSNR, SSIM {row['ssim']:.3f}{asked[1]}, "
            f"{row['ssim_on_screen']:.3f} fitted to {SCREEN} pixels.",
            "",
            "| then | F1 | area before, dB | recovered, dB | message read | verdicts "
            "| untouched: any region | verdicts |",
            "|---|---|---|---|---|---|---|---|",
            *(_line(facts["rows"], process, wanted) for process, wanted in WANTED[group].items()),
        ]
    missed = list(shortfalls(result))
    lines += ["", "Missed:" if missed else "Nothing is missed.", *(["", *missed] if missed else [])]
    return "\n".join(lines) + "\n"


def row_of(rows: Sequence[dict[str, Any]], process: str, tamper: str) -> dict[str, Any]:
    """The averages of one case."""
    return next(row for row in rows if (row["process"], row["tamper"]) == (process, tamper))


def _line(rows: Sequence[dict[str, Any]], process: str, wanted: Wanted) -> str:
    changed, kept = (row_of(rows, process, tamper) for tamper in ("splice", UNTOUCHED))
    cells = [
        f"`{process}`",
        f"{changed['f1']:.3f}" + ("" if wanted.f1 is None else f" ({wanted.f1})"),
        f"{changed['attacked_db']:.1f}",
        f"{changed['area_db']:.1f}" + ("" if wanted.area_db is None else f" ({wanted.area_db:g})"),
        f"{round(changed['read'] * changed['pictures'])} of {changed['pictures']}",
        _said(changed),
        f"{round(kept['any'] * kept['pictures'])} of {kept['pictures']}",
        _said(kept),
    ]
    return f"| {' | '.join(cells)} |"


def _said(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{verdict} {count}" for verdict, count in row["verdicts"].items())


def shortfalls(result: Mapping[str, Any]) -> Iterable[str]:
    """Every figure that stays behind what was asked for, as a line of a list."""
    for group, facts in result["groups"].items():
        rows = facts["rows"]
        if group == "large":
            if rows[0]["psnr_db"] < WANTED_PSNR_DB:
                yield f"- large: PSNR {rows[0]['psnr_db']:.1f} dB, asked {WANTED_PSNR_DB:g}"
            if rows[0]["ssim"] < WANTED_SSIM:
                yield f"- large: SSIM {rows[0]['ssim']:.3f}, asked {WANTED_SSIM}"
        for process, wanted in WANTED[group].items():
            changed, kept = (row_of(rows, process, tamper) for tamper in ("splice", UNTOUCHED))
            name = f"- {group}, `{process}`"
            if wanted.f1 is not None and changed["f1"] < wanted.f1:
                yield f"{name}: F1 {changed['f1']:.3f}, asked {wanted.f1}"
            if wanted.area_db is not None and changed["area_db"] < wanted.area_db:
                yield f"{name}: recovered {changed['area_db']:.1f} dB, asked {wanted.area_db:g}"
            if changed["read"] < 1:
                yield f"{name}: message read in {changed['read']:.0%}"
            if kept["any"] > MOST_FALSE:
                yield f"{name}: {kept['any']:.0%} of untouched pictures show a region"
            if accused := kept["verdicts"].get("foreign", 0):
                yield f"{name}: {accused} untouched pictures called foreign"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write copies.json and copies.md.

    Raises:
        ConfigError: a folder holds fewer than two pictures.
    """
    parser = argparse.ArgumentParser(description="What becomes of scaled and saved copies.")
    parser.add_argument("--data", type=Path, required=True, help="folder of large photographs")
    parser.add_argument("--validation", type=Path, help="default: DATA/../validation")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="of each folder only so many")
    parser.add_argument("--detail", choices=DETAILS, default="normal")
    parser.add_argument("--jobs", type=int, default=available_threads())
    options = parser.parse_args(arguments)
    make_folder(options.out)
    groups = large_and_small(options.data, options.validation, count=options.pictures)
    engine = Engine()
    facts = {
        "imuge": __version__,
        "model": engine.record.name,
        "model_sha256": engine.sha256,
        "calibration": engine.record.calibration.fingerprint,
        "detail": options.detail,
        "pictures": {g: {p.name: p.sha256 for p in pictures} for g, pictures in groups.items()},
    }
    resume = (options.out / JOURNAL).exists()
    journal = Journal(options.out, facts, resume=resume, name=JOURNAL)
    rows = measure_all(groups, journal, options.detail, jobs=options.jobs)
    names = facts.pop("pictures")
    result = {
        "command": COMMAND + option("pictures", options.pictures),
        **facts,
        "groups": {
            group: {
                "pictures": names[group],
                "longer_sides": longer_sides(groups[group]),
                "rows": rows[group],
            }
            for group in groups
        },
    }
    markdown = to_markdown(result)
    write_result(options.out, "copies", result, markdown)
    journal.finish()
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
