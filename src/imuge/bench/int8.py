"""Graphs in 8 bits beside the released ones: how much faster, and what is lost.

    training pictures ─► inputs of every graph ─► ranges ─► graph with 8-bit convolutions
    validation ─ published by the release ─► tampered, saved ─► examined, restored by either

    python -m imuge.bench.int8 --train DIR --data ../shared/data/validation --out docs/scores

Weights and activations of convolutions are quantized, each channel of a weight by itself; all else
stays float32. Weights take 7 bits: processors without VNNI add pairs of products in 16 bits, and
would overflow with 8, so that one file would give several results.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import carried, parse_chain, resave
from imuge.attacks.retouch import Tampered, tamper
from imuge.bench.command import as_command, write_result
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.grid.entrants import bench_key
from imuge.bench.pictures import Photograph, covering, several
from imuge.bench.scores import f1, psnr_db
from imuge.bench.speed.run import processor
from imuge.engine import Engine
from imuge.files import make_folder
from imuge.results import Pixels
from imuge.weights import Release, load_release

COMMAND = "python -m imuge.bench.int8 --train ../shared/data/train --data ../shared/data/validation"
AREA = 0.1
PROCESSES = ("none", "jpeg:75", "jpeg:50", "webp:80")
GRAPHS = ("reveal", "localize", "recover")  # what reads a copy; what is published stays as it is
VARIANTS = {
    "float32": (),
    "localize": ("localize",),
    "recover": ("recover",),
    "localize and recover": ("localize", "recover"),
    "all three": GRAPHS,
}
MOST_F1, MOST_DB = 0.003, 0.1  # that may be lost for the sake of speed
TIMED = 5  # inputs of each graph
EIGHT_BITS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}  # as Linux names instructions

Feeds: TypeAlias = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One copy, examined and restored by one variant."""

    variant: str
    process: str
    f1: float
    area_db: float  # PSNR of what was truly changed


class _Recording(Engine):
    """An engine that keeps what its graphs are given."""

    def __init__(self, release: Release) -> None:
        super().__init__(release, threads=1)
        self.given: dict[str, list[Feeds]] = {name: [] for name in GRAPHS}

    def _run(
        self, name: str, feeds: Feeds, scalars: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        if name in self.given:
            self.given[name].append({k: array[None].copy() for k, array in feeds.items()})
        return super()._run(name, feeds, scalars)


def inputs(release: Release, pictures: Sequence[Photograph]) -> dict[str, list[Feeds]]:
    """What the graphs are given when copies of these pictures are examined and restored."""
    engine = _Recording(release)
    contestant = ReleaseContestant(engine, bench_key(), shipped=False)
    for number, picture in enumerate(pictures):
        published = contestant.immunize(picture.pixels, seed=number)
        forged = _forged(published.pixels, pictures[number - 1].pixels, number)
        for process in PROCESSES:
            finding = contestant.examine(_saved(forged.picture, process), published.secret)
            contestant.restore(finding, finding.mask)
    return engine.given


def _forged(published: Pixels, donor: Pixels, number: int) -> Tampered:
    other = covering(donor, published.shape[:2])
    rng = np.random.default_rng(number)
    return tamper(published, "splice", area=AREA, rng=rng, other=other)


def _saved(picture: Pixels, process: str) -> Pixels:
    return resave(picture, parse_chain(process))


def quantized(graph: bytes, given: Sequence[Feeds]) -> bytes:
    """The same graph with convolutions in 8 bits, their ranges from what it was given."""
    # Imported here: it needs `onnx`, which only training and this do.
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        plain, made = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        # Weights are stored in 16 bits and cast; a session folds that away.
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(plain)
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        quantization.quantize_static(
            plain,
            made,
            SimpleNamespace(get_next=partial(next, iter(given), None)),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=["Conv"],
        )
        return made.read_bytes()


def with_graphs(release: Release, graphs: Mapping[str, bytes]) -> Release:
    """A release with some graphs in place of its own."""
    records = {
        name: record.model_copy(update={"sha256": hashlib.sha256(graphs[name]).hexdigest()})
        if name in graphs
        else record
        for name, record in release.record.graphs.items()
    }
    record = release.record.model_copy(update={"graphs": records})
    return Release(record, {**release.graphs, **graphs})


def ratios(
    release: Release, small: Release, given: Mapping[str, Sequence[Feeds]]
) -> dict[str, float]:
    """How many times faster each graph is in 8 bits, run by turns on one thread."""
    plain, eight = Engine(release, threads=1), Engine(small, threads=1)
    found = {}
    for name in GRAPHS:
        seconds = np.zeros(2)
        for feeds in given[name][:TIMED]:
            for i, engine in enumerate((plain, eight)):
                session = engine.session(name)
                session.run(None, feeds)
                began = time.process_time()
                session.run(None, feeds)
                seconds[i] += time.process_time() - began
        found[name] = float(seconds[0] / seconds[1])
    return found


def multiplies_bytes() -> bool:
    """Whether Linux says that this processor has instructions for products in 8 bits."""
    facts = Path("/proc/cpuinfo")
    return facts.exists() and not EIGHT_BITS.isdisjoint(facts.read_text().split())


def measure(
    readers: Mapping[str, ReleaseContestant], picture: Photograph, donor: Photograph, number: int
) -> Iterator[Row]:
    """Every process and variant of one picture, which the first of them publishes."""
    published = next(iter(readers.values())).immunize(picture.pixels, seed=number)
    forged = _forged(published.pixels, donor.pixels, number)
    for process in PROCESSES:
        copy, clean = _saved(forged.picture, process), _saved(published.pixels, process)
        true = carried(forged.mask, parse_chain(process))
        for variant, reader in readers.items():
            finding = reader.examine(copy, published.secret)
            restored = reader.restore(finding, finding.mask)
            yield Row(
                variant=variant,
                process=process,
                f1=f1(finding.mask, true),
                area_db=psnr_db(restored, clean, true),
            )


def averages(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry for every variant and process, over pictures, with what it loses to the first."""
    entries = []
    for variant, process in dict.fromkeys((row.variant, row.process) for row in rows):
        these = [row for row in rows if (row.variant, row.process) == (variant, process)]
        entries.append(
            {
                "variant": variant,
                "process": process,
                "f1": float(np.mean([row.f1 for row in these])),
                "area_db": float(np.mean([row.area_db for row in these])),
            }
        )
    return entries


def to_markdown(result: Mapping[str, Any]) -> str:
    """Ratios and losses."""
    entries = result["rows"]
    of = {(entry["variant"], entry["process"]): entry for entry in entries}
    faster = ", ".join(f"{name} {ratio:.2f}" for name, ratio in result["ratios"].items())
    lines = [
        f"`{result['command']}`: imuge {result['imuge']}, {result['model']} "
        f"({result['model_sha256'][:16]}…), {result['pictures']} pictures, {AREA:.0%} spliced, "
        "masks at probability ½; each cell F1 / PSNR of the changed area.",
        "",
        f"Times faster in 8 bits, on one thread of a processor ({result['processor']}): {faster}.",
        "",
        "| in 8 bits | " + " | ".join(f"`{process}`" for process in PROCESSES) + " | most lost |",
        "|---" * (2 + len(PROCESSES)) + "|",
    ]
    for variant in dict.fromkeys(entry["variant"] for entry in entries):
        pairs = [(of[variant, process], of["float32", process]) for process in PROCESSES]
        cells = [f"{here['f1']:.3f} / {here['area_db']:.2f} dB" for here, _ in pairs]
        less_f1 = max(plain["f1"] - here["f1"] for here, plain in pairs)
        less_db = max(plain["area_db"] - here["area_db"] for here, plain in pairs)
        good = less_f1 < MOST_F1 and less_db < MOST_DB
        lost = f"{less_f1:+.3f} / {less_db:+.2f} dB" + ("" if good else ", too much")
        lines.append(f"| {variant} | {' | '.join(cells)} | {lost} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Quantize, measure, and write int8.json and int8.md."""
    parser = argparse.ArgumentParser(description="The released graphs in 8 bits.")
    parser.add_argument("--train", type=Path, required=True, help="pictures to find ranges with")
    parser.add_argument("--data", type=Path, required=True, help="pictures to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--ranges", type=int, default=8, help="training pictures")
    parser.add_argument("--pictures", type=int, help="only so many")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    release, pool = load_release(), several(options.data, count=options.pictures)
    given = inputs(release, several(options.train, count=options.ranges))
    graphs = {name: quantized(release.graphs[name], given[name]) for name in GRAPHS}
    releases = {
        variant: with_graphs(release, {name: graphs[name] for name in names})
        for variant, names in VARIANTS.items()
    }
    readers = {
        variant: ReleaseContestant(Engine(made), bench_key(), shipped=False)
        for variant, made in releases.items()
    }
    rows: list[Row] = []
    for number, picture in enumerate(track(pool, "measuring", console=Console(stderr=True))):
        rows += measure(readers, picture, pool[number - 1], number)
    result = {
        "command": f"{COMMAND} --pictures {len(pool)} --out DIR",
        "processor": f"{processor()}, {'with' if multiplies_bytes() else 'without'} instructions "
        "that multiply in 8 bits",
        "imuge": __version__,
        "model": release.record.name,
        "model_sha256": release.sha256,
        "pictures": len(pool),
        "ratios": ratios(release, releases["all three"], given),
        "rows": averages(rows),
    }
    markdown = to_markdown(result)
    write_result(options.out, "int8", result, markdown)
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
