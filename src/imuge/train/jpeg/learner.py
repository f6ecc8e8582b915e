"""How one network of a JPEG simulator's training moves: Adam, warm-up, a cosine, clipped steps."""

import math

import torch
from torch import Tensor, nn

from imuge.train.jpeg.config import LearnerSettings


class Learner:
    """A network and what moves its weights."""

    def __init__(self, network: nn.Module, settings: LearnerSettings) -> None:
        self.network = network
        self._settings = settings
        self._named = dict(network.named_parameters())
        self._optimizer = torch.optim.Adam(
            self._named.values(), lr=settings.learning_rate, betas=settings.betas
        )
        self._count = 0

    def step(self, within: float) -> None:
        """Follow the gradients that are there, if they are finite, and forget them.

        Args:
            within: Share of this network's own part of the run, 0..1.
        """
        settings = self._settings
        norm = nn.utils.clip_grad_norm_(self._named.values(), settings.clip_norm)
        last = settings.last_learning_rate
        cosine = last + (1 - last) * 0.5 * (1 + math.cos(math.pi * within))
        self._count += 1
        warm = min(1.0, self._count / settings.warmup_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * warm * cosine
        if norm.isfinite():
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def moments(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by `name of the parameter/name of the moment`."""
        held = {
            f"{name}/{moment}": value
            for name, parameter in self._named.items()
            for moment, value in self._optimizer.state[parameter].items()
        }
        return held | {"count": torch.tensor(self._count)}

    def restore(self, stored: dict[str, Tensor]) -> None:
        """Take over what `moments` gave."""
        self._count = int(stored["count"])
        for key, value in stored.items():
            name, _, moment = key.rpartition("/")
            if name:
                parameter = self._named[name]
                where = parameter.device if value.dim() else value.device
                self._optimizer.state[parameter][moment] = value.to(where)
