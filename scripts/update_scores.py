"""Puts the measured tables into the pages, and the scores into the release's record.

    python scripts/update_scores.py            reads docs/scores/*.json, as `make bench` wrote them

What has not been measured with this version stands nowhere: its place says which command measures
it. `tests/test_scores.py` fails where a page does not say what the committed results say.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import answers

from imuge.attacks.resave import PLATFORMS
from imuge.bench import content, copies, int8, recovery, secrecy
from imuge.bench.geometry import run as geometry
from imuge.bench.geometry import table as geometry_table
from imuge.bench.grid.plots import plots
from imuge.bench.grid.table import to_markdown
from imuge.bench.jpeg import run as jpeg_simulators
from imuge.bench.presence import run as presence
from imuge.bench.presence.plot import presence_svg
from imuge.bench.security import table as security_table
from imuge.bench.speed import commands
from imuge.weights import read_record, release_folder, write_record

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "docs" / "scores"
VALIDATION = "--data ../shared/data/validation"
MEASURED_BY = {
    "bench": f"imuge bench {VALIDATION} --out DIR",
    "peers": f"imuge bench {VALIDATION} --out DIR --grid quick --pictures 8 --peers all",
    "documents": "imuge bench --data DIR/documents --out DIR --grid quick --pictures 12",
    "copies": copies.COMMAND,
    "geometry": geometry.COMMAND,
    "content": f"{content.COMMAND} {VALIDATION} --out docs/scores",
    "content-large": f"{content.COMMAND} --data ../shared/data/large --out docs/scores "
    "--name content-large",
    "recovery": f"{recovery.COMMAND} --data ../shared/data/train --pictures 8 --out docs/scores",
    "int8": int8.COMMAND,
    "commands": commands.COMMAND,
    "security": f"imuge bench security {VALIDATION} --out docs/scores",
    "presence": f"imuge bench presence {VALIDATION} --out docs/scores",
    "secrecy": f"{secrecy.COMMAND} --out docs/scores",
}
README_ROWS = {  # of the large photographs
    "nothing": "none",
    "JPEG 75": "jpeg:75",
    "JPEG 50": "jpeg:50",
    "1600 pixels, JPEG 70 (WhatsApp)": "long-edge:1600,jpeg:70",
    "1080 pixels, JPEG 75 (Instagram)": "long-edge:1080,jpeg:75",
    "1080 pixels, WebP 80": "long-edge:1080,webp:80",
    "1080 pixels, AVIF 60": "long-edge:1080,avif:60",
    "800 pixels, JPEG 75": "long-edge:800,jpeg:75",
}
PLOTS = {
    "Localization after JPEG": "F1 of the mask after JPEG of falling quality",
    "Recovery after JPEG": "PSNR of the recovered area after JPEG of falling quality, beside "
    "inpainting",
    "Localization by kind of change": "F1 of the mask by the kind of change, untouched by "
    "processing and after JPEG 75",
    "False alarms on untouched pictures": "Share of untouched pictures with a false region, by "
    "processing",
}
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Rewrite every generated part."""
    for page, parts in pages().items():
        text = page.read_text()
        for name, part in parts.items():
            text = replaced(text, name, part)
        page.write_text(text)
    for path, svg in pictures().items():
        path.write_text(svg)
    record = read_record(release_folder())
    write_record(record.model_copy(update={"scores": scores()}), release_folder())


def replaced(text: str, name: str, content: str) -> str:
    """Put `content` between the markers of `name`."""
    pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"no place marked {name}")
    return pattern.sub(lambda found: found[1] + content + found[2], text)


def measured(name: str, render: Callable[[dict[str, Any]], str]) -> str:
    """A part made of one result; of one that is not there, how it is made."""
    if not (SCORES / f"{name}.json").exists():
        return f"Not measured with this version yet; this does it: `{MEASURED_BY[name]}`.\n"
    return render(load(name))


def pages() -> dict[Path, dict[str, str]]:
    """Every generated part of every page."""
    training = {
        "profile": f"```\n{(SCORES / 'train_profile.txt').read_text()}```\n",
        "compare": (SCORES / "compare_localizer.md").read_text(),
    }
    questions = {
        name: measured(answer.result, answer.render) for name, answer in answers.ANSWERS.items()
    }
    return {
        ROOT / "docs" / "training.md": training,
        ROOT / "docs" / "jpeg-simulators.md": {
            "jpeg_simulators": jpeg_simulators.to_markdown(load("jpeg_simulators"))
        },
        ROOT / "docs" / "bench.md": {
            "copies": measured("copies", copies.to_markdown),
            "geometry": measured("geometry", geometry_table.to_markdown),
            "content": measured("content", content.to_markdown),
            "content-large": measured("content-large", content.to_markdown),
            "recovery": measured("recovery", recovery.to_markdown),
            "int8": measured("int8", int8.to_markdown),
            "platforms": platforms(),
            "plots": measured("bench", lambda _: joined(*map(shown, PLOTS))),
            "bench": measured("bench", to_markdown),
            "peers": measured("peers", to_markdown),
            "documents": measured("documents", to_markdown),
            "security": measured("security", security_table.to_markdown),
            "presence": measured("presence", presence_part),
        },
        ROOT / "docs" / "model-card.md": {
            "copies": measured("copies", copies.to_markdown),
            "commands": measured("commands", commands.to_markdown),
            "calibration": calibration(),
        },
        ROOT / "docs" / "protocol.md": {"secrecy": measured("secrecy", secrecy.to_markdown)},
        ROOT / "docs" / "faq.md": questions,
        ROOT / "README.md": {
            "scores": measured("copies", summary),
            "cost": measured("commands", cost),
        },
    }


def pictures() -> dict[Path, str]:
    """The plots that the pages show."""
    svgs: dict[Path, str] = {}
    if (SCORES / "bench.json").exists():
        drawn = plots(load("bench"))
        svgs |= {path_of(title): drawn[title] for title in PLOTS}
    if (SCORES / "presence.json").exists():
        svgs[IMAGES / "bench-presence.svg"] = presence_svg(load("presence"))
    return svgs


def path_of(title: str) -> Path:
    """Where a plot lies."""
    return IMAGES / f"bench-{title.lower().replace(' ', '-')}.svg"


def shown(title: str) -> str:
    """The line of a page that shows a plot."""
    return f"![{PLOTS[title]}](images/{path_of(title).name})"


def presence_part(result: dict[str, Any]) -> str:
    """The plot of p-values, and their table."""
    words = "The share of p-values at or below each value, beside the diagonal of uniform ones"
    return f"![{words}](images/bench-presence.svg)\n\n" + presence.to_markdown(result)


def joined(*lines: str) -> str:
    """Lines as a part of a page."""
    return "\n".join(lines) + "\n"


def platforms() -> str:
    """The presets as a table."""
    rows = (f"| {name} | `{chain}` |" for name, chain in PLATFORMS.items())
    return joined("| platform | what is done |", "|---|---|", *rows)


def load(name: str) -> dict[str, Any]:
    """One committed result."""
    result: dict[str, Any] = json.loads((SCORES / f"{name}.json").read_text())
    return result


def calibration() -> str:
    """What the record says of its calibration, in words and a table."""
    found = read_record(release_folder()).calibration
    frames = ", ".join(f"{count} of {side}" for side, count in found.frames.items())
    lines = [
        f"`{found.command}`: {found.pictures} pictures that no network saw before, "
        f"published on frames whose longer side is {frames} pixels. A piece is a region from odds "
        f"of {math.exp(found.both.least):.1f} to one, for a verify-only key from "
        f"{math.exp(found.alone.least):.1f}. Copies with any region though nobody changed what "
        "they show, each judged by regressions that were fitted on other pictures; at most "
        f"{found.bound:.1%} was asked, and more is bold:",
        "",
        "| done to the copy | full key | verify-only key |",
        "|---|---|---|",
        *(
            f"| {code(name)} | {_share(share, found.bound)} "
            f"| {_share(found.alone.false[name], found.bound)} |"
            for name, share in found.both.false.items()
        ),
        "",
        "F1 of the pieces found on changed copies, after no processing, JPEG 75, or JPEG 50 at "
        "half the size, a third of the pictures each:",
        "",
        "| change | full key | verify-only key |",
        "|---|---|---|",
        *(
            f"| {name} | {score:.2f} | {found.alone.f1[name]:.2f} |"
            for name, score in found.both.f1.items()
        ),
        "",
        f"Copies of which fewer than {found.minimum_agreement:.1%} of the beacon signs are right "
        "are `degraded`.",
    ]
    return "\n".join(lines) + "\n"


def _share(share: float, bound: float) -> str:
    return f"**{share:.1%}**" if share > bound else f"{share:.1%}"


def code(text: str) -> str:
    """As code in a page."""
    return f"`{text}`"


def summary(result: dict[str, Any]) -> str:
    """The README's table of copies."""
    facts = result["groups"]["large"]
    rows = facts["rows"]
    low, high = facts["longer_sides"]
    lines = [
        f"{len(facts['pictures'])} photographs of {low} to {high} pixels never trained on, through "
        "real files; a tenth of the picture pasted over at its own size, then scaled and saved. "
        "Small pictures, other changes and others' methods: [bench](docs/bench.md).",
        "",
        f"Immunized picture: {rows[0]['psnr_db']:.1f} dB PSNR, SSIM {rows[0]['ssim']:.3f}.",
        "",
        "| then | F1 of the mask | changed area before recovery | after recovery | untouched "
        "pictures with a false region |",
        "|---|---|---|---|---|",
    ]
    for label, process in README_ROWS.items():
        changed, kept = (copies.row_of(rows, process, kind) for kind in ("splice", "none"))
        lines.append(
            f"| {label} | {changed['f1']:.3f} | {changed['attacked_db']:.1f} dB "
            f"| {changed['area_db']:.1f} dB "
            f"| {round(kept['any'] * kept['pictures'])} of {kept['pictures']} |"
        )
    return joined(*lines, "", f"Made by `{result['command']}`.")


def cost(result: dict[str, Any]) -> str:
    """What 12 megapixels take, in a sentence."""
    row = result["sizes"]["12"]["now"]
    seconds = [row[verb]["processor_s"] for verb in commands.VERBS]
    peak = max(row[verb]["peak_gb"] for verb in commands.VERBS)
    return joined(
        f"12 megapixels take {seconds[0]:.0f} s of processor time to immunize, {seconds[1]:.0f} s "
        f"to verify, {seconds[2]:.0f} s to verify and recover, and {peak:.1f} GB: "
        f"`{result['command']}`."
    )


def scores() -> dict[str, Any]:
    """What the release's record keeps of the results: averages over the large pictures."""
    if not (SCORES / "copies.json").exists():
        return {}
    result = load("copies")
    facts = result["groups"]["large"]
    kept = ("psnr_db", "ssim", "f1", "attacked_db", "area_db", "any")
    rows = {
        f"{row['tamper']}, {row['process']}": {k: round(row[k], 4) for k in kept if k in row}
        for row in facts["rows"]
    }
    return {"command": result["command"], "pictures": len(facts["pictures"]), "rows": rows}


if __name__ == "__main__":
    main()
