"""Who is measured, as the command names them: short descriptions that any process can build from.

the shipped name | DIR with a release | weights | NAME=any of these  --model
all | none | names of `imuge.bench.peers.PEERS`                      --peers
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imuge.bench.contestants import ReleaseContestant
from imuge.bench.grid.trials import AnyContestant
from imuge.bench.peers import PEERS
from imuge.engine import Engine
from imuge.errors import ConfigError, WeightsError, to_install
from imuge.keys import Key
from imuge.protection.frame import Detail
from imuge.weights import load_release, read_record, release_folder

NAME = re.compile(r"[\w .+-]+")


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contestant that has not been built yet."""

    kind: Literal["release", "networks", "peer"]
    name: str
    path: Path | None = None  # of a release or of weights
    detail: Detail = "normal"  # of a release: on which frames it publishes

    def build(self, *, threads: int) -> AnyContestant:
        """Load what it needs.

        Raises:
            ConfigError: it needs packages that are not installed.
            WeightsError: weights are missing, altered or of unknown networks.
        """
        if self.kind == "peer":
            return PEERS[self.name]()
        if self.kind == "networks":
            assert self.path is not None
            return _networks(self.name, self.path, threads)
        engine = Engine(load_release(self.path), threads=threads)
        made = ReleaseContestant(engine, bench_key(), shipped=True, detail=self.detail)
        made.name = self.name
        return made


def bench_key() -> Key:
    """The key of all measurements; it protects nothing."""
    return Key.from_secret("bench", bytes(range(32)))


def read_models(arguments: Sequence[str], detail: Detail = "normal") -> list[Entrant]:
    """Entrants out of `--model` and `--detail`.

    Raises:
        ConfigError: a name is unfit.
        WeightsError: there is neither a release nor a file of weights of this name.
    """
    return [_read_model(argument, detail) for argument in arguments]


def _read_model(argument: str, detail: Detail) -> Entrant:
    name, equals, path = argument.partition("=")
    if not equals:
        name, path = "", argument
    shipped = read_record(release_folder()).name
    if path == shipped:
        return Entrant("release", name or shipped, detail=detail)
    if equals and not (NAME.fullmatch(name) and path):
        raise ConfigError(
            "expected --model NAME=PATH, NAME of letters, digits, blanks and ._+-, "
            f"got {argument!r}"
        )
    where = Path(path)
    if not where.exists():
        raise WeightsError(
            f"expected a release or weights, got {path}: there is no such file or folder; "
            f"the release shipped is {shipped}"
        )
    if (where / "record.json").exists():
        return Entrant("release", name or read_record(where).name, where, detail)
    return Entrant("networks", name or where.stem, where)


def read_peers(names: Sequence[str]) -> list[Entrant]:
    """Entrants out of `--peers`.

    Raises:
        ConfigError: there is no such peer.
    """
    if list(names) == ["all"]:
        names = list(PEERS)
    if unknown := [name for name in names if name not in PEERS]:
        raise ConfigError(
            f"expected --peers all or some of {', '.join(PEERS)}, got {', '.join(unknown)}"
        )
    return [Entrant("peer", name) for name in names]


def check_names(entrants: Sequence[Entrant]) -> None:
    """Refuse an empty list, and two of one name.

    Raises:
        ConfigError: either.
    """
    names = [entrant.name for entrant in entrants]
    if not names:
        raise ConfigError("expected something to measure, got no --model and no --peers")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"expected a name for each contestant, got {min(twice)} twice")


def _networks(name: str, path: Path, threads: int) -> AnyContestant:
    try:
        from imuge.bench.contestant_networks import NetworksContestant
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--model {name} needs {error.name}, which is not installed; run: {to_install('train')}"
        ) from error
    return NetworksContestant(name, path, threads=threads)
