"""What a registry costs: publishing, looking up, auditing, and how large receipts are.

    python -m imuge.bench.registry --out DIR [--records 10000] [--postgres]

The records' evidence is random, of the size that real pictures have; no picture is immunized. With
--postgres a second registry, at the address in IMUGE_REGISTRY_URL, is filled beside the SQLite
file: give an empty database.
"""

import argparse
import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from imuge import __version__
from imuge.bench.command import as_command, write_result
from imuge.errors import ConfigError
from imuge.files import make_folder
from imuge.registry import Evidence, Manifest, PublishedPicture, Registry, verify_receipt
from imuge.registry.places import URL_VARIABLE
from imuge.weights import DEFAULT_RELEASE

NAME = "registry.example.org/bench"
LOOKUPS = 1000
MANIFEST_BYTES = 3300  # as ours are
THUMBNAIL_BYTES = 9000
COMMAND = "python -m imuge.bench.registry --out DIR"
COLUMNS = {
    "publish": "publish",
    "file": "find by SHA-256",
    "mark": "find by mark",
    "likeness": "find by PDQ",
    "receipt": "receipt of any record",
}


def picture(number: int) -> PublishedPicture:
    """A record as large as real ones, the same for the same number."""
    rng = np.random.default_rng(number)
    return PublishedPicture(
        key_id="0123abcd",
        image_id=f"{number:012x}",
        sha256_original=hashlib.sha256(b"original %d" % number).hexdigest(),
        sha256_published=hashlib.sha256(b"published %d" % number).hexdigest(),
        width=6000,
        height=4000,
        format="JPEG",
        frame_side=768,
        model=DEFAULT_RELEASE,
        strength=1.0,
        publisher="The Example Times, picture desk",
        note=f"Photograph number {number}",
        evidence=Evidence(
            pdq=rng.bytes(32),
            pdq_quality=100,
            grid=rng.bytes(4096),
            thumbnail=rng.bytes(THUMBNAIL_BYTES),
        ),
        manifest=Manifest(manifest_id=f"urn:c2pa:{number:036x}", store=rng.bytes(MANIFEST_BYTES)),
    )


def measure(registry: Registry, records: int) -> dict[str, Any]:
    """Fill an empty registry, then ask it.

    Raises:
        ConfigError: the registry is not empty, or it does not answer rightly.
    """
    if registry.show().size:
        raise ConfigError(
            f"expected an empty registry at {registry.address.shown}, got "
            f"{registry.show().size} records; give an empty database"
        )
    largest = 0

    def publish(number: int) -> None:
        nonlocal largest
        largest = max(largest, len(registry.publish(picture(number)).to_json()))

    def receipt(number: int) -> None:
        nonlocal largest
        made = registry.receipt(number)
        verify_receipt(made, registry.verifier)
        largest = max(largest, len(made.to_json()))

    draws = [int(n) for n in np.random.default_rng(17).integers(0, records, LOOKUPS)]
    published = _times(publish, range(records))
    asked = {number: picture(number) for number in draws}
    registry.find_alike(bytes(32))  # reads all hashes once, as a service does when it starts
    times = {
        "publish": published,
        "file": _times(lambda n: _right(n, registry.find_file(asked[n].sha256_published)), draws),
        "mark": _times(
            lambda n: _right(n, [registry.find_mark("0123abcd", asked[n].image_id)]), draws
        ),
        "likeness": _times(lambda n: _right(n, registry.find_alike(_pdq(asked[n]))), draws),
        "receipt": _times(receipt, draws),
    }
    begun = time.perf_counter()
    audit = registry.audit(registry.checkpoint())
    audit_s = time.perf_counter() - begun
    if not audit.sound or audit.size != records:
        raise ConfigError(f"the audit found what it should not: {audit.problems}")
    quarter = records // 4
    return {
        "milliseconds": {name: _quantiles(values) for name, values in times.items()},
        "publish_first_quarter": _quantiles(published[:quarter]),
        "publish_last_quarter": _quantiles(published[-quarter:]),
        "audit_s": audit_s,
        "largest_receipt_bytes": largest,
        "file_bytes": None if (file := registry.address.file) is None else file.stat().st_size,
    }


def to_markdown(result: dict[str, Any]) -> str:
    """The table as text."""
    kinds = list(result["databases"])
    lines = [
        f"`{result['command']}`: {result['records']:,} records on {result['cores']} cores; in "
        "milliseconds, the middle one and the slowest of a hundred.",
        "",
        "| | " + " | ".join(f"{kind}, p50 | p99" for kind in kinds) + " |",
        "|---|" + "---|---|" * len(kinds),
    ]
    for name, words in COLUMNS.items():
        cells = (result["databases"][kind]["milliseconds"][name] for kind in kinds)
        lines.append(
            f"| {words} | " + " | ".join(f"{c['p50']:.1f} | {c['p99']:.1f}" for c in cells) + " |"
        )
    for kind in kinds:
        found = result["databases"][kind]
        lines += [
            "",
            f"{kind}: audit of the whole log {found['audit_s']:.1f} s; largest receipt "
            f"{found['largest_receipt_bytes']:,} bytes; publishing took "
            f"{found['publish_first_quarter']['p50']:.1f} ms (p50) in the first quarter of the log "
            f"and {found['publish_last_quarter']['p50']:.1f} ms in the last.",
        ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write registry.json and registry.md."""
    parser = argparse.ArgumentParser(description="What a registry costs.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument(
        "--postgres", action="store_true", help=f"also the empty database at ${URL_VARIABLE}"
    )
    options = parser.parse_args(arguments)
    if options.records < 4:
        parser.error(f"expected four records or more, got {options.records}")
    url = os.environ.get(URL_VARIABLE)
    if options.postgres and not url:
        parser.error(f"--postgres needs an address in {URL_VARIABLE}")
    make_folder(options.out)
    databases = {}
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        places = {"SQLite": str(Path(folder) / "registry.sqlite")}
        if options.postgres and url:
            places["PostgreSQL"] = url
        for kind, place in places.items():
            key_file = Path(folder) / f"{kind}.key"
            with Registry.create(place, name=NAME, key_file=key_file) as registry:
                databases[kind] = measure(registry, options.records)
    result = {
        "command": f"{COMMAND} --records {options.records}"
        + (" --postgres" if options.postgres else ""),
        "imuge": __version__,
        "records": options.records,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "databases": databases,
    }
    markdown = to_markdown(result)
    write_result(options.out, "registry", result, markdown)
    sys.stdout.write(markdown)


def _times(action: Callable[[int], object], numbers: Iterable[int]) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for number in numbers:
        begun = time.perf_counter()
        action(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _quantiles(times: list[float]) -> dict[str, float]:
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return {"p50": float(p50), "p99": float(p99), "most": max(times)}


def _pdq(picture: PublishedPicture) -> bytes:
    assert picture.evidence is not None
    return picture.evidence.pdq


def _right(number: int, found: list[Any]) -> None:
    if not found or found[0] is None or found[0].record.log_index != number:
        raise ConfigError(f"record {number} was not found")


if __name__ == "__main__":
    as_command(main)
