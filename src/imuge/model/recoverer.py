"""Shows what was there before: surviving code and untouched surroundings to pixels.

With the whole picture masked but no code erased, it renders the *hidden copy*: the picture as the
code alone tells it.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.config import ModelConfig
from imuge.model.layers import Residual, conv3x3, residuals
from imuge.model.payload import scatter

REVEALED_LIMIT = 3.0


def gather_code(revealed: Tensor, erased: Tensor, inverse_permutations: Tensor) -> Tensor:
    """Bring each description home, with a flag a block that says whether it survived.

    Args:
        revealed: (B, K·c, h, w), the revealed code as it lies scattered in the picture.
        erased: (B, 1, h, w), 1 where a block of the picture was tampered with.
        inverse_permutations: (B, K, h·w) int64, the inverses of the scattering permutations.

    Returns:
        (B, K·(c + 1), h, w): for each description its code (0 where lost) and its flag (1 kept).
    """
    kept = 1 - erased
    parts = []
    for k, code in enumerate(revealed.chunk(inverse_permutations.shape[1], 1)):
        limited = code.clamp(-REVEALED_LIMIT, REVEALED_LIMIT) * kept
        parts.append(scatter(torch.cat([limited, kept], 1), inverse_permutations[:, k]))
    return torch.cat(parts, 1)


class Recoverer(nn.Module):
    """Picture, mask and gathered code to a whole reconstructed picture."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.recoverer_width
        self.down2 = conv3x3(4 * 4, 48)
        self.down4 = conv3x3(48 * 4, 96)
        self.down4_block = Residual(96)
        self.down8 = conv3x3(96 * 4, width)
        self.code_stem = conv3x3(config.descriptions * (config.code_channels + 1), width)
        self.body = residuals(6, width)
        self.up4 = nn.Conv2d(width, 96 * 4, 1)
        self.up4_blocks = residuals(2, 96)
        self.up2 = nn.Conv2d(96, 48 * 4, 1)
        self.up2_blocks = residuals(2, 48)
        self.head = conv3x3(48, 3 * 4)

    def forward(self, image: Tensor, mask: Tensor, codes: Tensor) -> Tensor:
        """Reconstruct.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W), 1 = tampered; those pixels are not looked at.
            codes: (B, 26, H/8, W/8) from `gather_code`.

        Returns:
            (B, 3, H, W) RGB, not clamped, everywhere; only the masked part is news.
        """
        context = torch.cat([(image - 0.5) * (1 - mask), mask], 1)
        a = F.silu(self.down2(F.pixel_unshuffle(context, 2)))
        b = self.down4_block(F.silu(self.down4(F.pixel_unshuffle(a, 2))))
        c = self.body(self.down8(F.pixel_unshuffle(b, 2)) + self.code_stem(codes))
        b = self.up4_blocks(b + F.pixel_shuffle(self.up4(c), 2))
        a = self.up2_blocks(a + F.pixel_shuffle(self.up2(b), 2))
        return F.pixel_shuffle(self.head(F.silu(a)), 2).float() + 0.5
