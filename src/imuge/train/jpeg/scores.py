"""How near a network comes to JPEG on photographs never trained on."""

from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor

from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.jpeg.student import Student
from imuge.train.losses import to_db

QUALITIES = (10, 30, 50, 70, 90)


@torch.no_grad()
def score(student: Student, pictures: Sequence[Tensor], device: torch.device) -> dict[str, float]:
    """PSNR to what `exact` shows with 4:2:0, decibels, means over the pictures.

    Args:
        student: On `device`; left in evaluation mode.
        pictures: (3, H, W) in [0, 1], H and W multiples of 16.
        device: Where to compute.

    Returns:
        For each of `QUALITIES`, `student/50` for the network's own output and `untouched/50` for
        the picture as it is.
    """
    student.eval()
    found: dict[str, list[float]] = {}
    for picture in pictures:
        batch = picture[None].to(device)
        for number in QUALITIES:
            quality = batch.new_tensor([number])
            real = exact(batch, quality, subsampled=True)
            simulated = student(batch, quality, torch.ones_like(quality))
            for name, shown in (("student", simulated), ("untouched", batch)):
                error = to_db((shown - real).square().mean())
                found.setdefault(f"{name}/{number}", []).append(float(error))
    return {name: fmean(values) for name, values in found.items()}
