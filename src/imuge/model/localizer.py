"""Finds the pixels that changed after a picture was immunized.

A U-net over the picture. At 1/8 of its size, one cell a DCT block, it takes in the evidence: where
the revealed template disagrees with the expected one, and the revealed code.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.config import ModelConfig
from imuge.model.layers import Residual, conv3x3, residuals

EVIDENCE_LIMIT = 3.0


def evidence(revealed: Tensor, template: Tensor) -> Tensor:
    """Agreement, difference and code, clamped to ±3.

    Args:
        revealed: (B, code + template channels, h, w), the revealed payload.
        template: (B, template channels, h, w), the expected ±1.

    Returns:
        (B, 2 · template + code channels, h, w).
    """
    count = template.shape[1]
    found = revealed[:, -count:]
    parts = [found * template, found - template, revealed[:, :-count]]
    return torch.cat(parts, 1).clamp(-EVIDENCE_LIMIT, EVIDENCE_LIMIT)


class Localizer(nn.Module):
    """Picture and evidence to one logit a pixel; above 0 means tampered."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c = config.localizer_width
        self.down2 = conv3x3(3 * 4, c)
        self.down2_block = Residual(c)
        self.down4 = conv3x3(4 * c, 2 * c)
        self.down4_block = Residual(2 * c)
        self.down8 = conv3x3(8 * c, 4 * c)
        self.evidence_stem = conv3x3(
            2 * config.template_channels + config.total_code_channels, 4 * c
        )
        self.down8_blocks = residuals(3, 4 * c)
        self.down16 = conv3x3(4 * c, 4 * c, stride=2)
        self.down16_blocks = residuals(3, 4 * c)
        self.up8 = nn.Conv2d(4 * c, 4 * c, 1)
        self.up8_block = Residual(4 * c)
        self.up4 = nn.Conv2d(4 * c, 8 * c, 1)
        self.up4_block = Residual(2 * c)
        self.up2 = nn.Conv2d(2 * c, 4 * c, 1)
        self.up2_block = Residual(c)
        self.head = conv3x3(c, 4)

    def forward(self, image: Tensor, clues: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] and (B, 36, H/8, W/8) to (B, 1, H, W) logits."""
        a = self.down2_block(F.silu(self.down2(F.pixel_unshuffle(image - 0.5, 2))))
        b = self.down4_block(F.silu(self.down4(F.pixel_unshuffle(a, 2))))
        c = F.silu(self.down8(F.pixel_unshuffle(b, 2)) + self.evidence_stem(clues))
        c = self.down8_blocks(c)
        d = self.down16_blocks(F.silu(self.down16(c)))
        c = self.up8_block(c + self.up8(F.interpolate(d, scale_factor=2, mode="nearest")))
        b = self.up4_block(b + F.pixel_shuffle(self.up4(c), 2))
        a = self.up2_block(a + F.pixel_shuffle(self.up2(b), 2))
        return F.pixel_shuffle(self.head(F.silu(a)), 2).float()
