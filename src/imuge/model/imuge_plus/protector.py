"""The paper's networks as they are used. There is no key, so the secret is nothing."""

import torch
from torch import Tensor

from imuge.model.imuge_plus.mask import rectify
from imuge.model.imuge_plus.system import ImugePlusSystem
from imuge.model.protector import Examined, Protected, Protector, blend, to_8_bits


class ImugePlusProtector(Protector[None, Examined]):
    """An `ImugePlusSystem` in evaluation mode."""

    def __init__(self, system: ImugePlusSystem) -> None:
        self._system = system

    def protect(self, host: Tensor) -> Protected[None]:
        """Immunize a picture with its own edge map."""
        immunized, _ = self._system.immunize(host, self._system.edges(host))
        return Protected(to_8_bits(immunized), None)

    def examine(self, received: Tensor, secret: None = None) -> Examined:
        """Find the tampered pixels; the mask is rectified as in the paper."""
        del secret
        probability = torch.sigmoid(self._system.localize(received))
        return Examined(received=received, probability=probability, mask=rectify(probability))

    def restore(self, examined: Examined, mask: Tensor) -> Tensor:
        """Run the network backwards from the picture without what is masked."""
        recovered, _ = self._system.recover(examined.received, mask)
        return blend(examined.received, recovered, mask)
