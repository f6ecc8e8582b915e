"""Systems side by side on the same pictures: the release, our other weights, Imuge+, peers.

    python -m imuge.bench.references --data ../shared/data/validation --out out/references \
        --networks imuge+=run/imuge_plus.safetensors --peers all

The cases: `imuge.bench.side_by_side`. Who can be measured: `imuge.bench.contestants`.
"""

import argparse
import json
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from rich.console import Console

from imuge import __version__
from imuge.bench.acceptance import AREAS
from imuge.bench.cases import SIDE
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.inpainting import has_biharmonic
from imuge.bench.peers import PEERS
from imuge.bench.pictures import photographs
from imuge.bench.references_table import to_markdown
from imuge.bench.side_by_side import (
    DONOR_SEED,
    HOST_SEED,
    MASK_SEED,
    PROCESSES,
    AnyContestant,
    measure,
)
from imuge.engine import Engine
from imuge.errors import ConfigError, ImugeError
from imuge.files import reason, write_atomically
from imuge.keys import Key

SIDES = (SIDE // 2, SIDE)
NAME = re.compile(r"[\w.+-][\w.+ -]*")
FAILED = 1


def read_networks(arguments: Sequence[str], *, device: str) -> list[AnyContestant]:
    """Contestants out of NAME=PATH.

    Raises:
        ConfigError: it is not of that form, or torch or the device is missing.
        WeightsError: there are no weights at that path, or they cannot be rebuilt.
    """
    if not arguments:
        return []
    try:
        # Here: the release is measured without torch.
        from imuge.bench.contestant_networks import NetworksContestant
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--networks needs {error.name}, which is not installed; install imuge[train]"
        ) from error
    found: list[AnyContestant] = []
    for argument in arguments:
        name, _, path = argument.partition("=")
        if not NAME.fullmatch(name) or not path:
            raise ConfigError(
                f"expected --networks NAME=PATH, NAME of letters, digits, blanks and ._+-, "
                f"got {argument!r}"
            )
        found.append(NetworksContestant(name, Path(path), device=device))
    return found


def read_peers(names: Sequence[str]) -> list[AnyContestant]:
    """Contestants out of the names of `PEERS`, or all of them.

    Raises:
        ConfigError: there is no such peer.
    """
    if list(names) == ["all"]:
        return [make() for make in PEERS.values()]
    if unknown := [name for name in names if name not in PEERS]:
        raise ConfigError(
            f"expected --peers all or some of {', '.join(PEERS)}, got {', '.join(unknown)}"
        )
    return [PEERS[name]() for name in names]


def read_contestants(options: argparse.Namespace) -> list[AnyContestant]:
    """Whom the command's options name, the release first.

    Raises:
        ConfigError: there are none, or two have the same name.
        WeightsError: weights are missing, altered or of unknown networks.
    """
    contestants: list[AnyContestant] = []
    if not options.no_release:
        engine, key = Engine(), Key.from_secret("bench", bytes(range(32)))
        contestants += [ReleaseContestant(engine, key, shipped=point) for point in (False, True)]
    contestants += read_networks(options.networks, device=options.device)
    contestants += read_peers(options.peers)
    names = [contestant.name for contestant in contestants]
    if not names:
        raise ConfigError("expected something to measure: --no-release leaves out the release")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"expected a name for each contestant, got {min(twice)} twice")
    return contestants


def run(options: argparse.Namespace, command: str, *, console: Console) -> dict[str, Any]:
    """Measure what the options ask for.

    Raises:
        ConfigError: an option is unfit.
        WeightsError: weights are missing, altered or of unknown networks.
    """
    if options.pictures is not None and options.pictures < 2:
        raise ConfigError(f"expected --pictures 2 or more, to paste from, got {options.pictures}")
    pictures = photographs(options.data, side=options.side, count=options.pictures)
    if len(pictures) < 2:
        raise ConfigError(f"expected two photographs or more in {options.data}, got one")
    contestants = read_contestants(options)
    measured = measure(contestants, pictures, console=console)
    return {
        "command": command,
        "imuge": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "biharmonic": has_biharmonic(),
        "machine": platform.platform(),
        "side": options.side,
        "areas": AREAS,
        "processing": PROCESSES,
        "seeds": {"hosts": HOST_SEED, "pasted": DONOR_SEED, "masks": MASK_SEED},
        "pictures": {picture.name: picture.sha256 for picture in pictures},
        "contestants": {
            one.name: {**one.describe(), "restores": one.restores} for one in contestants
        },
        "rows": {name: one.averages() for name, one in measured.items()},
        "cannot": {name: one.cannot for name, one in measured.items()},
    }


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(description="Systems side by side on validation pictures.")
    made.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    made.add_argument("--out", type=Path, required=True, help="folder for the results")
    made.add_argument(
        "--networks", nargs="+", default=[], metavar="NAME=PATH", help="weights to be measured"
    )
    made.add_argument(
        "--peers", nargs="+", default=[], metavar="NAME", help=f"all, or {', '.join(PEERS)}"
    )
    made.add_argument("--no-release", action="store_true", help="leave out the shipped release")
    made.add_argument("--pictures", type=int, metavar="N", help="only so many, for a quick look")
    made.add_argument("--side", type=int, choices=SIDES, default=SIDE, help="of a picture, pixels")
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of --networks")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure and write references.json and references.md; exit status 1 where it cannot."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(given)
    command = shlex.join(["python", "-m", "imuge.bench.references", *given])
    try:
        _make_folder(options.out)
        result = run(options, command, console=Console(stderr=True))
        table = to_markdown(result)
        for name, text in (("json", json.dumps(result, indent=1) + "\n"), ("md", table)):
            write_atomically(options.out / f"references.{name}", text.encode(), overwrite=True)
    except ImugeError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(FAILED)
    sys.stdout.write(table)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {path}: {reason(error)}") from error


if __name__ == "__main__":
    main()
