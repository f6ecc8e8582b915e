"""How many pictures a batch does in a second, by engine and workers, and what a million cost.

    python -m imuge.bench.speed.throughput --data DIR --out DIR --price-per-core-hour 0.05

Every arrangement does the same pictures in every round, one after the other, so that ratios hold
on a noisy machine too. Rates leave out the start: they count from the moment when as many pictures
were finished as there are workers. When a picture was finished, the file that was written says:
Ray tells of several at once, and late.

What a million pictures cost is `imuge.bench.speed.capacity`'s part.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from PIL import Image
from rich.console import Console

from imuge import __version__
from imuge.batch.local import RunSettings, run_local
from imuge.batch.progress import Meter
from imuge.batch.summary import Summary
from imuge.batch.tasks import BatchSpec
from imuge.bench.command import as_command
from imuge.bench.pictures import photographs
from imuge.bench.speed.capacity import capacity_page, large, to_markdown
from imuge.bench.speed.run import SIZES
from imuge.engine.engine import available_threads
from imuge.errors import ConfigError
from imuge.files import make_folder
from imuge.keys import Key, write_key

WISHES = BatchSpec(command="immunize")
COMMAND = "python -m imuge.bench.speed.throughput --data DIR --out DIR --price-per-core-hour P"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One way to put the work on the processors."""

    engine: str  # local or ray
    workers: int
    threads: int

    @property
    def label(self) -> str:
        """As the tables name it."""
        return f"{self.engine}, {self.workers} x {self.threads}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one arrangement did in one round."""

    start_s: float  # until every worker had finished its first picture
    pictures_per_s: float  # after that
    megapixels_per_s: float

    @classmethod
    def of(cls, finished: Sequence[float], *, workers: int, megapixels: float) -> Self:
        """The rates of a run.

        Args:
            finished: Seconds from its beginning at which each picture was.
            workers: How many work at a time.
            megapixels: Of each picture.
        """
        times = sorted(finished)
        start_s, after = times[workers - 1], times[workers:]
        pictures_per_s = len(after) / (after[-1] - start_s)
        return cls(
            start_s=start_s,
            pictures_per_s=pictures_per_s,
            megapixels_per_s=megapixels * pictures_per_s,
        )


ARRANGEMENTS = (
    Arrangement("local", 1, 1),
    Arrangement("local", 2, 1),
    Arrangement("local", 1, 2),
    Arrangement("ray", 1, 1),
    Arrangement("ray", 2, 1),
)


def host_folder(data: Path, folder: Path, *, pictures: int, side: int) -> Path:
    """Squares of real photographs as JPEGs, the same ones every time.

    Raises:
        ConfigError: there are too few photographs of that size.
    """
    hosts = photographs(data, side=side, count=pictures)
    if len(hosts) < pictures:
        raise ConfigError(
            f"{data} has {len(hosts)} photographs of {side} pixels and more, {pictures} are "
            "wanted; give fewer --pictures or a smaller --side"
        )
    folder.mkdir(parents=True)
    for number, host in enumerate(hosts):
        path = folder / f"{number:04}.jpg"
        Image.fromarray(host.pixels).save(path, quality=95, subsampling=0)
    return folder


def measure(arrangement: Arrangement, hosts: Path, key: Key, key_file: Path) -> Run:
    """Immunize all hosts once, in a folder that is thrown away."""
    settings = RunSettings(processes=arrangement.workers, threads=arrangement.threads)
    begun = time.time()  # as file systems count
    with tempfile.TemporaryDirectory() as out:
        summary = _batch(arrangement, hosts, out, key, key_file, settings)
        if summary.exit_status:
            raise ConfigError(f"not every picture could be immunized: {summary.errors}")
        finished = [(Path(out) / host.name).stat().st_mtime - begun for host in hosts.iterdir()]
    return Run.of(
        finished, workers=arrangement.workers, megapixels=summary.pace.megapixels / len(finished)
    )


def _batch(
    arrangement: Arrangement,
    hosts: Path,
    out: str,
    key: Key,
    key_file: Path,
    settings: RunSettings,
) -> Summary:
    meter = Meter(Console(quiet=True))
    if arrangement.engine == "local":
        return run_local(hosts, Path(out), WISHES, [key], settings, meter)
    # Imported here: all else needs no Ray.
    from imuge.batch.ray_engine import run_ray
    from imuge.batch.remote import KeyReference

    references = [KeyReference(find=str(key_file), key_id=key.key_id)]
    return run_ray(str(hosts), out, WISHES, [key], references, settings, meter)


def rates(arrangements: Sequence[Arrangement], hosts: Path, *, rounds: int) -> list[dict[str, Any]]:
    """Every arrangement's median over the rounds, and its ratio to one local worker."""
    key = Key.from_secret("bench", bytes(range(32)))
    runs: dict[Arrangement, list[Run]] = {arrangement: [] for arrangement in arrangements}
    with tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "bench.key"
        write_key(key, key_file)
        for _ in range(rounds):
            for arrangement in arrangements:
                runs[arrangement].append(measure(arrangement, hosts, key, key_file))
                sys.stderr.write(f"{arrangement.label}: {runs[arrangement][-1]}\n")
    base = [run.megapixels_per_s for run in runs[arrangements[0]]]
    return [
        {
            **asdict(arrangement),
            "start_s": median(run.start_s for run in done),
            "pictures_per_s": median(run.pictures_per_s for run in done),
            "megapixels_per_s": median(run.megapixels_per_s for run in done),
            "ratio": median(
                run.megapixels_per_s / one for run, one in zip(done, base, strict=True)
            ),
        }
        for arrangement, done in runs.items()
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write throughput.json, throughput.md and capacity.md."""
    parser = argparse.ArgumentParser(description="Pictures a second, and what a million cost.")
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--page", type=Path, help="where capacity.md goes, if not into --out")
    parser.add_argument("--price-per-core-hour", type=float, default=0.05, help="an assumption")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--side", type=int, default=512, help="of the squares cut from them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="*", choices=("local", "ray"), default=["local", "ray"])
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {
        "command": COMMAND.replace(" P", f" {options.price_per_core_hour:g}"),
        "version": __version__,
        "machine": platform.platform(),
        "processors": available_threads(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": os.getloadavg()[0],
        "price_per_core_hour": options.price_per_core_hour,
        "pictures": options.pictures,
        "side": options.side,
        "rounds": options.rounds,
    }
    arrangements = [a for a in ARRANGEMENTS if a.engine in options.engines]
    with tempfile.TemporaryDirectory() as folder:
        hosts = host_folder(
            options.data, Path(folder) / "hosts", pictures=options.pictures, side=options.side
        )
        result["rates"] = rates(arrangements, hosts, rounds=options.rounds)
    result["large"] = [large(size, copies=available_threads()) for size in options.sizes]
    make_folder(options.out)
    (options.out / "throughput.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "throughput.md").write_text(to_markdown(result))
    (options.page or options.out / "capacity.md").write_text(capacity_page(result))
    sys.stdout.write(capacity_page(result))


if __name__ == "__main__":
    as_command(main)
