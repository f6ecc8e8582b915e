"""How far a run is and how good, read from what it left in its folder; no torch."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from imuge.errors import ConfigError

STRETCHES = 12  # rows of the curve
CURVE = {"loss": 3, "f1": 3, "false_area": 4, "recovered": 1, "milliseconds": 0}
COPIES = ("none", "jpeg75", "jpeg50", "webp80", "webp70", "avif60")
SCORES = {"f1": 3, "false_area": 4, "recovered": 1}


def report(out: Path, process: int | None) -> str:
    """Steps, samples, the curve, and the last validation beside the release's.

    Args:
        out: The run's folder.
        process: Which process trains there now, if one does.

    Raises:
        ConfigError: there is no run in the folder.
    """
    try:
        config = json.loads((out / "config.json").read_text(encoding="utf-8"))
        lines = (out / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{out} holds no run that has begun to train yet") from error
    records = [json.loads(line) for line in lines if line.endswith("}")]
    steps = [record for record in records if record["kind"] == "train"]
    validations = [record for record in records if record["kind"] == "validation"]
    release = out / "release.json"
    before = json.loads(release.read_text(encoding="utf-8")) if release.exists() else {}
    parts = [
        _state(out, process, steps, config["batch"]),
        _curve(steps),
        _comparison(before, validations[-1] if validations else None),
    ]
    return "\n".join(part for part in parts if part)


def _state(out: Path, process: int | None, steps: Sequence[Mapping[str, Any]], batch: int) -> str:
    last = steps[-1]["step"] if steps else 0
    state = f"goes on as process {process}" if process else "is paused"
    lines = [f"The run in {out} {state}: {last:,} steps, {last * batch:,} samples logged."]
    for name, folder in (("Last checkpoint", "checkpoints"), ("Last snapshot", "snapshots")):
        if found := sorted(out.glob(f"{folder}/step-*")):
            when = datetime.fromtimestamp(found[-1].stat().st_mtime).strftime("%Y-%m-%d %H:%M")
            lines.append(f"{name}: {found[-1]}, {when}")
    return "\n".join(lines) + "\n"


def _curve(steps: Sequence[Mapping[str, Any]]) -> str:
    """Means over stretches of equal length, in the mix of training."""
    if not steps:
        return ""
    length = -(-len(steps) // STRETCHES)
    rows = [
        [f"{stretch[-1]['step']}", *(_mean(stretch, name, n) for name, n in CURVE.items())]
        for stretch in (steps[i : i + length] for i in range(0, len(steps), length))
    ]
    return _table(["to step", *(name.replace("_", " ") for name in CURVE)], rows)


def _mean(stretch: Sequence[Mapping[str, Any]], name: str, decimals: int) -> str:
    values = [record[name] for record in stretch if record[name] is not None]
    return f"{sum(values) / len(values):.{decimals}f}" if values else "—"


def _comparison(before: Mapping[str, Any], now: Mapping[str, Any] | None) -> str:
    """Release → run, for every copy."""
    if not before and now is None:
        return "Not validated yet.\n"
    rows = [
        [name.replace("_", " "), *(_change(before, now, f"{name}/{copy}", n) for copy in COPIES)]
        for name, n in SCORES.items()
    ]
    when = "not validated yet" if now is None else f"step {now['step']}"
    header = f"Through files larger than their frames, threshold 0.5: release → {when}.\n\n"
    return header + _table(["", *COPIES], rows)


def _change(
    before: Mapping[str, Any], now: Mapping[str, Any] | None, name: str, decimals: int
) -> str:
    values = [scores.get(name) for scores in (before, now or {})]
    return " → ".join("—" if value is None else f"{value:.{decimals}f}" for value in values)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
