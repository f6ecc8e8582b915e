"""Which arithmetic runs in 16 bits: the networks' convolutions, and nothing else.

The transform, the couplings' sums, all attacks and all losses stay in float32: half precision
there would cost a grey level.
"""

from typing import Any

import torch
from torch import Tensor, nn

from imuge.model.networks import Networks

# Where inputs are a multiple of 64 channels, torch 2.13 (oneDNN 3.12) is slow at the gradient of a
# kernel in bfloat16 on processors with tiles; beside other work, 10 to 60 times slower.
SLOW_CHANNELS = 64
SPARE_CHANNELS = 16  # of zeros, with which they are none


def has_half(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 on a device.

    On a processor it is where one instruction multiplies pairs of bfloat16 numbers or whole tiles
    of them; elsewhere every number would be widened first.
    """
    if device.type == "cuda":
        return True
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Half:
    """Networks that compute in bfloat16, as long as `on` is true; their weights stay float32."""

    def __init__(self, networks: Networks, device: torch.device) -> None:
        self.on = True
        self._device_type = device.type
        networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for network in networks.halves():
            if device.type == "cpu":
                self._spare(network)
            self._wrap(network)

    def _wrap(self, network: nn.Module) -> None:
        run = network.forward

        def forward(*inputs: Any) -> Tensor:  # noqa: ANN401 - as the network's own
            # A cached cast would be shared between recorded and later steps.
            with torch.autocast(
                self._device_type, dtype=torch.bfloat16, enabled=self.on, cache_enabled=False
            ):
                out: Tensor = run(*inputs)
                return out

        network.forward = forward

    def _spare(self, network: nn.Module) -> None:
        """Let convolutions that are trained see channels of zeros where they would be slow."""
        for module in network.modules():
            if (
                isinstance(module, nn.Conv2d)
                and module.kernel_size != (1, 1)
                and module.in_channels % SLOW_CHANNELS == 0
            ):
                self._widen(module)

    def _widen(self, convolution: nn.Conv2d) -> None:
        run = convolution.forward

        def forward(x: Tensor) -> Tensor:
            weight = convolution.weight
            if not (self.on and weight.requires_grad):
                return run(x)
            x, weight = (nn.functional.pad(t, (0, 0, 0, 0, 0, SPARE_CHANNELS)) for t in (x, weight))
            stride, padding = convolution.stride, convolution.padding
            return nn.functional.conv2d(x, weight, convolution.bias, stride, padding)

        module: nn.Module = convolution
        module.forward = forward
