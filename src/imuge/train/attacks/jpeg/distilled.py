"""JPEG with the decoder's own pixels and the gradient of a network that learned to imitate it.

The network is a `Student` from a file that `python -m imuge.train.jpeg` writes: one
safetensors file with its sizes in the metadata.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.files import write_atomically
from imuge.settings import parse_settings
from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.jpeg.student import Student, StudentConfig
from imuge.train.attacks.rounding import straight_through

KEY = "jpeg_student"  # of the metadata that holds the sizes
HOW = "python -m imuge.train.jpeg makes one"


class Distilled:
    """A simulator of JPEG around a trained network, whose weights stay as they are.

    Args:
        student: In whatever mode; it is frozen.
    """

    def __init__(self, student: Student) -> None:
        self.student = student.eval().requires_grad_(False)

    def __call__(self, picture: Tensor, quality: Tensor, *, subsampled: bool) -> Tensor:
        """Encode and decode as `exact` does; the gradient is the network's.

        The value is simulated + (real − simulated), whose second part has no gradient: the attack
        layer of Imuge+ (arXiv:2210.15902). Where no gradient is asked for, the network rests.

        Args:
            picture: (B, 3, H, W) float32 RGB in [0, 1]; H and W multiples of 16, or of 8 when not
                subsampled.
            quality: (B,) libjpeg quality from 1 to 100.
            subsampled: Whether chroma has half the width and height (4:2:0) or all of it (4:4:4).

        Returns:
            (B, 3, H, W) RGB in [0, 1], whole multiples of 1/255.

        Raises:
            ImageError: `picture` has another shape.
        """
        real = exact(picture.detach(), quality, subsampled=subsampled)
        if not (picture.requires_grad and torch.is_grad_enabled()):
            return real
        return straight_through(real, self.simulate(picture, quality, subsampled=subsampled))

    def simulate(self, picture: Tensor, quality: Tensor, *, subsampled: bool) -> Tensor:
        """The network's own output: as `__call__`, but neither clamped nor rounded."""
        with torch.autocast(picture.device.type, enabled=False):
            out: Tensor = self.student(
                picture, quality, torch.full_like(quality, 1.0 if subsampled else 0.0)
            )
            return out


def save_student(student: Student, path: Path) -> Path:
    """Write the network as it is used, in float16, whole or not at all.

    Args:
        student: Trained, normalized or not.
        path: What is there under that name is replaced.

    Raises:
        WeightsError: a weight is no finite number in float16, or the disk refused.
    """
    tensors = {
        name: value.detach().cpu().half().contiguous()
        for name, value in student.plain_state().items()
    }
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise WeightsError(f"{name} holds numbers that float16 cannot; nothing was written")
    metadata = {KEY: json.dumps(asdict(student.config))}
    try:
        return write_atomically(path, save(tensors, metadata), overwrite=True)
    except ImageError as error:
        raise WeightsError(str(error)) from error


def load_student(path: Path) -> Student:
    """Build a network from its file, on the processor, frozen.

    Raises:
        WeightsError: the file is missing, no safetensors file, or of another network.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            text = (stored.metadata() or {}).get(KEY)
            tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read the JPEG simulator {path}: {error}; {HOW}") from error
    if text is None:
        raise WeightsError(
            f"expected the weights of a JPEG simulator, got {path}, which names none; {HOW}"
        )
    try:
        table = json.loads(text)
        student = Student(parse_settings(StudentConfig, table, name=KEY), normalized=False)
    except (ConfigError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} describes no JPEG simulator: {error}; {HOW}") from error
    wanted = {name: value.shape for name, value in student.state_dict().items()}
    held = {name: value.shape for name, value in tensors.items()}
    if differing := sorted(dict(wanted.items() ^ held.items())):
        raise WeightsError(
            f"{path} does not fit the network that it describes: {len(differing)} tensors are "
            f"missing, unknown or of another shape, {differing[0]} for one; {HOW}"
        )
    student.load_state_dict(tensors, strict=True)
    return student.eval().requires_grad_(False)
