"""What a person waits for: whole commands on JPEGs of 1 to 100 megapixels, and what 0.1.0 took.

    scene ─ imuge immunize ─► published ─┬────────────────────────► imuge verify, intact
                                         └─ a box mirrored, JPEG ─► imuge verify, tampered

    python -m imuge.bench.speed.commands --out docs/scores --baseline f05562d

The baseline is a commit of this repository, unpacked into a temporary folder and run by turns with
this tree, so that ratios hold on a machine that others use too; processor time tells more than the
clock there. A command's memory is its peak as the operating system counts it.
"""

import argparse
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.bench.command import as_command, write_result
from imuge.bench.speed.run import SIZES, processor
from imuge.bench.speed.whole_calls import forged, scene
from imuge.engine import available_threads
from imuge.errors import ConfigError
from imuge.files import make_folder

ROOT = Path(__file__).parents[4]
COMMAND = "python -m imuge.bench.speed.commands --out docs/scores --baseline f05562d"
ENTRY = "from imuge.cli import main; main()"
BASELINE_SIZES = ("1", "12")  # 0.1.0 refuses more than 24 megapixels
VERBS = ("immunize", "verify, intact", "verify, tampered")
INTACT = 0  # exit status of a verdict
TAMPERED = 10
SAVED_QUALITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one command."""

    wall_s: float
    processor_s: float  # of all threads
    peak_gb: float


@dataclass(frozen=True, slots=True)
class Tree:
    """One version of imuge, as its sources lie there."""

    source: Path  # the folder `src`
    home: Path  # of its keys

    def run(self, *arguments: str, status: int = 0) -> Cost:
        """Run a command to its end.

        Raises:
            ConfigError: it ended with another status.
        """
        environment = {name: v for name, v in os.environ.items() if name != "IMUGE_KEY_FILE"}
        environment |= {"PYTHONPATH": str(self.source), "XDG_CONFIG_HOME": str(self.home)}
        with tempfile.TemporaryFile() as said:
            start = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-c", ENTRY, *arguments], env=environment, stdout=said, stderr=said
            )
            _, found, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(found)
            if process.returncode != status:
                said.seek(0)
                words = said.read().decode(errors="replace").strip()
                raise ConfigError(
                    f"imuge {arguments[0]} ended with status {process.returncode}, expected "
                    f"{status}: {words[-500:]}"
                )
        return Cost(
            wall_s=wall_s,
            processor_s=usage.ru_utime + usage.ru_stime,
            peak_gb=usage.ru_maxrss * (1e-6 if sys.platform != "darwin" else 1e-9),
        )


def unpacked(commit: str, folder: Path) -> Path:
    """The sources of a commit of this repository, in a folder; its `src`.

    Raises:
        ConfigError: there is no such commit, or this is no repository.
    """
    done = subprocess.run(  # noqa: S603 - git, with a commit that a developer names
        ["git", "-C", str(ROOT), "archive", commit, "src"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"cannot unpack {commit}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def measure(tree: Tree, host: Path, folder: Path) -> dict[str, Any]:
    """Immunize a JPEG, verify it, tamper with it and verify that: costs by `VERBS`.

    Args:
        tree: Whose commands.
        host: The JPEG.
        folder: For what they write, empty.
    """
    published, changed = folder / "published.jpg", folder / "changed.jpg"
    report = ("--out", str(folder / "report"))
    costs = [tree.run("immunize", str(host), "--output", str(published))]
    costs.append(tree.run("verify", str(published), status=INTACT))
    tampered_with(published, changed)
    costs.append(tree.run("verify", str(changed), *report, status=TAMPERED))
    found = {verb: asdict(cost) for verb, cost in zip(VERBS, costs, strict=True)}
    sizes = {path: path.stat().st_size for path in (host, published)}
    return found | {"file_ratio": sizes[published] / sizes[host]}


def tampered_with(source: Path, target: Path) -> None:
    """Mirror a box of a picture and save it as JPEG 80."""
    with Image.open(source) as image:
        changed = forged(np.asarray(image.convert("RGB")))
    Image.fromarray(changed).save(target, quality=SAVED_QUALITY)


def measure_all(
    sizes: Sequence[str], baseline: str | None, baseline_sizes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Costs by size, of this tree and at some sizes of the baseline; again after every size."""
    Image.MAX_IMAGE_PIXELS = None  # our own pictures, of known size
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = Tree(ROOT / "src", folder / "home")
        theirs = None
        if baseline is not None:
            theirs = Tree(unpacked(baseline, folder / "baseline"), folder / "home-baseline")
        for tree in (ours, theirs):
            if tree is not None:
                tree.run("keys", "new", "default")
        for size in track(sizes, "measuring", console=Console(stderr=True)):
            width, height = SIZES[size]
            host = folder / f"{size}.jpg"
            Image.fromarray(scene(width, height)).save(host, quality=90)
            found[size] = {"megapixels": width * height / 1e6}
            found[size]["now"] = measure(ours, host, _empty(folder / f"{size}-now"))
            if theirs is not None and size in baseline_sizes:
                found[size]["before"] = measure(theirs, host, _empty(folder / f"{size}-before"))
            yield found


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def to_markdown(result: Mapping[str, Any]) -> str:
    """Two tables: what commands take, and how much less than before."""
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['threads']} processor cores "
        f"({result['processor']}), load {result['load_before']:.1f} before. *Processor*: seconds "
        "of all threads together, which other people's work on the machine hardly changes.",
        "",
        "| megapixels | command | s | processor, s | peak GB | before: s | processor, s | peak GB "
        "| times less processor |",
        "|---|---|---|---|---|---|---|---|---|",
        *_lines(result["sizes"]),
        "",
        "Sizes of the JPEGs made, as a share of those given: "
        + ", ".join(
            f"{row['megapixels']:.0f} megapixels {row['now']['file_ratio']:.2f}"
            for row in result["sizes"].values()
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


def _lines(sizes: Mapping[str, Any]) -> Iterator[str]:
    for row in sizes.values():
        for verb in VERBS:
            now, before = row["now"][verb], row.get("before", {}).get(verb)
            cells = [f"{row['megapixels']:.0f}", verb, *_cost(now), *_cost(before)]
            ratio = "" if before is None else f"{before['processor_s'] / now['processor_s']:.1f}"
            yield f"| {' | '.join(cells)} | {ratio} |"


def _cost(cost: Mapping[str, float] | None) -> tuple[str, str, str]:
    if cost is None:
        return "", "", ""
    return f"{cost['wall_s']:.1f}", f"{cost['processor_s']:.1f}", f"{cost['peak_gb']:.2f}"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write commands.json and commands.md."""
    parser = argparse.ArgumentParser(description="Time and memory of whole commands.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--baseline", metavar="COMMIT", help="measured beside it, by turns")
    parser.add_argument("--baseline-sizes", nargs="*", choices=SIZES, default=BASELINE_SIZES)
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    result: dict[str, Any] = {
        "command": COMMAND,
        "imuge": __version__,
        "machine": platform.platform(),
        "processor": processor(),
        "threads": available_threads(),
        "load_before": load,
        "baseline": options.baseline,
    }
    make_folder(options.out)
    for sizes in measure_all(options.sizes, options.baseline, options.baseline_sizes):
        result["sizes"] = sizes
        # After every size: large ones take a while.
        write_result(options.out, "commands", result, to_markdown(result))
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    as_command(main)
