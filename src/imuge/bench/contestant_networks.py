"""Networks in torch as a contestant: our ablations, Imuge+, or any other weights that we can load.

    uint8 (H, W, 3) ─ reflect to multiples of 16 ─► float32 (1, 3, H16, W16) ─► cut back

Needs the extra `train`; everything else in `imuge.bench.contestants` does without.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.bench.pictures import mask_at, picture_at, values_at
from imuge.bench.scores import Mask
from imuge.engine.canvas import SIDE_MULTIPLE, to_canvas, to_pixels
from imuge.errors import ConfigError, ImageError
from imuge.model.architectures import load_networks, protector_of
from imuge.model.protector import Examined
from imuge.model.release_files import is_release
from imuge.model.weights_files import weights_sha256
from imuge.results import Pixels
from imuge.weights import load_release

Size: TypeAlias = tuple[int, int]  # height and width, pixels

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
        height, width = host.shape[:2]
        return Published(_pixels(protected.picture, host), (protected.secret, (height, width)))

    @torch.no_grad()
    def examine(
        self, received: Pixels, secret: tuple[Any, Size]
    ) -> Examination[tuple[Examined, Size]]:
        """Find what was changed in a copy of a picture published with this secret.

        These networks know no frame: a copy that was scaled is brought back to the size that was
        published, which they are told.

        Raises:
            ImageError: the picture is too small.
        """
        drawn, size = secret
        whole = picture_at(received, size)
        examined = self._protector.examine(self._batch(whole), drawn)
        height, width = received.shape[:2]
        return Examination(
            received=received,
            probability=values_at(_plane(examined.probability, whole), (height, width)),
            mask=mask_at(_plane(examined.mask, whole) > 0, (height, width)),
            evidence=(examined, size),
        )

    @torch.no_grad()
    def restore(self, finding: Examination[tuple[Examined, Size]], mask: Mask) -> Pixels:
        """Recover as the architecture does; what lies beyond the picture is masked as well."""
        if not mask.any():
            return finding.received
        examined, size = finding.evidence
        whole = picture_at(finding.received, size)
        wide = torch.ones_like(examined.mask)
        wide[0, 0, : size[0], : size[1]] = torch.from_numpy(mask_at(mask, size)).to(wide)
        made = _pixels(self._protector.restore(examined, wide), whole)
        height, width = finding.received.shape[:2]
        return picture_at(made, (height, width))

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
