"""The release beside the figures its design promises, on the validation pictures.

Order of the protocol: immunize, round to 8 bits, tamper, process with real encoders,
read back, verify. Nothing is fitted here: the shipped working point was set on training pictures.

    python -m imuge.bench.acceptance --data ../shared/data/validation --out out/bench
"""

import argparse
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave
from imuge.bench.acceptance.cases import PROCESSING, blob, contents
from imuge.bench.acceptance.promised import PROMISED
from imuge.bench.acceptance.table import shortfalls, to_markdown
from imuge.bench.pictures import SIDE, Photograph, photographs
from imuge.bench.presence.run import presence_values, resampled_keys
from imuge.bench.presence.uniformity import LEVELS
from imuge.bench.scores import SIGNIFICANT, Mask, f1, psnr_db, ssim
from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.errors import ProtectionError
from imuge.guard import Guard
from imuge.keys import Key
from imuge.protection.locate import Located, find_regions, locate, regions_shown
from imuge.protection.recover import RECOVERY_MARGIN, recover
from imuge.results import Immunized, Pixels

AREAS = (0.05, 0.1, 0.2, 0.3)  # in turn, picture by picture
MESSAGE_AREA = 0.2
Rows = dict[str, list[dict[str, float]]]


def localized(engine: Engine, key: Key, image_id: int, received: Pixels) -> tuple[Canvas, Located]:
    """What the product says of a copy before any threshold, told its image id."""
    canvas = to_canvas(received)
    return canvas, locate(engine, canvas, engine.reveal(canvas.image), key, image_id)


def shipped_mask(engine: Engine, located: Located) -> Mask:
    """The mask at the shipped working point."""
    return regions_shown(engine.record.calibration, located).mask


@dataclass(frozen=True, slots=True)
class Examined:
    """One received picture as the release sees it, at any working point."""

    engine: Engine
    key: Key
    image_id: int
    received: Pixels

    def scores(self, original: Pixels, true: Mask) -> dict[str, float]:
        """Every metric of one case, at the plain and at the shipped working point."""
        canvas, located = localized(self.engine, self.key, self.image_id, self.received)
        plain = find_regions(located.probability, threshold=0.5, minimum_area=0).mask
        code = located.code
        assert code is not None, "the key is a full one"

        def recovered(mask: Mask, margin: int = RECOVERY_MARGIN) -> Pixels:
            return recover(self.engine, canvas, mask, code, margin=margin)

        scores = {
            "attacked_db": psnr_db(original, self.received),
            "attacked_area_db": psnr_db(original, self.received, true),
            "given_area_db": psnr_db(original, recovered(true, margin=0), true),
        }
        for name, mask in (("", plain), ("shipped_", shipped_mask(self.engine, located))):
            result = recovered(mask)
            scores |= {
                f"{name}f1": f1(mask, true),
                f"{name}false_area": float((mask & ~true).sum() / (~true).sum()),
                f"{name}whole_db": psnr_db(original, result),
                f"{name}area_db": psnr_db(original, result, true),
            }
        return scores


def tampered_rows(guard: Guard, pictures: list[Photograph], steps: Iterable[int]) -> Rows:
    """The table of model.md: every tampering and processing, a list of scores a picture."""
    rows: Rows = defaultdict(list)
    for i in steps:
        original = pictures[i].pixels
        made = guard.immunize(original)
        rows["immunized"].append(
            {"psnr_db": psnr_db(original, made.image), "ssim": ssim(original, made.image)}
        )
        rng = np.random.default_rng([2, i])
        mask = blob(AREAS[i % len(AREAS)], rng)
        for kind, content in contents(made.image, pictures[i - 1].pixels).items():
            forged = np.where(mask[..., None], content, made.image)
            for name, process in PROCESSING.items():
                if (row := f"{kind}, {name}") in PROMISED:
                    received = process(forged, rng)
                    examined = Examined(guard.engine, guard.keys[0], _number(made), received)
                    rows[row].append(examined.scores(original, mask))
        add_untouched(rows, guard, made, rng)
    return rows


def add_untouched(
    rows: Rows, guard: Guard, made: Immunized[Pixels], rng: np.random.Generator
) -> None:
    """False alarms on the untouched picture after processing."""
    for name in ("none", "JPEG 75", "JPEG 50"):
        received = PROCESSING[name](made.image, rng)
        _, located = localized(guard.engine, guard.keys[0], _number(made), received)
        shipped = shipped_mask(guard.engine, located)
        plain = located.probability > 0.5
        rows[f"untouched, {name}"].append(
            {
                "false_area": float(plain.mean()),
                "alarm": float(plain.mean() > SIGNIFICANT),
                "shipped_false_area": float(shipped.mean()),
                "shipped_alarm": float(shipped.mean() > SIGNIFICANT),
                "shipped_any": float(shipped.any()),
            }
        )


def _number(made: Immunized[Any]) -> int:
    return int(made.image_id, 16)


def message_rows(
    guard: Guard, pictures: list[Photograph], steps: Iterable[int]
) -> dict[str, dict[str, int]]:
    """How often the message is read with a valid tag, and what verdict is given, by size."""
    rows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for i in steps:
        rng = np.random.default_rng([3, i])
        for side in (512, 256, 128):
            cut = (SIDE - side) // 2
            original = pictures[i].pixels[cut : cut + side, cut : cut + side]
            previous = pictures[i - 1].pixels[cut : cut + side, cut : cut + side]
            try:
                made = guard.immunize(np.ascontiguousarray(original))
            except ProtectionError:
                rows[f"{side}x{side}, refused by immunize"]["pictures"] += 1
                continue
            mask = blob(MESSAGE_AREA, rng)[:: SIDE // side, :: SIDE // side]
            forged = np.where(mask[..., None], previous, made.image)
            for name, process in PROCESSING.items():
                verdict = guard.verify(process(forged, rng), recover=False)
                row = rows[f"{side}x{side}, {name}"]
                row["pictures"] += 1
                row["read"] += verdict.image_id == made.image_id
                row[verdict.verdict] += 1
    return {name: dict(row) for name, row in rows.items()}


def stranger_rows(
    guard: Guard, pictures: list[Photograph], steps: Iterable[int]
) -> dict[str, dict[str, float]]:
    """Presence on pictures never protected, and on protected ones under another key."""
    key = Key.from_secret("stranger", bytes(reversed(range(32))))
    stranger = Guard(key, engine=guard.engine)
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for i in steps:
        original = pictures[i].pixels
        made = guard.immunize(original)
        for name, verdict in (
            ("never protected", guard.verify(original)),
            ("wrong key", stranger.verify(made.image)),
            ("never protected, JPEG 70", guard.verify(resave(original, parse_chain("jpeg:70")))),
            ("wrong key, JPEG 70", stranger.verify(resave(made.image, parse_chain("jpeg:70")))),
        ):
            found[name].append((verdict.presence_p, verdict.verdict == "unprotected"))
    return {
        name: {
            "pictures": len(values),
            "unprotected": sum(unprotected for _, unprotected in values),
            "least_p": min(p for p, _ in values),
        }
        for name, values in found.items()
    }


def chance_rows(guard: Guard, pictures: list[Photograph], steps: Iterable[int]) -> dict[str, float]:
    """Whether presence p-values mean what they say: many keys on pictures never protected."""
    keys = resampled_keys()
    values = np.concatenate(
        [presence_values(guard.engine, pictures[i].pixels, keys) for i in steps]
    )
    found = {f"share at or below {level:g}": float(np.mean(values <= level)) for level in LEVELS}
    return {"keys times pictures": float(len(values)), "least p": float(values.min()), **found}


def average(rows: Rows) -> dict[str, dict[str, float]]:
    """Mean over pictures of every metric of every row."""
    return {
        name: {key: float(np.mean([value[key] for value in values])) for key in values[0]}
        for name, values in rows.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure everything and write acceptance.json and acceptance.md."""
    parser = argparse.ArgumentParser(description="Measure the release on validation pictures.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="only so many, for a quick look")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    pictures = photographs(options.data, side=SIDE, count=options.pictures)
    guard = Guard(Key.from_secret("bench", bytes(range(32))))

    def steps(label: str) -> Iterable[int]:
        return track(range(len(pictures)), label, console=console)

    rows = average(tampered_rows(guard, pictures, steps("tampered")))
    result = {
        "command": "python -m imuge.bench.acceptance --data ../shared/data/validation --out DIR",
        "imuge": __version__,
        "model": guard.engine.record.name,
        "model_sha256": guard.engine.sha256,
        "onnxruntime": onnxruntime.__version__,
        "machine": platform.platform(),
        "points": [point.model_dump() for point in guard.engine.record.calibration.points],
        "pictures": {picture.name: picture.sha256 for picture in pictures},
        "rows": rows,
        "message": message_rows(guard, pictures, steps("messages")),
        "strangers": stranger_rows(guard, pictures, steps("strangers")),
        "chance": chance_rows(guard, pictures, steps("chance")),
    }
    (options.out / "acceptance.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "acceptance.md").write_text(to_markdown(result))
    sys.stdout.write(to_markdown(result))
    for line in shortfalls(result):
        sys.stdout.write(f"falls short: {line}\n")


if __name__ == "__main__":
    main()
