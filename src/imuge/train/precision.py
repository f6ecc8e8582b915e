"""Which arithmetic runs in 16 bits: the networks' convolutions, and nothing else.

The transform, the couplings' sums, all attacks and all losses stay in float32: half precision
there would cost a grey level.
"""

from typing import Any

import torch
from torch import Tensor, nn

from imuge.model.networks import Networks


def in_half(networks: Networks) -> None:
    """Let networks compute in bfloat16 on a GPU; their weights stay float32."""
    for network in networks.halves():
        _wrap(network)


def _wrap(network: nn.Module) -> None:
    run = network.forward

    def forward(*inputs: Any) -> Tensor:  # noqa: ANN401 - as the network's own
        # A cached cast would be shared between recorded and later steps.
        with torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False):
            out: Tensor = run(*inputs)
            return out

    network.forward = forward
