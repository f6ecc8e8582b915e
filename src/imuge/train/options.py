"""What a command says of a training run, beside its config."""

from dataclasses import dataclass
from pathlib import Path

from imuge.model.weights_files import LARGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What holds for every run, whatever it trains."""

    data: Path
    out: Path
    validation: Path | None = None
    validation_pictures: int = 8
    steps: int | None = None  # None: the config's, or as long as `minutes`
    minutes: float | None = None  # of the whole run
    pause_minutes: float | None = None  # of this session; the run goes on with `resume`
    resume: bool = False
    device: str = "auto"
    checkpoint_minutes: float = 10.0
    part_bytes: int = LARGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRunOptions(RunOptions):
    """What else can be said where a whole system is trained."""

    start_from: Path | None = None  # weights
    graphs: bool = True  # record steps as CUDA graphs, where there are any
    compiled: bool = False
