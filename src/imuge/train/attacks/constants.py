"""Fixed tensors that an attack needs on its device."""

from collections.abc import Callable
from typing import TypeVar

import torch

Made = TypeVar("Made")


def kept(make: Callable[[torch.device], Made]) -> Callable[[torch.device], Made]:
    """Make the constants of each device once.

    A copy to a GPU may not be recorded in a CUDA graph: the first call, outside of one, makes it.
    """
    made: dict[torch.device, Made] = {}

    def constants(device: torch.device) -> Made:
        if device not in made:
            # Made under inference mode, they could not take part in training later.
            with torch.inference_mode(False):
                made[device] = make(device)
        return made[device]

    return constants
