"""Protection embedded again over an edit, with and without the registry.

    python -m imuge.bench.trust reembedded --data ../shared/data/validation --out docs/scores

Somebody with a published file and no key reads what it carries, edits it, and embeds what was read
over the edit; the copy is then saved as JPEG 75. All of it is public arithmetic. The same file is
verified twice: by its mark alone, and with the record made at publication.
"""

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.masks import Mask
from imuge.attacks.resave import parse_chain, resave_to_bytes
from imuge.attacks.retouch import tamper
from imuge.bench.command import write_result
from imuge.bench.pictures import SIDE, photographs
from imuge.bench.trust.desk import Desk
from imuge.engine import Engine
from imuge.engine.canvas import to_canvas
from imuge.image import load
from imuge.protection.embed import SHAPING, prepare, residual
from imuge.protection.frame import add_to_picture, to_frame
from imuge.protection.shaping import shape
from imuge.results import Pixels, Verdict

PICTURES = 12
EDITS = (("splice", 0.01), ("copy-move", 0.03), ("inpaint", 0.05))
AFTER = "jpeg:75"


def embed_again(engine: Engine, published: Pixels, forged: Pixels, mask: Mask) -> Pixels:
    """Put what a published picture carries over an edit of it, which needs no key.

    Args:
        engine: The public networks.
        published: (H, W, 3).
        forged: (H, W, 3), published and changed.
        mask: (H, W), True where.
    """
    host = prepare(engine, forged)
    payload = engine.reveal(to_canvas(to_frame(published, host.frame)).image)
    added = shape(residual(engine, host.canvas, payload), host.deviation, SHAPING)
    plane = np.where(mask, np.uint8(255), np.uint8(0))[..., None]
    # Outside the edit the picture carries it already.
    added *= (to_frame(plane, host.frame) / 255).clip(0, 1)
    return add_to_picture(forged, added, host.frame).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One edit, as it was judged twice."""

    picture: str
    edit: str
    alone: Verdict
    asked: Verdict
    mask: Mask

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        assert self.asked.provenance is not None
        return {
            "picture": self.picture,
            "edit": self.edit,
            "area": float(self.mask.mean()),
            "alone": self.alone.verdict,
            "with_registry": self.asked.verdict,
            "difference": self.asked.provenance.reference_difference,
            "of_the_edit_marked": float(self.asked.mask[self.mask].mean()),
        }


def main(folder: Path, out: Path, count: int | None) -> None:
    """Measure and write reembedded.json and reembedded.md."""
    pool = photographs(folder, side=SIDE, count=count or PICTURES)
    cases = []
    with tempfile.TemporaryDirectory(dir=out) as place, Desk.opened(Path(place)) as desk:
        for number, photograph in enumerate(track(pool, console=Console(stderr=True))):
            published = load(desk.publish(photograph.pixels)).pixels
            other = pool[(number + 1) % len(pool)].pixels
            for kind, area in EDITS:
                forged = tamper(
                    published,
                    kind,
                    area=area,
                    rng=np.random.default_rng(number),
                    other=other if kind == "splice" else None,
                )
                again = embed_again(desk.guard.engine, published, forged.picture, forged.mask)
                copy = resave_to_bytes(again, parse_chain(AFTER), seed=number).data
                alone, asked = desk.verdicts(copy)
                cases.append(
                    Case(
                        picture=photograph.name,
                        edit=f"{kind} {area:.0%}",
                        alone=alone,
                        asked=asked,
                        mask=forged.mask,
                    )
                )
        model = desk.guard.engine.record.name
    result = {
        "command": f"python -m imuge.bench.trust reembedded --data DIR --pictures {len(pool)}",
        "imuge": __version__,
        "model": model,
        "cases": [case.facts() for case in cases],
    }
    markdown = to_markdown(result)
    write_result(out, "reembedded", result, markdown)
    sys.stdout.write(markdown)


def to_markdown(result: dict[str, Any]) -> str:
    """The table as text."""
    cases = result["cases"]
    lines = [
        f"`{result['command']}`: release {result['model']}, each copy saved as JPEG 75; how many "
        "copies got which verdict.",
        "",
        "| edit, protected again | by the mark alone | with the registry | largest difference "
        "(least of the copies) |",
        "|---|---|---|---|",
    ]
    for edit in dict.fromkeys(case["edit"] for case in cases):
        of = [case for case in cases if case["edit"] == edit]
        alone, asked = (
            ", ".join(f"{n} {word}" for word, n in Counter(c[by] for c in of).most_common())
            for by in ("alone", "with_registry")
        )
        least = min((c["difference"] for c in of if c["difference"] is not None), default=None)
        lines.append(f"| {edit} | {alone} | {asked} | {'–' if least is None else f'{least:.1f}'} |")
    found = sum(case["with_registry"] in ("tampered", "foreign") for case in cases)
    marked = sum(case["alone"] in ("tampered", "foreign") for case in cases)
    lines += [
        "",
        f"Found by the mark alone in {marked} of {len(cases)}, with the registry in {found} of "
        f"{len(cases)}.",
    ]
    return "\n".join(lines) + "\n"
