"""How a loss moves the weights: guarded AdamW, averaged weights, and the fidelity controller.

All that a step needs to decide lies on the device: whether it is taken, how fast it goes, how much
fidelity counts. So no step waits for the processor, and a step can be recorded and replayed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from imuge.train.config import Fidelity, Optimization
from imuge.train.losses import to_db

LEAST_LIMIT = 20.0  # a gradient's norm below this is never called exploding
FIRST_NORM = 5.0  # what a gradient's norm is taken for before there was one
LARGEST_REMEMBERED = 50.0  # one wild norm does not move the running mean further
MEMORY = 0.98  # of the running mean of norms
STEEPEST = 2.0  # decibels of error that the controller acts on at most


@dataclass(frozen=True, slots=True)
class TrainState:
    """Numbers that change with every step, 0-dim on the device; saved with a checkpoint."""

    count: Tensor  # steps tried
    progress: Tensor  # 0..1 of the whole run
    fidelity_weight: Tensor
    norm: Tensor  # (G,), running mean of the norm of each group's gradient
    skipped: Tensor  # steps not taken because the gradient exploded or was not finite

    @classmethod
    def start(
        cls, device: torch.device, *, fidelity_weight: float, groups: int = 1
    ) -> "TrainState":
        """The state before the first step.

        Args:
            device: Where all of it shall lie.
            fidelity_weight: Where the controller begins.
            groups: Into how many the trained parts are divided.
        """

        def number(value: float) -> Tensor:
            return torch.tensor(value, device=device, dtype=torch.float32)

        norm = torch.full((groups,), FIRST_NORM, device=device)
        return cls(number(0), number(0), number(fidelity_weight), norm, number(0))

    def to_dict(self) -> dict[str, Tensor]:
        """All of it, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def numbers(self) -> dict[str, float]:
        """All of it for a log; of the groups' norms the largest."""
        return {name: float(value.max()) for name, value in self.to_dict().items()}

    def restore(self, stored: dict[str, Tensor]) -> None:
        """Take over what `to_dict` gave."""
        for name, value in self.to_dict().items():
            value.copy_(stored[name])

    def learning_rate(self, settings: Optimization) -> Tensor:
        """Linear warm-up, then a cosine over the run, or the same rate with a fall a cycle.

        Falls within a run of a constant rate, going on from the fallen weights: Wen et al. 2024,
        arXiv:2410.05192 (WSD-S).
        """
        last = settings.last_learning_rate
        if settings.cycle_steps:
            left = 1 - self.count.remainder(settings.cycle_steps) / settings.cycle_steps
            fallen = (left / settings.decay_share).clamp(max=1)
        else:
            fallen = 0.5 * (1 + torch.cos(math.pi * self.progress.clamp(0, 1)))
        warm = ((self.count + 1) / settings.warmup_steps).clamp(max=1)
        return settings.learning_rate * warm * (last + (1 - last) * fallen)

    def ramp(self, steps: int) -> Tensor:
        """0 at the start, 1 after so many steps."""
        return (self.count / max(steps, 1)).clamp(0, 1)

    def control(self, settings: Fidelity, square: Tensor) -> None:
        """Let fidelity count more where the pictures are below the wanted PSNR, else less.

        Args:
            settings: The controller's.
            square: Mean square change of the immunized pictures of this step.
        """
        ramp = self.ramp(settings.ramp_steps)
        target = settings.target_db - settings.start_below_db * (1 - ramp)
        error = (target - to_db(square)).clamp(-STEEPEST, STEEPEST)
        moved = self.fidelity_weight * torch.exp(settings.gain * error)
        moved = moved.clamp(*settings.weight_range)
        acting = (self.count > settings.quiet_steps) & moved.isfinite()
        self.fidelity_weight.copy_(torch.where(acting, moved, self.fidelity_weight))


@dataclass(frozen=True, slots=True)
class _Group:
    """Parameters that one optimizer moves, clipped and guarded together."""

    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.AdamW


class Updater:
    """Takes the steps."""

    def __init__(
        self,
        system: nn.Module,
        settings: Optimization,
        state: TrainState,
        groups: Sequence[Sequence[str]] = (),
    ) -> None:
        """Prepare the optimizers.

        Args:
            system: What is trained; parameters that need no gradient stay as they are.
            settings: How.
            state: Of the run, with as many norms as there are groups.
            groups: Names of the parts (`inn` for all `inn.…`) that one optimizer moves, for each
                optimizer; none means that one moves everything.
        """
        self._settings = settings
        self._state = state
        named = {n: p for n, p in system.named_parameters() if p.requires_grad}
        self._rate = torch.tensor(settings.learning_rate, device=state.count.device)
        self._groups = []
        for parts in groups or [[_part(name) for name in named]]:
            own = {name: p for name, p in named.items() if _part(name) in parts}
            if own:
                self._groups.append(_Group(own, self._optimizer(own)))
        self._live = system.state_dict()  # shares the tensors: they change with every step
        self.averaged = {name: value.clone() for name, value in self._live.items()}
        frozen = {_part(name) for name, p in system.named_parameters() if not p.requires_grad}
        self._moving = [name for name in self._live if _part(name) not in frozen]

    @property
    def optimizers(self) -> list[torch.optim.AdamW]:
        """One for each group."""
        return [group.optimizer for group in self._groups]

    def _optimizer(self, parameters: dict[str, nn.Parameter]) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            parameters.values(),
            lr=self._rate,
            betas=self._settings.betas,
            weight_decay=self._settings.weight_decay,
            fused=True,
            capturable=self._rate.device.type == "cuda",
        )

    def moments(self) -> dict[str, Tensor]:
        """What the optimizers remember, by `name of the parameter/name of the moment`."""
        return {
            f"{name}/{moment}": value
            for group in self._groups
            for name, parameter in group.parameters.items()
            for moment, value in group.optimizer.state[parameter].items()
        }

    def restore(self, averaged: dict[str, Tensor], moments: dict[str, Tensor]) -> None:
        """Take over averaged weights and `moments` of a checkpoint."""
        for name, value in self.averaged.items():
            value.copy_(averaged[name])
        holders = {name: group for group in self._groups for name in group.parameters}
        for key, value in moments.items():
            name, moment = key.rsplit("/", 1)
            group = holders[name]
            parameter = group.parameters[name]
            # The count of steps is one number, kept where the optimizer wants it.
            shaped = value.to(parameter.device)
            if value.dim():
                shaped = torch.empty_like(parameter).copy_(value)
            group.optimizer.state[parameter][moment] = shaped

    def step(self, loss: Tensor, *, mark: Callable[[str], None] = lambda _: None) -> None:
        """Follow the gradient of `loss`, in each group if it is sane there.

        Args:
            loss: 0-dim.
            mark: Told when the gradient is there.
        """
        for group in self._groups:
            group.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mark("backward")
        self._rate.copy_(self._state.learning_rate(self._settings))
        norms = self._state.norm.unbind()  # views: what is remembered goes into the state
        sane = [self._move(*pair) for pair in zip(self._groups, norms, strict=True)]
        self._state.skipped.add_(1 - torch.stack(sane).amin())
        self._update_average()
        self._state.count.add_(1)

    def _move(self, group: _Group, running: Tensor) -> Tensor:
        """Take one optimizer's step; returns 1 if it was taken and 0 if not.

        The optimizer is told the factor that clips the gradient and whether to leave everything as
        it is, in the way a loss scaler tells it: on the device, without anybody looking.
        """
        settings, optimizer = self._settings, group.optimizer
        gradients = [p.grad for p in group.parameters.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        limit = (settings.skip_above * running).clamp_min(LEAST_LIMIT)
        sane = norm.isfinite() & (norm < limit)
        optimizer.grad_scale = (norm / settings.clip_norm).clamp_min(1)  # type: ignore[attr-defined]
        optimizer.found_inf = 1 - sane.float()  # type: ignore[attr-defined]
        optimizer.step()
        remembered = MEMORY * running + (1 - MEMORY) * norm.clamp(max=LARGEST_REMEMBERED)
        running.copy_(torch.where(sane, remembered, running))
        return sane.float()

    def _update_average(self) -> None:
        # At first the average follows quickly: what it began with is worth nothing.
        count = self._state.count
        decay = ((1 + count) / (10 + count)).clamp(max=self._settings.average)
        averages = [self.averaged[name] for name in self._moving]
        live = [self._live[name] for name in self._moving]
        with torch.no_grad():
            torch._foreach_mul_(averages, decay)
            torch._foreach_add_(averages, torch._foreach_mul(live, 1 - decay))


def _part(name: str) -> str:
    """The part of the networks that a parameter belongs to."""
    return name.split(".")[0]
