"""A training run on disk, whole or not at all: everything that going on exactly needs.

    OUT/checkpoints/step-00001200/
        state.json            config, step, code revision, time used, SHA-256 of every part
        part-000.safetensors  weights, averaged weights, optimizer, schedules, random states
        ...

A checkpoint is written into a hidden folder and renamed, so the last good one survives whatever
happens meanwhile.
"""

import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as serialize
from torch import Tensor

from imuge.errors import ImageError, WeightsError
from imuge.files import reason, write_atomically
from imuge.model.weights_files import split_into_parts
from imuge.train.config import TrainConfig

FORMAT = 1
KEPT = 2  # checkpoints of one run
DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint holds."""

    config: dict[str, Any]  # `to_table` of the run's config
    step: int
    elapsed_s: float
    choosers: list[Any]  # state of each process's chooser, as JSON holds it
    tensors: dict[str, Tensor]  # by "room/name"; all on the CPU

    @classmethod
    def of_rooms(
        cls,
        rooms: Mapping[str, Mapping[str, Tensor]],
        *,
        config: dict[str, Any],
        step: int,
        elapsed_s: float,
        choosers: list[Any],
    ) -> "Checkpoint":
        """Gather the tensors of all rooms on the CPU."""
        tensors = {
            f"{room}/{name}": tensor.detach().cpu().contiguous()
            for room, held in rooms.items()
            for name, tensor in held.items()
        }
        return cls(
            config=config, step=step, elapsed_s=elapsed_s, choosers=choosers, tensors=tensors
        )

    def room(self, name: str) -> dict[str, Tensor]:
        """The tensors of one room, without its name."""
        start = f"{name}/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def save(checkpoint: Checkpoint, folder: Path, *, largest_bytes: int) -> Path:
    """Write a checkpoint into the run's folder and drop the oldest beyond two.

    Args:
        checkpoint: What to write.
        folder: The run's folder for checkpoints; made if missing.
        largest_bytes: Size of a part at most.

    Raises:
        ImageError: the disk refused; what was there before is as it was.
    """
    target = folder / f"step-{checkpoint.step:0{DIGITS}d}"
    scratch = folder / f".{target.name}.{secrets.token_hex(4)}"
    try:
        scratch.mkdir(parents=True)
        hashes = {}
        for number, part in enumerate(split_into_parts(checkpoint.tensors, largest_bytes)):
            name, data = f"part-{number:03d}.safetensors", serialize(part)
            write_atomically(scratch / name, data)
            hashes[name] = hashlib.sha256(data).hexdigest()
        state = {
            "format": FORMAT,
            "step": checkpoint.step,
            "elapsed_s": checkpoint.elapsed_s,
            "revision": revision(),
            "torch": torch.__version__,
            "config": checkpoint.config,
            "choosers": checkpoint.choosers,
            "parts": hashes,
        }
        write_atomically(scratch / "state.json", json.dumps(state).encode())
        shutil.rmtree(target, ignore_errors=True)  # of the same step, by a run that went on twice
        scratch.rename(target)
    except OSError as error:
        raise ImageError(f"cannot write the checkpoint {target}: {reason(error)}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for old in find(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def find(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    return sorted(p.parent for p in folder.glob("step-*/state.json"))


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint and hold every part against its SHA-256.

    Raises:
        WeightsError: a file is missing, altered or of another format.
    """
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if state["format"] != FORMAT:
            raise WeightsError(
                f"{folder} has checkpoint format {state['format']}, this is {FORMAT}; "
                "go on with the version of imuge that wrote it"
            )
        tensors: dict[str, Tensor] = {}
        for name, expected in state["parts"].items():
            data = (folder / Path(name).name).read_bytes()
            if hashlib.sha256(data).hexdigest() != expected:
                raise WeightsError(f"{folder / name} was altered or cut short; use an older one")
            tensors.update(load_tensors(data))
        return Checkpoint(
            config=state["config"],
            step=state["step"],
            elapsed_s=state["elapsed_s"],
            choosers=state["choosers"],
            tensors=tensors,
        )
    except OSError as error:
        raise WeightsError(f"cannot read the checkpoint {folder}: {reason(error)}") from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(f"{folder} is not a checkpoint of imuge: {error}") from error


def check_architecture(stored: dict[str, Any], wanted: TrainConfig) -> None:
    """See that a checkpoint's networks are those of a config.

    Raises:
        WeightsError: they are others; the message says in what.
    """
    own = wanted.to_table()
    theirs, mine = stored["architecture"], own["architecture"]
    if theirs != mine:
        differing = f"architecture {theirs} → {mine}"
    else:
        differing = differences(stored["model"], own["model"])
    if differing:
        raise WeightsError(
            f"the checkpoint holds another architecture than the config: {differing}; go on with "
            "its own config, or start a new run with --init"
        )


def differences(stored: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> str:
    """The settings in which two tables differ, as `name stored → wanted, ...`; empty if in none."""
    found = []
    for key in sorted(stored.keys() | wanted.keys()):
        a, b = stored.get(key), wanted.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            if inner := differences(a, b, f"{prefix}{key}."):
                found.append(inner)
        elif a != b:
            found.append(f"{prefix}{key} {a} → {b}")
    return ", ".join(found)


def revision() -> str:
    """The commit that this code is of, with a + if it was changed since; empty if unknown."""
    here = Path(__file__).parent
    try:
        commit = _git("rev-parse", "HEAD", folder=here)
        return commit + ("+" if _git("status", "--porcelain", "-uno", folder=here) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*arguments: str, folder: Path) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    return done.stdout.strip()
