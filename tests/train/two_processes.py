"""Run by torchrun in test_processes.py: steps of two processes, then the same of one alone."""

import dataclasses
import sys
from pathlib import Path

import torch

from imuge.train.architectures import read_config
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes
from imuge.train.run import SystemRun

STEPS = 3
ROOT = Path(__file__).parents[2]


def main(out, name):
    torch.set_num_threads(1)
    config = read_config(ROOT / "configs" / name)
    config = dataclasses.replace(
        config, curriculum=dataclasses.replace(config.curriculum, attack_steps=1)
    )
    auxiliary = config.auxiliary_steps > 0
    options = SystemRunOptions(data=ROOT / "tests" / "data", out=out, device="cpu")
    processes = Processes.join("cpu")
    run = SystemRun(config, options, processes, say=lambda _: None)
    start = {name: value.clone() for name, value in run.system.state_dict().items()}
    draws = []
    original = run._draw
    run._draw = lambda *arguments: draws.append(original(*arguments)) or draws[-1]
    for _ in range(STEPS):
        run.step(auxiliary)
    everyone = processes.gather(draws)
    if processes.leads:
        torch.save(start, out / "start.pt")
        torch.save(run.system.state_dict(), out / "together.pt")
        alone = SystemRun(config, options, Processes(), say=lambda _: None)
        alone.system.load_state_dict(start)
        joined = iter([first.join(second) for first, second in zip(*everyone, strict=True)])
        alone._draw = lambda *_: next(joined)
        for _ in range(STEPS):
            alone.step(auxiliary)
        torch.save(alone.system.state_dict(), out / "alone.pt")
    processes.leave()


main(Path(sys.argv[1]), sys.argv[2])
