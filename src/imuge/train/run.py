"""All that one process holds while it trains: photographs, networks, optimizer, and one step.

draw ─► Trial (immunize, attack, verify, losses) ─► Updater (gradient, weights, average)
"""

import random
from collections.abc import Callable

import torch
from torch import nn

from imuge.errors import ConfigError
from imuge.model.architectures import build_networks
from imuge.model.networks import Networks
from imuge.train.architectures import ARCHITECTURES
from imuge.train.attacks.jpeg import simulator_of
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.checkpoint import Checkpoint
from imuge.train.config import TrainConfig
from imuge.train.draws import Draw, Source
from imuge.train.options import SystemRunOptions
from imuge.train.photographs import PhotoBank, Say
from imuge.train.precision import Half, has_half
from imuge.train.processes import (
    Processes,
    choose_device,
    gather_random_states,
    restore_random_states,
    share_norms,
)
from imuge.train.replay import Replay
from imuge.train.trial import Seen, StepClock
from imuge.train.updates import TrainState, Updater

PREPARING_BATCHES = 8
# Where it is fixed how many samples of a batch meet each attack, so many batches in turn have
# other numbers: in one of them alone the rarest attacks would never get their turn.
VARIANTS = 4


class SystemRun:
    """Everything of one process; `take_step` goes one step further."""

    def __init__(
        self,
        config: TrainConfig,
        options: SystemRunOptions,
        processes: Processes,
        *,
        say: Say,
        shown: Callable[[float], None] = lambda _: None,
        clock: StepClock | None = None,
    ) -> None:
        """Load the photographs and build the networks.

        Args:
            config: What to train and how.
            options: What the command says.
            processes: This one and the others.
            say: Told what a person should know.
            shown: Called with the share of the photographs that are read, 0..1.
            clock: Told when each part of a step is done; it slows the step down.

        Raises:
            ConfigError: the device, the batch or the photographs cannot be used.
            WeightsError: the weights to start from do not fit.
        """
        self.config, self.options, self.processes = config, options, processes
        self.device = choose_device(options.device, processes)
        if config.batch % processes.count:
            raise ConfigError(
                f"expected a batch that {processes.count} processes share, got {config.batch}"
            )
        self.batch = config.batch // processes.count
        _set_arithmetic()
        # Now: a simulator that cannot be loaded shall leave nothing behind.
        simulator_of(config.distort.simulator, config.distort.simulator_weights, self.device)
        torch.manual_seed(config.seed)
        self.photographs = PhotoBank.of_folder(
            options.data,
            config.data,
            device=self.device,
            seed=config.seed,
            say=say,
            shown=shown,
        )
        self.shapes = ShapeBank.build(
            config.data.crop, count=config.data.masks, seed=config.seed, device=self.device
        )
        self._source = Source(config, self.photographs, self.shapes, self.batch)
        self.system = build_networks(config.model).to(self.device)
        self.half: Half | None = None  # where networks compute in 16 bits
        self._prepare(say)
        torch.manual_seed(config.seed + processes.rank)  # from here on each draws its own
        alone = processes.count == 1
        recordable = self.device.type == "cuda" and options.graphs and alone
        recorded = recordable and clock is None and not config.distort.uses_files
        if recordable and config.distort.uses_files:
            say("samples go through real encoders, so steps are not recorded as CUDA graphs")
        # Draws how many samples meet each attack. Recorded and compiled steps have fixed numbers.
        fixed = recorded or options.compiled
        self.chooser = None if fixed else random.Random(f"{config.seed}/{processes.rank}")
        groups = [g for g in self.system.groups if not set(g) <= set(config.frozen_parts)]
        weight = config.first_fidelity_weight
        self.state = TrainState.start(self.device, fidelity_weight=weight, groups=len(groups))
        self.updater = Updater(self.system, config.optimization, self.state, groups)
        self._trial = ARCHITECTURES[config.architecture].trial(
            self.system,
            config,
            self.shapes,
            self.state,
            across=processes.mean,
            compiled=options.compiled,
            clock=clock,
        )
        self._judge: nn.Module = self._trial
        if not alone:
            self._judge = nn.parallel.DistributedDataParallel(self._trial, broadcast_buffers=False)
        self._set_modes()
        self._mark: Callable[[str], None] = clock.mark if clock else lambda _: None
        self.sums = torch.zeros(len(self.measures), device=self.device)
        self._take: Callable[[bool, int], None] = Replay(self.step) if recorded else self.step

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers that `sums` gathers."""
        return self._trial.measures

    def _frozen(self) -> list[nn.Module]:
        return [getattr(self.system, name) for name in self.config.frozen_parts]

    def _set_modes(self) -> None:
        """Let only what is trained gather statistics."""
        self._trial.train()
        for part in self._frozen():
            part.eval()

    def _prepare(self, say: Say) -> None:
        """Give new networks their scales from the photographs, or other networks' weights."""
        if self.options.start_from is None:
            self.system.fit([self.photographs.batch(8) for _ in range(PREPARING_BATCHES)])
        elif added := self.system.start_from(self.options.start_from):
            say(f"{len(added)} tensors are not in {self.options.start_from}; they start as nothing")
        if self.processes.count > 1:
            share_norms(self.system, self.processes)
        for part in self._frozen():
            part.requires_grad_(False)
        wanted = self.device.type == "cuda" or self.config.optimization.half_on_processors
        if wanted and has_half(self.device):
            self.half = Half(self.system, self.device)
        elif wanted:
            say("this processor has no arithmetic for bfloat16; the networks compute in float32")

    def _draw(self, variant: int) -> Draw:
        fixed = random.Random(f"{self.config.seed}/variant {variant}")
        drawn: Draw = self._trial.draw(self._source, self.chooser or fixed)
        return drawn

    def take_step(self, number: int) -> None:
        """Take the step of this number, counted from 0, recorded where that is possible."""
        auxiliary = number < self.config.auxiliary_steps
        self._take(auxiliary, number % VARIANTS)

    def step(self, auxiliary: bool, variant: int = 0) -> None:
        """Draw a batch, run it, move the weights; nothing here waits for the device.

        Args:
            auxiliary: Whether the trial has its auxiliary pass.
            variant: Without a chooser, which of the fixed numbers of attacks to take.
        """
        draw = self._draw(variant)
        self._mark("draw")
        result = self._judge(draw, auxiliary=auxiliary)
        self.updater.step(result.loss, mark=self._mark)
        self._trial.control(result.square)
        self.sums.add_(result.measures)
        self._mark("update")

    @torch.no_grad()
    def look(self) -> Seen:
        """A new batch and what becomes of it, for a sheet; training goes on as if it never was."""
        chooser = None if self.chooser is None else self.chooser.getstate()
        with torch.random.fork_rng(devices=self._cuda()):
            self._trial.eval()
            seen = self._trial.run(self._draw(0))
            self._set_modes()
        if self.chooser is not None and chooser is not None:
            self.chooser.setstate(chooser)
        return seen

    def _cuda(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []

    def averaged_system(self) -> Networks:
        """The networks with the averaged weights, for evaluation in float32."""
        system = build_networks(self.config.model).to(self.device)
        system.load_state_dict(self.updater.averaged, strict=True)
        system.settle()
        return system.eval()

    def checkpoint(self, step: int, elapsed_s: float) -> Checkpoint:
        """All that going on exactly needs; every process must ask for it at the same step."""
        rooms = {
            "system": self.system.state_dict(),
            "average": self.updater.averaged,
            "optimizer": self.updater.moments(),
            "state": self.state.to_dict(),
            "random": gather_random_states(self.processes, self.device),
        }
        return Checkpoint.of_rooms(
            rooms,
            config=self.config.to_table(),
            step=step,
            elapsed_s=elapsed_s,
            choosers=self.processes.gather(self.chooser.getstate() if self.chooser else None),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made.

        Raises:
            ConfigError: it was made by another number of processes, or on another kind of device.
        """
        if len(checkpoint.choosers) != self.processes.count:
            raise ConfigError(
                f"the checkpoint was made by {len(checkpoint.choosers)} processes, these are "
                f"{self.processes.count}: their random numbers would be others; start with --init"
            )
        self.system.load_state_dict(checkpoint.room("system"), strict=True)
        self.updater.restore(checkpoint.room("average"), checkpoint.room("optimizer"))
        self.state.restore(checkpoint.room("state"))
        restore_random_states(checkpoint.room("random"), self.processes, self.device)
        stored = checkpoint.choosers[self.processes.rank]
        if self.chooser is not None and stored is not None:
            version, numbers, rest = stored
            self.chooser.setstate((version, tuple(numbers), rest))


def _set_arithmetic() -> None:
    # Rounding products to 10 bits would cost a grey level in the transform and the attacks.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
