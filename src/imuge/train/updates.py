"""How a loss moves the weights: guarded AdamW, averaged weights, and the fidelity controller.

All that a step needs to decide lies on the device: whether it is taken, how fast it goes, how much
fidelity counts. So no step waits for the processor, and a step can be recorded and replayed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from imuge.train.config import Fidelity, Optimization, TrainConfig
from imuge.train.losses import to_db

LEAST_LIMIT = 20.0  # a gradient's norm below this is never called exploding
LARGEST_REMEMBERED = 50.0  # one wild norm does not move the running mean further
MEMORY = 0.98  # of the running mean of norms
STEEPEST = 2.0  # decibels of error that the controller acts on at most


@dataclass(frozen=True, slots=True)
class State:
    """Numbers that change with every step, each 0-dim on the device; saved with a checkpoint."""

    count: Tensor  # steps tried
    progress: Tensor  # 0..1 of the whole run
    fidelity_weight: Tensor
    norm: Tensor  # running mean of the gradient's norm
    skipped: Tensor  # steps not taken because the gradient exploded or was not finite

    @classmethod
    def start(cls, config: TrainConfig, device: torch.device) -> "State":
        """The state before the first step."""

        def number(value: float) -> Tensor:
            return torch.tensor(value, device=device, dtype=torch.float32)

        first = config.fidelity.first_weight
        return cls(number(0), number(0), number(first), number(5), number(0))

    def to_dict(self) -> dict[str, Tensor]:
        """All of it, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def restore(self, stored: dict[str, Tensor]) -> None:
        """Take over what `to_dict` gave."""
        for name, value in self.to_dict().items():
            value.copy_(stored[name])

    def learning_rate(self, settings: Optimization) -> Tensor:
        """Linear warm-up, then a cosine over the run down to a small rest."""
        last = settings.last_learning_rate
        cosine = 0.5 * (1 + torch.cos(math.pi * self.progress.clamp(0, 1)))
        warm = ((self.count + 1) / settings.warmup_steps).clamp(max=1)
        return settings.learning_rate * warm * (last + (1 - last) * cosine)

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


class Updater:
    """Takes the steps."""

    def __init__(self, system: nn.Module, settings: Optimization, state: State) -> None:
        self._settings = settings
        self._state = state
        self._named = {n: p for n, p in system.named_parameters() if p.requires_grad}
        device = state.count.device
        self._rate = torch.tensor(settings.learning_rate, device=device)
        self.optimizer = torch.optim.AdamW(
            self._named.values(),
            lr=self._rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
            capturable=device.type == "cuda",
        )
        self._live = system.state_dict()  # shares the tensors: they change with every step
        self.averaged = {name: value.clone() for name, value in self._live.items()}
        frozen = {
            name.split(".")[0] for name, p in system.named_parameters() if not p.requires_grad
        }
        self._moving = [name for name in self._live if name.split(".")[0] not in frozen]

    def moments(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by `name of the parameter/name of the moment`."""
        return {
            f"{name}/{moment}": value
            for name, parameter in self._named.items()
            for moment, value in self.optimizer.state[parameter].items()
        }

    def restore(self, averaged: dict[str, Tensor], moments: dict[str, Tensor]) -> None:
        """Take over averaged weights and `moments` of a checkpoint."""
        for name, value in self.averaged.items():
            value.copy_(averaged[name])
        for key, value in moments.items():
            name, moment = key.rsplit("/", 1)
            parameter = self._named[name]
            # The count of steps is one number, kept where the optimizer wants it.
            shaped = value.to(parameter.device)
            if value.dim():
                shaped = torch.empty_like(parameter).copy_(value)
            self.optimizer.state[parameter][moment] = shaped

    def step(self, loss: Tensor, *, mark: Callable[[str], None] = lambda _: None) -> None:
        """Follow the gradient of `loss`, if it is sane.

        The optimizer is told the factor that clips the gradient and whether to leave everything as
        it is, in the way a loss scaler tells it: on the device, without anybody looking.

        Args:
            loss: 0-dim.
            mark: Told when the gradient is there.
        """
        state, settings = self._state, self._settings
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mark("backward")
        gradients = [p.grad for p in self._named.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        limit = (settings.skip_above * state.norm).clamp_min(LEAST_LIMIT)
        sane = norm.isfinite() & (norm < limit)
        self._rate.copy_(state.learning_rate(settings))
        self.optimizer.grad_scale = (norm / settings.clip_norm).clamp_min(1)  # type: ignore[attr-defined]
        self.optimizer.found_inf = 1 - sane.float()  # type: ignore[attr-defined]
        self.optimizer.step()
        remembered = MEMORY * state.norm + (1 - MEMORY) * norm.clamp(max=LARGEST_REMEMBERED)
        state.norm.copy_(torch.where(sane, remembered, state.norm))
        state.skipped.add_(1 - sane.float())
        self._update_average()
        state.count.add_(1)

    def _update_average(self) -> None:
        # At first the average follows quickly: what it began with is worth nothing.
        count = self._state.count
        decay = ((1 + count) / (10 + count)).clamp(max=self._settings.average)
        averages = [self.averaged[name] for name in self._moving]
        live = [self._live[name] for name in self._moving]
        with torch.no_grad():
            torch._foreach_mul_(averages, decay)
            torch._foreach_add_(averages, torch._foreach_mul(live, 1 - decay))
