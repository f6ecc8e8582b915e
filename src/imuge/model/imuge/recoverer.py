"""Shows what was there before: surviving code and untouched surroundings to pixels.

With the whole picture masked but no code erased, it renders the *hidden copy*: the picture as the
code alone tells it.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.imuge.config import ModelConfig
from imuge.model.layers import Residual, conv3x3, residuals


class Recoverer(nn.Module):
    """Picture, mask and gathered code to a whole reconstructed picture."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, fine = config.recoverer_width, config.recoverer_fine_width
        self.down2 = conv3x3(4 * 4, fine)
        self.down4 = conv3x3(4 * fine, 2 * fine)
        self.down4_block = Residual(2 * fine)
        self.down8 = conv3x3(8 * fine, width)
        self.code_stem = conv3x3(config.descriptions * (config.code_channels + 1), width)
        self.body = residuals(config.recoverer_blocks, width)
        self.up4 = nn.Conv2d(width, 8 * fine, 1)
        self.up4_blocks = residuals(config.recoverer_fine_blocks, 2 * fine)
        self.up2 = nn.Conv2d(2 * fine, 4 * fine, 1)
        self.up2_blocks = residuals(config.recoverer_fine_blocks, fine)
        self.head = conv3x3(fine, 3 * 4)

    def forward(self, image: Tensor, mask: Tensor, codes: Tensor) -> Tensor:
        """Reconstruct.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W), 1 = tampered; those pixels are not looked at.
            codes: (B, 26, H/8, W/8) from `payload.gather_code`.

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
