"""Reconstructions: how far they must reach, and whether they should follow the copy's tones.

    photograph ─ publish ─ splice ─► saved ─► examined ─┬─ every margin and seam ─► area, rim,
                                  └─► tones changed ────┴─ tones fitted, or not ─►   still forged

Both are chosen on training pictures, through the product's own steps.

    python -m imuge.bench.recovery --data ../shared/data/train --pictures 8 --out docs/scores

Scores are in the copy's own pixels, against what the same saving makes of the published picture.
What was measured is kept in a journal, a line a picture, and a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge import __version__
from imuge.attacks.resave import carried, parse_chain, resave
from imuge.attacks.retouch import Tampered, tamper
from imuge.bench.command import as_command, write_result
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.lines import rows_done, rows_of_all
from imuge.bench.pictures import Photograph, covering, several
from imuge.bench.scores import Mask, psnr_db
from imuge.engine import Engine, available_threads
from imuge.files import make_folder
from imuge.guard import Guard
from imuge.protection.code import HiddenCode
from imuge.protection.hidden_copy import render_untouched
from imuge.protection.receive import receive
from imuge.protection.recover import RECOVERY_MARGIN, SEAM, Seam, paste, render_masked, widen
from imuge.protection.tone import AS_PUBLISHED, Tone, tone_of
from imuge.protection.verify import Evidence, examine
from imuge.results import Pixels
from imuge.weights import load_release

Array: TypeAlias = NDArray[np.float32]

COMMAND = "python -m imuge.bench.recovery"
JOURNAL = "recovery.journal.jsonl"
AREA = 0.1
MARGINS = (2, 4, 6, 8)  # frame pixels around the mask that the recoverer does not look at
SEAMS: tuple[Seam, ...] = ((0.0, 2.0), (1.5, 3.5), (2.0, 4.0), (3.0, 5.0), (4.0, 6.0), (4.0, 8.0))
SAVED = ("none", "jpeg:75", "resize:0.7,jpeg:75")
TONES = (
    *("none", "jpeg:75", "jpeg:50"),
    *("brightness:1.2,jpeg:75", "brightness:0.8,jpeg:75"),
    *("contrast:1.25,jpeg:75", "contrast:0.75,jpeg:75"),
    *("gamma:1.3,jpeg:75", "saturation:0.5,jpeg:75"),
)
RIM = 10  # frame pixels around the true mask, in which a reconstruction replaces what is true
FORGED = 16  # grey levels between forged and published, above which a pixel counts as forged
KEPT = 2  # grey levels from the copy, within which its pixel is still shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reconstruction of one copy."""

    study: str  # "margins" or "tones"
    process: str
    choice: str
    area_db: float  # PSNR of the truly changed area
    rim_db: float  # of what is true around it
    forged: float  # share of its forged pixels that are still shown


def measure(guard: Guard, picture: Photograph, donor: Photograph, number: int) -> Iterator[Row]:
    """Every choice on every copy of one picture; copies in which nothing is found give none."""
    maker = ReleaseContestant(guard.engine, guard.keys[0], shipped=True)
    published = maker.immunize(picture.pixels, seed=number).pixels
    forged = tamper(
        published,
        "splice",
        area=AREA,
        rng=np.random.default_rng(number),
        other=covering(donor.pixels, published.shape[:2]),
    )
    for process in dict.fromkeys((*SAVED, *TONES)):
        copy = Copy.of(guard, published, forged, process)
        if copy is None:
            continue
        if process in SAVED:
            yield from _margins(copy, process)
        if process in TONES:
            for choice, tone in (("as published", AS_PUBLISHED), ("fitted", copy.tone)):
                rendered = copy.rendered(tone, RECOVERY_MARGIN)
                yield copy.scored(rendered, SEAM, study="tones", process=process, choice=choice)


def _margins(copy: "Copy", process: str) -> Iterator[Row]:
    for margin in MARGINS:
        rendered = copy.rendered(copy.tone, margin)
        for seam in SEAMS:
            choice = named(margin, seam)
            yield copy.scored(rendered, seam, study="margins", process=process, choice=choice)


def named(margin: int, seam: Seam) -> str:
    """A choice as the table calls it."""
    return f"{margin}, {seam[0]:g} to {seam[1]:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One forged copy, examined, with the truth about it."""

    engine: Engine
    evidence: Evidence
    code: HiddenCode
    mask: Mask  # (h, w) on the frame, what was found, filled
    tone: Tone
    pixels: Pixels
    clean: Pixels  # what the same saving makes of the published picture
    true: Mask

    @classmethod
    def of(cls, guard: Guard, published: Pixels, forged: Tampered, process: str) -> "Copy | None":
        """Make and examine it; None where nothing is found."""
        engine, chain = guard.engine, parse_chain(process)
        pixels = resave(forged.picture, chain)
        received = receive(engine, pixels, guard.keys)
        evidence = None if received is None else examine(engine, received)
        if evidence is None or evidence.shown is None or not evidence.shown.mask.any():
            return None
        code, wide = evidence.located.code, widen(evidence.canvas, evidence.shown.mask)
        assert code is not None, "the bench's key is a full one"
        told = render_untouched(engine, evidence.canvas, evidence.shown.mask, code)
        return cls(
            engine=engine,
            evidence=evidence,
            code=code,
            mask=ndimage.binary_fill_holes(evidence.shown.mask),
            tone=tone_of(evidence.canvas, told, code, wide),
            pixels=pixels,
            clean=resave(published, chain),
            true=carried(forged.mask, chain),
        )

    def rendered(self, tone: Tone, margin: int) -> Array:
        """The reconstruction on the frame."""
        return render_masked(
            self.engine, self.evidence.canvas, self.mask, self.code, tone, margin=margin
        )

    def scored(self, rendered: Array, seam: Seam, **names: str) -> Row:
        """What a reconstruction looks like where it is pasted."""
        place = self.evidence.placement
        shown = paste(self.pixels, rendered, self.mask, place, seam)
        return Row(
            area_db=psnr_db(shown, self.clean, self.true),
            rim_db=psnr_db(shown, self.clean, rim(self.true, RIM / place.scale)),
            forged=still_forged(shown, self.pixels, self.clean, self.true),
            **names,
        )


def rim(true: Mask, width: float) -> Mask:
    """(H, W): what lies outside of a mask and within so many pixels of it."""
    near: Mask = (ndimage.distance_transform_edt(~true) <= width) & ~true
    return near


def still_forged(shown: Pixels, copy: Pixels, clean: Pixels, true: Mask) -> float:
    """Share of a mask's forged pixels whose shown value is the forged one; 0 where none is."""

    def apart(one: Pixels, other: Pixels) -> NDArray[np.int16]:
        largest: NDArray[np.int16] = np.abs(one.astype(np.int16) - other).max(2)
        return largest

    forged = true & (apart(copy, clean) > FORGED)
    return float((apart(shown, copy)[forged] <= KEPT).mean()) if forged.any() else 0.0


def averages(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry for every study, process and choice, over pictures."""
    entries = []
    names = dict.fromkeys((row.study, row.process, row.choice) for row in rows)
    for study, process, choice in names:
        these = [r for r in rows if (r.study, r.process, r.choice) == (study, process, choice)]
        entries.append(
            {
                "study": study,
                "process": process,
                "choice": choice,
                "copies": len(these),
                "area_db": float(np.mean([row.area_db for row in these])),
                "rim_db": float(np.mean([row.rim_db for row in these])),
                "forged": float(np.mean([row.forged for row in these])),
            }
        )
    return entries


def to_markdown(result: Mapping[str, Any]) -> str:
    """Both tables."""
    entries = result["rows"]
    chosen = named(RECOVERY_MARGIN, SEAM)
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['model']} "
        f"({result['model_sha256'][:16]}…), {result['pictures']} training pictures, "
        f"{AREA:.0%} spliced.",
        "",
        "Margin that the recoverer does not look at, and seam in which the reconstruction passes "
        "into the copy, in frame pixels from the found mask. Each cell: PSNR of the changed area / "
        f"of the {RIM} pixels around it, and the share of forged pixels still shown. "
        "Where a seam ends beyond the margin, the recoverer has seen, and may repeat, what it "
        f"replaces. Shipped: {chosen}.",
        "",
        "| margin, seam | " + " | ".join(f"`{process}`" for process in SAVED) + " |",
        "|---" * (1 + len(SAVED)) + "|",
        *_margin_lines(entries, chosen),
        "",
        "Tones that were changed before the copy was saved: PSNR of the changed area, with the "
        "reconstruction in the tones that were published, and fitted to the copy's.",
        "",
        "| copy | as published | fitted |",
        "|---|---|---|",
        *_tone_lines(entries),
    ]
    return "\n".join(lines) + "\n"


def _margin_lines(entries: Sequence[Mapping[str, Any]], chosen: str) -> Iterator[str]:
    of = {(e["choice"], e["process"]): e for e in entries if e["study"] == "margins"}
    for choice in dict.fromkeys(choice for choice, _ in of):
        cells = [
            f"{of[choice, process]['area_db']:.2f} / {of[choice, process]['rim_db']:.2f} dB, "
            f"{of[choice, process]['forged']:.2%}"
            if (choice, process) in of
            else "–"
            for process in SAVED
        ]
        name = f"**{choice}**" if choice == chosen else choice
        yield f"| {name} | {' | '.join(cells)} |"


def _tone_lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    of = {(e["process"], e["choice"]): e["area_db"] for e in entries if e["study"] == "tones"}
    for process in dict.fromkeys(process for process, _ in of):
        plain, fitted = of[process, "as published"], of[process, "fitted"]
        yield f"| `{process}` | {plain:.2f} dB | {fitted:.2f} dB |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write recovery.json and recovery.md."""
    parser = argparse.ArgumentParser(description="How far reconstructions must reach.")
    parser.add_argument("--data", type=Path, required=True, help="folder of training pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, default=8, help="how many, evenly spread")
    parser.add_argument("--jobs", type=int, default=available_threads(), help="processes")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    pool = several(options.data, count=options.pictures)
    release = load_release()
    path = options.out / JOURNAL
    done = rows_done(path, {"sha256": release.sha256}, Row, other="other weights")
    rows = rows_of_all(pool, path, done, measure, jobs=options.jobs)
    result = {
        "command": f"{COMMAND} --data ../shared/data/{options.data.name} "
        f"--pictures {len(pool)} --out docs/scores",
        "imuge": __version__,
        "model": release.record.name,
        "model_sha256": release.sha256,
        "pictures": len(pool),
        "rows": averages(rows),
    }
    markdown = to_markdown(result)
    write_result(options.out, "recovery", result, markdown)
    path.unlink()
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
