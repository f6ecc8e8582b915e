"""The results of `imuge.bench.speed.run` as tables."""

from collections.abc import Iterable, Iterator
from typing import Any

PRODUCT = "onnxruntime"
LABELS = {PRODUCT: "ONNX Runtime", "openvino": "OpenVINO", "torch": "torch"}


def to_markdown(result: dict[str, Any]) -> str:
    """All tables, one after the other."""
    parts = [_overheads(result["overheads"]), _wholes(_large_rows(result))]
    if cells := result.get("stages"):
        parts += [_stages(cells), _peaks(cells)]
    parts += [list(_notes(result))]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _overheads(rows: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "| 640x640 | s | its graphs alone, s | ratio | all graphs inside the call, s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {name} | {row['s']:.2f} | {row['alone_s']:.2f} | {row['ratio']:.2f} "
        f"| {row['inside_s']:.2f} | {row['inside_ratio']:.2f} |"
        for name, row in rows.items()
    ]


def _large_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Whole calls of all sizes, with the most threads first."""
    by_threads = {str(result["threads"]): result["large"], **result.get("large_fewer_threads", {})}
    return [{"threads": n, **row} for n, rows in by_threads.items() for row in rows.values()]


def _wholes(rows: Iterable[dict[str, Any]]) -> list[str]:
    lines = [
        "| megapixels | threads | immunize s | s/Mpx | verify s | s/Mpx | peak GB |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {_size(row)} | {row['threads']} "
        f"| {row['immunize_s']:.1f} | {row['immunize_s_per_mpx']:.1f} "
        f"| {row['verify_s']:.1f} | {row['verify_s_per_mpx']:.1f} | {row['peak_gb']:.2f} |"
        for row in rows
        if "immunize_s" in row
    ]


def _size(row: dict[str, Any]) -> str:
    return f"{row['megapixels']:.2g}" if row["megapixels"] < 1 else f"{row['megapixels']:.1f}"


def _backends(cells: Iterable[dict[str, Any]]) -> list[str]:
    """Those measured in any cell, in the order of the labels."""
    known = {name for cell in cells for name in cell["backends"]}
    return [name for name in LABELS if name in known]


def _stages(cells: list[dict[str, Any]]) -> list[str]:
    """Milliseconds a megapixel, and the ratio to ONNX Runtime with its quartiles."""
    names = _backends(cells)
    lines = [
        "Milliseconds a megapixel of each stage; in brackets the ratio to ONNX Runtime in the same "
        "run, with quartiles where there were several.",
        "",
        f"| stage | Mpx | threads | {' | '.join(LABELS[name] for name in names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for cell in cells:
        values = [_speed(cell["backends"].get(name), name) for name in names]
        lines.append(
            f"| {cell['stage']} | {_size(cell)} | {cell['threads']} | {' | '.join(values)} |"
        )
    return lines


def _speed(row: dict[str, Any] | None, name: str) -> str:
    if row is None:
        return ""
    if "error" in row:
        return "failed"
    text = f"{row['ms_per_mpx']:.0f}"
    if name == PRODUCT or "ratio" not in row:
        return text
    low, high = row["ratio_quartiles"]
    spread = "" if low == high else f", {low:.2f} to {high:.2f}"
    return f"{text} ({row['ratio']:.2f}{spread})"


def _peaks(cells: list[dict[str, Any]]) -> list[str]:
    """Peak megabytes of the process, and how much of it came with the stage."""
    names = _backends(cells)
    lines = [
        "Peak memory of a fresh process for each stage, MB; in brackets what it took beyond the "
        "loaded runtime and the stage's inputs.",
        "",
        f"| stage | Mpx | threads | {' | '.join(LABELS[name] for name in names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for cell in cells:
        values = []
        for name in names:
            row = cell["backends"].get(name, {})
            known = "peak_mb" in row
            values.append(f"{row['peak_mb']:.0f} ({row['above_mb']:.0f})" if known else "")
        lines.append(
            f"| {cell['stage']} | {_size(cell)} | {cell['threads']} | {' | '.join(values)} |"
        )
    return lines


def _notes(result: dict[str, Any]) -> Iterator[str]:
    """What was refused, failed, left out, or measured in part."""
    for row in _large_rows(result):
        if "refused" in row:
            yield f"- Whole pictures of {_size(row)} megapixels are refused: {row['refused']}."
        if "failed" in row:
            place = f"{_size(row)} megapixels, {row['threads']} threads"
            yield f"- Whole calls failed at {place}: {row['failed']}."
    cells = result.get("stages", [])
    for cell in cells:
        for name, row in cell["backends"].items():
            if "error" in row:
                place = f"{cell['stage']}, {_size(cell)} Mpx, {cell['threads']} threads"
                yield f"- {LABELS[name]} failed at {place}: {row['error']}."
    for line in result.get("left_out", []):
        yield f"- Left out: {line}."
