"""Several processes that train one system: `torchrun` starts them, this joins them.

Each draws its own part of every batch. Gradients, the moments of the encoder's normalization and
the controller's measure are averaged over all, so the result is that of one process with the
whole batch, to rounding.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from imuge.errors import ConfigError
from imuge.model.imuge.payload import RunningNorm

Word = TypeVar("Word")  # whatever processes tell each other; it can be pickled


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @classmethod
    def join(cls, device_type: str) -> "Processes":
        """Join those that torchrun started; alone without it.

        Raises:
            ConfigError: torchrun's variables are there, but the others cannot be reached.
        """
        if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
            return cls()
        try:
            dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"cannot join the other training processes: {error}") from error
        return cls(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))

    def leave(self) -> None:
        """Say goodbye to the others."""
        if self.count > 1:
            dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        """Whether this one writes and speaks."""
        return self.rank == 0

    def mean(self, number: Tensor) -> Tensor:
        """The mean of a number over all processes, without a gradient."""
        if self.count == 1:
            return number
        total = number.detach().clone()
        dist.all_reduce(total)
        return total / self.count

    def gather(self, value: Word) -> list[Word]:
        """What every process has, in the order of their ranks."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def follow(self, value: Word) -> Word:
        """What the leading process says."""
        values = [value]
        if self.count > 1:
            dist.broadcast_object_list(values)
        return values[0]


class SharedNorm(RunningNorm):
    """`RunningNorm` over the batches of all processes."""

    def __init__(self, norm: RunningNorm, processes: Processes) -> None:
        super().__init__(norm.running_mean.numel(), momentum=norm.momentum, epsilon=norm.epsilon)
        self.load_state_dict(norm.state_dict())
        self.to(norm.running_mean.device)
        self._count = processes.count

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape, by the moments of all processes' batches."""
        if not self.training:
            return super().forward(x)
        moments = torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])
        total: Tensor = all_reduce(moments)  # type: ignore[no-untyped-call]
        mean, square = total / self._count
        variance = square - mean.square()
        seen = x.numel() / x.shape[1] * self._count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (seen / (seen - 1)), self.momentum)
        scale = (variance + self.epsilon).rsqrt()
        normal: Tensor = (x - mean[:, None, None]) * scale[:, None, None]
        return normal


def share_norms(networks: nn.Module, processes: Processes) -> None:
    """Let every normalization of networks take its moments from the batches of all processes."""
    for module in list(networks.modules()):
        for name, child in module.named_children():
            if isinstance(child, RunningNorm):
                setattr(module, name, SharedNorm(child, processes))


def gather_random_states(processes: Processes, device: torch.device) -> dict[str, Tensor]:
    """Where the random numbers of every process stand, by `rank/number`."""
    mine = [torch.get_rng_state()]
    if device.type == "cuda":
        mine.append(torch.cuda.get_rng_state(device))
    return {
        f"{rank}/{number}": state
        for rank, states in enumerate(processes.gather(mine))
        for number, state in enumerate(states)
    }


def restore_random_states(
    stored: Mapping[str, Tensor], processes: Processes, device: torch.device
) -> None:
    """Take over this process's part of what `gather_random_states` gave."""
    rank = processes.rank
    torch.set_rng_state(stored[f"{rank}/0"])
    if device.type == "cuda" and f"{rank}/1" in stored:
        torch.cuda.set_rng_state(stored[f"{rank}/1"], device)


def choose_device(name: str, processes: Processes) -> torch.device:
    """The device to train on.

    Args:
        name: `cpu`, `cuda`, or `auto`: a GPU if there is one.
        processes: Each takes the GPU of its own number.

    Raises:
        ConfigError: the name is unknown, or there is no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"expected the device auto, cpu or cuda, got {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("no GPU that torch can use was found; train with --device cpu")
    if name == "cpu" or not available:
        return torch.device("cpu")
    device = torch.device("cuda", processes.local_rank)
    torch.cuda.set_device(device)
    return device
