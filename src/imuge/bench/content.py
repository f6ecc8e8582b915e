"""What the second witness finds: protection embedded again, new colours, blurred faces, nothing.

    photograph ─ publish ─┬─ pasted, embedded again ─┐
                          ├─ new colours             ├─► saved ─► verified as shipped ─► scored
                          ├─ blurred locally         │
                          └─ nothing ────────────────┘

Copies of photographs of more than 1080 pixels are scaled to that before they are saved. Nothing is
fitted here. Beside every figure stands the one that was asked for.

    python -m imuge.bench.content --data ../shared/data/validation --out docs/scores

What was measured is kept in a journal, a line a picture, and a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import Tampered, tamper
from imuge.bench.command import as_command, option, write_result
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.framing import FRAMED_AREA, framed
from imuge.bench.lines import rows_done, rows_of_all
from imuge.bench.pictures import Photograph, covering, mask_at, several
from imuge.bench.scores import Mask, f1
from imuge.bench.trust.reembedded import embed_again
from imuge.engine import available_threads
from imuge.files import make_folder
from imuge.guard import Guard
from imuge.results import Verdict
from imuge.weights import load_release

COMMAND = "python -m imuge.bench.content"
JOURNAL = "content.journal.jsonl"
LONGEST = 1080  # pixels of the longer side, of a copy
AREAS = (0.01, 0.02, 0.05, 0.1)
CHAINS = ("none", "jpeg:75", "jpeg:50")
HONEST = (
    *("none", "jpeg:85", "jpeg:70", "jpeg:60", "jpeg:50", "jpeg:90,jpeg:65"),
    *("webp:90", "webp:85", "webp:80", "webp:70", "webp:60"),
    *("avif:80", "avif:75", "avif:70", "avif:60", "avif:50"),
    *("resize-back:0.7", "resize-back:1.5", "blur:0.8", "noise:4", "contrast:1.2"),
    "saturation:0.5",
)
MOST_FALSE = 0.02  # of untouched pictures, with a region that counts
FOUND = {"none": 29 / 30, "jpeg:75": 27 / 30, "jpeg:50": 24 / 30}  # of 2 % or more, embedded again
FOUND_F1 = {"none": 0.85, "jpeg:75": 0.7, "jpeg:50": 0.6}
RECOLOURED_F1 = {"jpeg:75": 0.85}
FRAMED_INTACT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one copy."""

    case: str
    process: str
    verdict: str
    kinds: tuple[str, ...]  # of its regions
    found: float  # share of the place that is marked as changed
    f1: float


def measure(guard: Guard, picture: Photograph, donor: Photograph, number: int) -> Iterator[Row]:
    """Every case of one picture."""
    maker = ReleaseContestant(guard.engine, guard.keys[0], shipped=True)
    published = maker.immunize(picture.pixels, seed=number).pixels
    other = covering(donor.pixels, published.shape[:2])
    nothing = np.zeros(published.shape[:2], bool)
    for process in HONEST:
        yield _row(guard, "untouched", process, Tampered(published, nothing))
    for i, area in enumerate(AREAS):
        rng = np.random.default_rng([number, i])
        forged = tamper(published, "splice", area=area, rng=rng, other=other)
        again = embed_again(guard.engine, published, forged.picture, forged.mask)
        for process in CHAINS:
            case = f"embedded again, {area:.0%}"
            yield _row(guard, case, process, Tampered(again, forged.mask))
    for process in CHAINS:
        rng = np.random.default_rng([number, 10])
        yield _row(guard, "new colours", process, tamper(published, "colour", area=0.05, rng=rng))
        rng = np.random.default_rng([number, 11])
        place = tamper(published, "blur", area=FRAMED_AREA, rng=rng).mask
        yield _row(guard, "blurred", process, Tampered(framed(published, place, "blur"), place))


def _row(guard: Guard, case: str, process: str, made: Tampered) -> Row:
    longer = max(made.picture.shape[:2])
    chain = process if longer <= LONGEST else f"long-edge:{LONGEST},{process}"
    copy = made.picture
    if chain != "none":
        copy = resave(copy, parse_chain(chain.removesuffix(",none")))
    return row_of(case, process, guard.verify(copy, recover=False), made.mask)


def row_of(case: str, process: str, verdict: Verdict, true: Mask) -> Row:
    """Score a verdict in the published picture's own pixels."""
    mask = mask_at(verdict.mask, (true.shape[0], true.shape[1]))
    return Row(
        case=case,
        process=process,
        verdict=verdict.verdict,
        kinds=tuple(region.kind for region in verdict.regions),
        found=float(mask[true].mean()) if true.any() else 0.0,
        f1=f1(mask, true),
    )


def averages(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry for every case and process, over pictures."""
    entries = []
    for case, process in dict.fromkeys((row.case, row.process) for row in rows):
        these = [row for row in rows if (row.case, row.process) == (case, process)]
        hit = [row for row in these if row.verdict == "tampered" and row.found > 0]
        entries.append(
            {
                "case": case,
                "process": process,
                "pictures": len(these),
                "found": len(hit),
                "f1_of_found": float(np.mean([row.f1 for row in hit])) if hit else None,
                "tampered": sum(row.verdict == "tampered" for row in these),
                "intact": sum(row.verdict == "intact" for row in these),
                "lost": sum("protection lost" in row.kinds for row in these),
                "again": sum("protected again" in row.kinds for row in these),
            }
        )
    return entries


def to_markdown(result: Mapping[str, Any]) -> str:
    """The tables, and what is missed."""
    entries = result["rows"]
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['model']} "
        f"({result['model_sha256'][:16]}…), {result['pictures']} pictures; thresholds from "
        f"{result['calibrated_on']} pictures. In brackets what was asked for.",
        "",
        "| done to it | then | found | F1 of the found | verdict intact | called protected again "
        "| called protection lost |",
        "|---|---|---|---|---|---|---|",
        *(_line(entry) for entry in entries if entry["case"] != "untouched"),
        "",
        f"Untouched copies with a region that counts (asked: at most {MOST_FALSE:.0%}), and with "
        "one where only the protection is lost:",
        "",
        "| then | accused | protection lost |",
        "|---|---|---|",
        *(
            f"| `{entry['process']}` | {entry['tampered']} of {entry['pictures']} "
            f"| {entry['lost']} of {entry['pictures']} |"
            for entry in entries
            if entry["case"] == "untouched"
        ),
    ]
    missed = list(shortfalls(entries))
    lines += ["", "Missed:" if missed else "Nothing is missed.", *(["", *missed] if missed else [])]
    return "\n".join(lines) + "\n"


def _line(entry: Mapping[str, Any]) -> str:
    wanted = _wanted(entry)
    score = entry["f1_of_found"]
    count = entry["pictures"]
    cells = [
        entry["case"],
        f"`{entry['process']}`",
        f"{entry['found']} of {count}" + _asked(wanted.get("found")),
        ("–" if score is None else f"{score:.2f}") + _asked(wanted.get("f1")),
        f"{entry['intact']} of {count}" + _asked(wanted.get("intact")),
        f"{entry['again']} of {count}",
        f"{entry['lost']} of {count}",
    ]
    return f"| {' | '.join(cells)} |"


def _asked(wanted: float | None) -> str:
    return "" if wanted is None else f" ({wanted:.2f})"


def _wanted(entry: Mapping[str, Any]) -> dict[str, float]:
    """What was asked of a row: shares of the pictures, and the F1 of the found."""
    case, process = entry["case"], entry["process"]
    if case in ("embedded again, 2%", "embedded again, 5%", "embedded again, 10%"):
        return {"found": FOUND[process], "f1": FOUND_F1[process]}
    if case == "new colours" and process in RECOLOURED_F1:
        return {"f1": RECOLOURED_F1[process]}
    return {"intact": FRAMED_INTACT} if case == "blurred" else {}


def shortfalls(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every figure that stays behind what was asked for, as a line of a list."""
    for entry in entries:
        name, count = f"- {entry['case']}, `{entry['process']}`", entry["pictures"]
        wanted = _wanted(entry)
        for what in ("found", "intact"):
            if what in wanted and entry[what] < wanted[what] * count - 1e-9:
                yield f"{name}: {what} in {entry[what]} of {count}, asked {wanted[what]:.0%}"
        score = entry["f1_of_found"]
        if "f1" in wanted and score is not None and score < wanted["f1"]:
            yield f"{name}: F1 {score:.2f}, asked {wanted['f1']:g}"
        if entry["case"] == "untouched" and entry["tampered"] > MOST_FALSE * count:
            yield f"{name}: {entry['tampered']} of {count} accused, asked {MOST_FALSE:.0%}"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write content.json and content.md."""
    parser = argparse.ArgumentParser(description="What the second witness finds.")
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="only so many")
    parser.add_argument("--jobs", type=int, default=available_threads(), help="processes")
    parser.add_argument("--name", default="content", help="of the results: NAME.json, NAME.md")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    pool = several(options.data, count=options.pictures)
    release = load_release()
    record = release.record
    header = {"sha256": release.sha256, "calibration": record.calibration.fingerprint}
    path = options.out / JOURNAL.replace("content", options.name)
    done = rows_done(path, header, Row, other="other weights or thresholds")
    rows = rows_of_all(pool, path, done, measure, jobs=options.jobs)
    result = {
        "command": f"{COMMAND} --data ../shared/data/{options.data.name} --out docs/scores"
        + ("" if options.name == "content" else f" --name {options.name}")
        + option("pictures", options.pictures),
        "imuge": __version__,
        "model": record.name,
        "model_sha256": release.sha256,
        "calibration": record.calibration.fingerprint,
        "calibrated_on": record.calibration.pictures,
        "pictures": len(pool),
        "rows": averages(rows),
    }
    markdown = to_markdown(result)
    write_result(options.out, options.name, result, markdown)
    path.unlink()
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
