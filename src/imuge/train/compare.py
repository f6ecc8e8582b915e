"""Short runs side by side, equal but for a few settings: does a change pay?

    python -m imuge.train.compare --config BASE.toml --variants VARIANTS.toml --data ... \
        --validate ... --out DIR [--steps N | --minutes M] [--table FILE]

VARIANTS.toml has one table a variant, with the settings that differ from the base:

    [base]                       # nothing differs
    [again]                      # another seed: how much is chance
    seed = 1
    [code_evidence.model]
    code_evidence = true
    [imuge_plus]                 # a config of its own instead of the base's
    config = "../imuge_plus_small.toml"

Each variant is a run of its own under DIR, so what was begun goes on and what is done is not done
again; several processes may each do a part (--only). The table is of the last validation of each.
"""

import argparse
import dataclasses
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imuge.errors import ConfigError, ImugeError
from imuge.files import make_folder, write_atomically
from imuge.model.architectures import load_networks
from imuge.train import checkpoint as checkpoints
from imuge.train.architectures import parse_config, read_config
from imuge.train.checkpoint import differences
from imuge.train.config import TrainConfig
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes, choose_device
from imuge.train.system import train
from imuge.train.validation import load_held_out, validate

COLUMNS = {
    "psnr": "immunized dB",
    "ssim": "SSIM",
    "f1/none": "F1",
    "f1/jpeg75": "F1, JPEG 75",
    "f1/jpeg50": "F1, JPEG 50",
    "f1/webp80": "F1, WebP 80",
    "f1/webp70": "F1, WebP 70",
    "f1/avif60": "F1, AVIF 60",
    "f1/protected_jpeg75": "F1 of a protected piece, JPEG 75",
    "f1/moved_jpeg75": "F1 of a moved piece, JPEG 75",
    "recovered/none": "recovered dB",
    "recovered/jpeg75": "recovered dB, JPEG 75",
    "false_area/none": "false area",
    "false_area/jpeg50": "false area, JPEG 50",
    "false_area/webp80": "false area, WebP 80",
    "template/jpeg75": "signs, JPEG 75",  # of our own networks alone, as is the next
    "hidden_copy/none": "hidden copy dB",
}
FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantOutcome:
    """What became of one variant."""

    name: str
    changed: str
    steps: int
    milliseconds: float  # a step
    scores: dict[str, float | None]  # of the last validation; None where there is no such thing


@dataclass(frozen=True, slots=True)
class Variant:
    """What to train, and in words how it differs from the base."""

    config: TrainConfig
    changed: str


def read_variants(base: TrainConfig, path: Path) -> dict[str, Variant]:
    """All variants, by their names.

    Raises:
        ConfigError: the file is no TOML, or a variant has an unknown or unfit setting.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the variants {path}: {error}") from error
    variants = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"expected a table for each variant in {path}, got {name} = {table}")
        variants[name] = _variant(base, table, path.parent, name=f"variant {name}")
    return variants


def _variant(base: TrainConfig, table: Mapping[str, Any], folder: Path, *, name: str) -> Variant:
    changes = {key: value for key, value in table.items() if key != "config"}
    own = read_config(folder / str(table["config"])) if "config" in table else base
    config = parse_config(_merged(own.to_table(), changes), name=name)
    changed = differences(own.to_table(), config.to_table())
    if "config" in table:
        changed = ", ".join(filter(None, [f"the config {own.name}", changed]))
    return Variant(config, changed or "nothing")


def _merged(base: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: _merged(base[key], value) if isinstance(value, dict) and key in base else value
        for key, value in change.items()
    }
    return base | inner


def run_variant(name: str, variant: Variant, options: SystemRunOptions) -> VariantOutcome:
    """Train one variant to its end, or read what it came to before.

    Raises:
        ConfigError: the options name no photographs for validation, or nothing can be run.
    """
    kept = options.out / "outcome.json"
    if kept.exists():
        return VariantOutcome(**json.loads(kept.read_text(encoding="utf-8")))
    if options.validation is None:
        raise ConfigError("expected --validate: what is compared are validations")
    begun = bool(checkpoints.find(options.out / "checkpoints"))
    train(variant.config, dataclasses.replace(options, resume=begun), Processes())
    lines = [json.loads(line) for line in (options.out / "log.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["kind"] == "validation"][-1]
    times = sorted(line["milliseconds"] for line in lines if line["kind"] == "train")
    outcome = VariantOutcome(
        name=name,
        changed=variant.changed,
        steps=last["step"],
        milliseconds=times[len(times) // 2] if times else 0.0,
        scores={key: last.get(key) for key in COLUMNS},
    )
    write_atomically(kept, json.dumps(dataclasses.asdict(outcome), indent=2).encode())
    return outcome


def score_start(options: SystemRunOptions, *, on_frames: bool) -> VariantOutcome:
    """What the weights that all variants start from score before any training."""
    assert options.start_from is not None
    assert options.validation is not None
    kept = options.out / "start.json"
    if kept.exists():
        return VariantOutcome(**json.loads(kept.read_text(encoding="utf-8")))
    device = choose_device(options.device, Processes())
    most = options.validation_pictures
    pictures = load_held_out(options.validation, most=most, say=lambda _: None)
    networks = load_networks(options.start_from).to(device)
    scores = validate(networks, pictures, device, on_frames=on_frames)
    outcome = VariantOutcome(
        name="start",
        changed=f"{options.start_from} as it is",
        steps=0,
        milliseconds=0.0,
        scores={key: scores.get(key) for key in COLUMNS},
    )
    make_folder(options.out)
    write_atomically(kept, json.dumps(dataclasses.asdict(outcome), indent=2).encode())
    return outcome


def table(outcomes: Sequence[VariantOutcome], command: str) -> str:
    """The outcomes as Markdown: every score that any of them has."""
    known = [key for key in COLUMNS if any(one.scores[key] is not None for one in outcomes)]
    lines = [
        f"| variant | steps | ms a step | {' | '.join(COLUMNS[key] for key in known)} |",
        "|---" * (3 + len(known)) + "|",
    ]
    for outcome in outcomes:
        scores = [_number(key, outcome.scores[key]) for key in known]
        start = f"| {outcome.name} | {outcome.steps} | {outcome.milliseconds:.0f} | "
        lines.append(start + " | ".join(scores) + " |")
    lines += ["", *(f"- {outcome.name}: {outcome.changed}" for outcome in outcomes)]
    return "\n".join([*lines, "", f"Made by `{command}`.", ""])


def _number(key: str, value: float | None) -> str:
    if value is None:
        return "—"
    decimals = 1 if key == "psnr" or "recovered" in key or "hidden_copy" in key else 3
    return f"{value:.{decimals}f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m imuge.train.compare")
    for name in ("--config", "--variants", "--data", "--validate", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--only", help="names of variants, with commas; the others later")
    parser.add_argument("--steps", type=int, help="of each variant")
    parser.add_argument("--minutes", type=float, help="of each variant, instead")
    parser.add_argument("--validate-pictures", type=int, default=30)
    parser.add_argument("--init", type=Path, help="weights that all start from")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--table", type=Path, help="write the table there, too")
    chosen = parser.parse_args(given)
    try:
        base = read_config(chosen.config)
        variants = read_variants(base, chosen.variants)
        names = chosen.only.split(",") if chosen.only else list(variants)
        if unknown := set(names) - variants.keys():
            raise ConfigError(
                f"unknown variants {', '.join(sorted(unknown))}; {chosen.variants} has "
                f"{', '.join(variants)}"
            )
        options = SystemRunOptions(
            data=chosen.data,
            out=chosen.out,
            validation=chosen.validate,
            validation_pictures=chosen.validate_pictures,
            steps=chosen.steps,
            minutes=chosen.minutes,
            start_from=chosen.init,
            device=chosen.device,
        )
        outcomes = []
        if chosen.init is not None and not chosen.only:
            outcomes.append(score_start(options, on_frames=base.validate_on_frames))
        for name in names:
            own = dataclasses.replace(options, out=chosen.out / name)
            outcomes.append(run_variant(name, variants[name], own))
        text = table(outcomes, f"python -m imuge.train.compare {' '.join(given)}")
        sys.stdout.write(text)
        if chosen.table:
            write_atomically(chosen.table, text.encode(), overwrite=True)
    except ImugeError as error:
        sys.stderr.write(f"compare: {error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
