"""Networks in torch as a contestant: our ablations, Imuge+, or any other weights that we can load.

    uint8 (H, W, 3) ─ reflect to multiples of 16 ─► float32 (1, 3, H16, W16) ─► cut back

Needs the extra `train`; everything else in `imuge.bench.contestants` does without.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.bench.scores import Mask
from imuge.engine.canvas import SIDE_MULTIPLE, to_canvas, to_pixels
from imuge.errors import ConfigError, ImageError
from imuge.model.architectures import load_networks, protector_of
from imuge.model.protector import Examined
from imuge.model.release_files import is_release
from imuge.model.weights_files import weights_sha256
from imuge.results import Pixels
from imuge.weights import load_release

SMALLEST_SIDE = 2 * SIDE_MULTIPLE  # pixels


class NetworksContestant(OneSize):
    """Weights of any architecture, used as validation while training uses them.

    Args:
        name: What the tables call it.
        path: A weights file, a folder of parts, or a release.
        device: Where to compute, "cpu" or "cuda".
        threads: Processor threads of torch in this process; None leaves them.

    Raises:
        ConfigError: torch has no such device here.
        WeightsError: there are no weights, or their networks cannot be rebuilt.
    """

    restores = True

    def __init__(
        self, name: str, path: Path, *, device: str = "cpu", threads: int | None = None
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("expected a CUDA device for torch, found none; use --device cpu")
        if threads is not None:
            torch.set_num_threads(threads)
        self.name = name
        self._sha256 = load_release(path).sha256 if is_release(path) else weights_sha256(path)
        self._networks = load_networks(path).to(device)
        self._protector = protector_of(self._networks)
        self._device = torch.device(device)

    def describe(self) -> dict[str, Any]:
        """The architecture, its settings and the weights."""
        return {
            "architecture": self._networks.config.architecture,
            "parameters": sum(weight.numel() for weight in self._networks.parameters()),
            "sha256": self._sha256,
            "config": asdict(self._networks.config),
            "working_point": "plain, of the architecture",
            "torch": torch.__version__,
            "device": self._device.type,
        }

    @torch.no_grad()
    def immunize(self, host: Pixels, *, seed: int, strength: float = 1.0) -> Published[Any]:  # noqa: ARG002
        """Protect a picture; the secret is what the architecture draws, its layout or nothing.

        Raises:
            ImageError: the picture is too small.
        """
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(seed)
            protected = self._protector.protect(self._batch(host))
        return Published(_pixels(protected.picture, host), protected.secret)

    @torch.no_grad()
    def examine(self, received: Pixels, secret: Any) -> Examination[Examined]:  # noqa: ANN401
        """Find what was changed in a copy of a picture published with this secret.

        Raises:
            ImageError: the picture is too small.
        """
        examined = self._protector.examine(self._batch(received), secret)
        return Examination(
            received=received,
            probability=_plane(examined.probability, received),
            mask=_plane(examined.mask, received) > 0,
            evidence=examined,
        )

    @torch.no_grad()
    def restore(self, finding: Examination[Examined], mask: Mask) -> Pixels:
        """Recover as the architecture does; what lies beyond the picture is masked as well."""
        if not mask.any():
            return finding.received
        height, width = mask.shape
        wide = torch.ones_like(finding.evidence.mask)
        wide[0, 0, :height, :width] = torch.from_numpy(mask).to(wide)
        return _pixels(self._protector.restore(finding.evidence, wide), finding.received)

    def _batch(self, pixels: Pixels) -> Tensor:
        if min(pixels.shape[:2]) < SMALLEST_SIDE:
            raise ImageError(
                f"expected a picture of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
                f"got {pixels.shape[1]}x{pixels.shape[0]}"
            )
        return torch.from_numpy(to_canvas(pixels).image)[None].to(self._device)


def _pixels(picture: Tensor, like: Pixels) -> Pixels:
    """(1, 3, H16, W16) to the size of a picture."""
    height, width = like.shape[:2]
    return to_pixels(picture[0, :, :height, :width].cpu().numpy())


def _plane(plane: Tensor, like: Pixels) -> NDArray[np.float32]:
    """(1, 1, H16, W16) to (H, W) of a picture."""
    height, width = like.shape[:2]
    cut: NDArray[np.float32] = plane[0, 0, :height, :width].cpu().numpy()
    return cut
