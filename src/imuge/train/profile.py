"""How long a training step takes, part by part, and as a whole with and without recording."""

import time
from collections.abc import Callable

import torch

from imuge.errors import ConfigError
from imuge.train.config import TrainConfig
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes
from imuge.train.replay import Replay
from imuge.train.run import VARIANTS, SystemRun
from imuge.train.trial import StepClock, wait_for_device


def profile(
    config: TrainConfig | None, options: SystemRunOptions, processes: Processes, *, steps: int
) -> str:
    """Time steps on this machine, side by side.

    Args:
        config: What would be trained.
        options: Of the command; nothing is written.
        processes: Must be this one alone.
        steps: How many to time in each way.

    Returns:
        A table of milliseconds a step, as text.

    Raises:
        ConfigError: there is no config, or there are several processes.
    """
    if config is None:
        raise ConfigError("expected --config FILE to profile")
    if processes.count > 1:
        raise ConfigError("a profile is of one process; run it without torchrun")
    clock = StepClock()
    began = time.perf_counter()
    run = SystemRun(config, options, processes, say=lambda _: None, clock=clock)
    run.chooser = None  # the same work in every step
    lines = [
        f"{config.name}: {_machine(run.device)}, torch {torch.__version__}; {run.batch} crops of "
        f"{config.data.crop} pixels a step, mean of {steps} steps",
        f"{time.perf_counter() - began:10.1f} s   to read the photographs and build the networks",
    ]
    _milliseconds(run.step, VARIANTS)
    whole = _milliseconds(run.step, steps)
    clock.start()
    _milliseconds(run.step, steps)
    clock.running = False
    for part, total in clock.milliseconds.items():
        lines.append(f"{total / steps:10.2f} ms  {part}")
    lines.append(f"{sum(clock.milliseconds.values()) / steps:10.2f} ms  all parts, each waited for")
    kind = "" if run.half is None else ", networks in bfloat16"
    lines.append(f"{whole:10.2f} ms  a step, launched kernel by kernel{kind}")
    if run.half is not None and run.device.type == "cpu":
        run.half.on = False
        whole = _milliseconds(run.step, steps)
        lines.append(f"{whole:10.2f} ms  a step, all of it in float32")
    if run.device.type == "cuda" and options.graphs and not config.distort.uses_files:
        replay = Replay(run.step)
        began = time.perf_counter()
        _milliseconds(replay, 2 * VARIANTS)
        lines.append(f"{time.perf_counter() - began:10.1f} s   to record {VARIANTS} variants")
        lines.append(f"{_milliseconds(replay, steps):10.2f} ms  a step, recorded")
        lines.append(f"{torch.cuda.max_memory_allocated() / 2**30:10.1f} GiB at most")
    return "\n".join(lines) + "\n"


def _milliseconds(step: Callable[[bool, int], None], count: int) -> float:
    """Mean time of a step without the auxiliary pass, all variants in turn."""
    wait_for_device()
    began = time.perf_counter()
    for number in range(count):
        step(False, number % VARIANTS)
    wait_for_device()
    return 1000 * (time.perf_counter() - began) / count


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} processor threads"
