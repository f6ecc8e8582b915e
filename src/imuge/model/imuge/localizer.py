"""Finds the pixels that changed after a picture was immunized.

A U-net over the picture. At 1/8 of its size, one cell a DCT block, it takes in the evidence: where
the revealed template disagrees with the expected one, and the revealed code. With `code_evidence`
it takes in clues from the content too: where the hidden copy, brought home, tells of something
else than the picture shows.

What the U-net brings can be held against the plainest localizer there is: `ThresholdLocalizer`.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.imuge.config import ModelConfig
from imuge.model.layers import Residual, conv3x3, residuals, zero

EVIDENCE_LIMIT = 3.0
WINDOW = 3  # blocks on a side, over which the threshold localizer takes averages


def evidence(revealed: Tensor, template: Tensor, *, with_template: bool = True) -> Tensor:
    """Agreement, difference and code, clamped to ±3.

    Args:
        revealed: (B, code + template channels, h, w), the revealed payload.
        template: (B, template channels, h, w), the expected ±1.
        with_template: Whether agreement and difference are part of it; else it is the code alone.

    Returns:
        (B, 2 · template + code channels, h, w); without the template (B, code channels, h, w).
    """
    count = template.shape[1]
    found, code = revealed[:, -count:], revealed[:, :-count]
    parts = [found * template, found - template, code] if with_template else [code]
    return torch.cat(parts, 1).clamp(-EVIDENCE_LIMIT, EVIDENCE_LIMIT)


def code_clues(gathered: Tensor, visible: Tensor) -> Tensor:
    """Where the hidden copy and the visible picture disagree, in code space.

    Args:
        gathered: (B, K·c, h, w), the revealed code brought home (`payload.home_code`), none erased.
        visible: (B, K·c, h, w), the code of the received picture itself (`System.encode`).

    Returns:
        (B, 2·K·c, h, w): difference and product, clamped to ±3.
    """
    both = torch.cat([gathered - visible, gathered * visible], 1)
    return both.clamp(-EVIDENCE_LIMIT, EVIDENCE_LIMIT)


class Localizer(nn.Module):
    """Picture and evidence to one logit a pixel; above 0 means tampered."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.template_evidence = config.template_evidence
        c, blocks = config.localizer_width, config.localizer_blocks
        self.down2 = conv3x3(3 * 4, c)
        self.down2_block = Residual(c)
        self.down4 = conv3x3(4 * c, 2 * c)
        self.down4_block = Residual(2 * c)
        self.down8 = conv3x3(8 * c, 4 * c)
        self.evidence_stem = conv3x3(config.evidence_channels, 4 * c)
        self.code_stem: nn.Conv2d | None = None
        if config.code_evidence:
            self.code_stem = conv3x3(config.clue_channels, 4 * c)
            # Weights trained without clues go on as they were.
            zero(self.code_stem)
        self.down8_blocks = residuals(blocks, 4 * c)
        self.down16 = conv3x3(4 * c, 4 * c, stride=2)
        self.down16_blocks = residuals(blocks, 4 * c)
        self.up8 = nn.Conv2d(4 * c, 4 * c, 1)
        self.up8_block = Residual(4 * c)
        self.up4 = nn.Conv2d(4 * c, 8 * c, 1)
        self.up4_block = Residual(2 * c)
        self.up2 = nn.Conv2d(2 * c, 4 * c, 1)
        self.up2_block = Residual(c)
        self.head = conv3x3(c, 4)

    def forward(
        self, image: Tensor, revealed: Tensor, template: Tensor, clues: Tensor | None = None
    ) -> Tensor:
        """Find what changed.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            revealed: (B, 30, H/8, W/8), the revealed payload.
            template: (B, 6, H/8, W/8), the expected ±1.
            clues: (B, 48, H/8, W/8) from `code_clues`, zeros where they cannot be had; None
                means zeros, and is the only choice without `code_evidence`.

        Returns:
            (B, 1, H, W) logits.
        """
        seen = evidence(revealed, template, with_template=self.template_evidence)
        a = self.down2_block(F.silu(self.down2(F.pixel_unshuffle(image - 0.5, 2))))
        b = self.down4_block(F.silu(self.down4(F.pixel_unshuffle(a, 2))))
        c = self.down8(F.pixel_unshuffle(b, 2)) + self.evidence_stem(seen)
        if self.code_stem is not None:
            if clues is None:
                batch, _, rows, columns = seen.shape
                clues = image.new_zeros((batch, self.code_stem.in_channels, rows, columns))
            c = c + self.code_stem(clues)
        else:
            assert clues is None, "these networks were built without code_evidence"
        c = F.silu(c)
        c = self.down8_blocks(c)
        d = self.down16_blocks(F.silu(self.down16(c)))
        c = self.up8_block(c + self.up8(F.interpolate(d, scale_factor=2, mode="nearest")))
        b = self.up4_block(b + F.pixel_shuffle(self.up4(c), 2))
        a = self.up2_block(a + F.pixel_shuffle(self.up2(b), 2))
        return F.pixel_shuffle(self.head(F.silu(a)), 2).float()


class ThresholdLocalizer(nn.Module):
    """Tampered is where the revealed template is too far from the expected one.

    logit = gain · (mean |t̂ − t| − threshold), the mean over the template channels and 3x3 blocks:
    two trained numbers, the gain above 0. With a template that is the same in every picture it is
    how EditGuard localizes: Zhang et al. 2024, arXiv:2312.08883.
    """

    def __init__(self) -> None:
        super().__init__()
        # Blocks that reveal nothing, t̂ = 0, are 1 away: between them and those that agree.
        self.threshold = nn.Parameter(torch.tensor(0.5))
        self.log_gain = nn.Parameter(torch.tensor(math.log(4.0)))

    def forward(
        self, image: Tensor, revealed: Tensor, template: Tensor, clues: Tensor | None = None
    ) -> Tensor:
        """Find what changed; arguments and result are those of `Localizer.forward`.

        Neither the picture nor the code is looked at, and there are no clues.
        """
        assert clues is None, "these networks were built without code_evidence"
        found = revealed[:, -template.shape[1] :]
        # One block that reveals a huge number must not speak for all around it.
        distance = (found - template).abs().clamp_max(EVIDENCE_LIMIT).mean(1, keepdim=True)
        smooth = F.avg_pool2d(distance, WINDOW, 1, WINDOW // 2, count_include_pad=False)
        logits = self.log_gain.exp() * (smooth - self.threshold)
        return F.interpolate(logits, image.shape[-2:], mode="bilinear").float()
