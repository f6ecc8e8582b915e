"""Content Credentials that a platform stripped, found again through the mark and the registry.

    python -m imuge.bench.trust stripped --data ../shared/data/large --out docs/scores

Each file is published as the command does it, signed and recorded; then scaled to 1080 pixels on
the longer side, saved as JPEG 70 without any metadata, and verified.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave_to_bytes
from imuge.bench.command import write_result
from imuge.bench.trust.desk import Desk
from imuge.errors import ConfigError, ImageError
from imuge.image import load

CHAIN = "long-edge:1080,jpeg:70"


def main(folder: Path, out: Path, count: int | None) -> None:
    """Measure and write stripped.json and stripped.md."""
    if not folder.is_dir():
        raise ConfigError(f"expected a folder of photographs, got {folder}")
    files = [path for path in sorted(folder.iterdir()) if _is_picture(path)][:count]
    rows = []
    with tempfile.TemporaryDirectory(dir=out) as place, Desk.opened(Path(place)) as desk:
        for path in track(files, console=Console(stderr=True)):
            published = desk.publish_file(path.read_bytes())
            copy = resave_to_bytes(load(published).pixels, parse_chain(CHAIN), seed=0).data
            rows.append({"picture": path.name} | _facts(desk, copy))
        model = desk.guard.engine.record.name
    result = {
        "command": "python -m imuge.bench.trust stripped --data DIR",
        "imuge": __version__,
        "model": model,
        "chain": CHAIN,
        "pictures": rows,
    }
    markdown = to_markdown(result)
    write_result(out, "stripped", result, markdown)
    sys.stdout.write(markdown)


def _is_picture(path: Path) -> bool:
    try:
        load(path)
    except ImageError:
        return False
    return True


def _facts(desk: Desk, copy: bytes) -> dict[str, Any]:
    _, verdict = desk.verdicts(copy)
    found = verdict.provenance
    assert found is not None
    return {
        "verdict": verdict.verdict,
        "registry": found.registry,
        "manifest": found.manifest,
        "signer": found.signer,
        "bindings_agree": found.bindings_agree,
        "reference": found.reference,
        "reference_difference": found.reference_difference,
    }


def to_markdown(result: dict[str, Any]) -> str:
    """The result as text."""
    rows = result["pictures"]
    found = [row for row in rows if row["manifest"] == "recovered" and row["bindings_agree"]]
    same = [row for row in rows if row["reference"] == "agrees"]
    differences = [row["reference_difference"] or 0.0 for row in same]
    most = f"; they differ by {max(differences):.1f} grey levels at most" if same else ""
    return (
        f"`{result['command']}`: release {result['model']}, after `{result['chain']}` without "
        f"metadata the manifest was found again in {len(found)} of {len(rows)}, and the picture "
        f"agreed with its record in {len(same)} of {len(rows)}{most}.\n"
    )
