"""What is published, inside a training step: the residual shaped, and a pilot added.

    residual ─ strength ─ shaped (flat areas less, colour less) ─┐
    host ────────────────────────────────────────────────────────┼─ 8 bits ─► published
    waves ─ modulated by local deviation ─ pilot ────────────────┘

The same as `protection.shaping` and `protection.pilot` do to one picture with numpy, here for a
batch with every sample's own numbers: those that the product has chosen, or may yet choose, and
waves as any key could draw them. A crop lies anywhere in its frame, so its phases are any.

Conventions: float32 (B, 3, H, W) RGB in [0, 1]; deviations (B, 1, H, W) in grey levels of 255.
"""

import dataclasses
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.errors import ConfigError
from imuge.train.attacks.constants import kept
from imuge.train.attacks.filters import grey
from imuge.train.attacks.rounding import round_to_8_bits

# These are the product's; a test holds them against it. They are not imported, since its modules
# need scipy, which training machines lack.
SPREAD = 3.0  # pixels, Gaussian of a local deviation
SPREAD_RADIUS = 12  # pixels, where it is cut
WAVES = 48
RADII = (0.10, 0.30)  # cycles a pixel
AMPLITUDE = 0.7  # grey levels
FULL_DEVIATION = 8.0  # grey levels
MODULATION = (0.35, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationMix:
    """How residuals are added in training: shares of the samples and ranges, ends included."""

    shaped: float = 0.0  # share of the samples whose residual is shaped
    flat: tuple[float, float] = (0.6, 1.0)  # gain where nothing varies
    level: tuple[float, float] = (10.0, 12.0)  # grey levels of deviation from which it is 1
    chrominance: tuple[float, float] = (0.5, 1.0)  # share of the gain that colour gets
    pilot: float = 0.0  # share of the samples with a pilot
    template: tuple[float, float] = (1.0, 1.0)  # how strongly the template is hidden, the code by 1

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for name in ("shaped", "pilot"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise ConfigError(f"expected publication.{name} from 0 to 1, got {share}")
        for name, most in (("flat", 2), ("level", 255), ("chrominance", 2), ("template", 3)):
            low, high = getattr(self, name)
            if not 0 < low <= high <= most:
                raise ConfigError(
                    f"expected publication.{name} as two numbers above 0 and up to {most}, the "
                    f"smaller first, got {[low, high]}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What chance decides about how one batch is published."""

    strength: Tensor  # (B,) factor of the residual
    flat: Tensor  # (B,) gain where nothing varies
    level: Tensor  # (B,) grey levels
    chrominance: Tensor  # (B,) share of the gain
    pilot: Tensor  # (B,) amplitude, grey levels; 0 is none
    waves: Tensor  # (B, 3, 48): u and v in cycles a pixel, phase in radians
    template: Tensor  # (B,) factor of the template's signs

    def join(self, other: "Publication") -> "Publication":
        """Those of both batches, this one's first."""
        names = [item.name for item in dataclasses.fields(self)]
        return Publication(
            **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names}
        )


def draw_publication(mix: PublicationMix, strength: Tensor, *, device: torch.device) -> Publication:
    """Draw how a batch is published; shapes are fixed and nothing waits for the device.

    Args:
        mix: What may happen.
        strength: (B,) of the residual.
        device: Where the batch lies.
    """
    batch = len(strength)
    dice = torch.rand(5, batch, device=device)

    def between(bounds: tuple[float, float], chance: Tensor) -> Tensor:
        return bounds[0] + (bounds[1] - bounds[0]) * chance

    shaped = dice[0] < mix.shaped
    radial, angular, phase = torch.rand(3, batch, WAVES, device=device).unbind()
    radius = between((RADII[0] ** 2, RADII[1] ** 2), radial).sqrt()
    angle = math.pi * angular
    return Publication(
        strength=strength,
        flat=between(mix.flat, dice[1]).where(shaped, 1.0),
        level=between(mix.level, dice[2]),
        chrominance=between(mix.chrominance, dice[3]).where(shaped, 1.0),
        pilot=AMPLITUDE * (dice[4] < mix.pilot).float(),
        waves=torch.stack([radius * angle.cos(), radius * angle.sin(), 2 * math.pi * phase], 1),
        template=between(mix.template, torch.rand(batch, device=device)),
    )


def publish(hosts: Tensor, residual: Tensor, draw: Publication) -> Tensor:
    """Add a residual and a pilot, and round.

    Args:
        hosts: (B, 3, H, W).
        residual: (B, 3, H, W), immunized minus host, at strength 1.
        draw: For this batch.

    Returns:
        (B, 3, H, W), whole multiples of 1/255; gradients reach `residual`.
    """
    return round_to_8_bits(hosts + added(hosts, residual, draw))


def added(hosts: Tensor, residual: Tensor, draw: Publication) -> Tensor:
    """What `publish` adds, (B, 3, H, W), before anything is rounded."""
    deviation = local_deviation(255 * grey(hosts))
    shaped = shape(_each(draw.strength) * residual, deviation, draw)
    return shaped + pilot(deviation, draw) / 255


def local_deviation(plane: Tensor) -> Tensor:
    """Standard deviation around every pixel of (B, 1, H, W), in a Gaussian window."""
    mean, square = _gaussian(torch.cat([plane, plane * plane], 1)).chunk(2, 1)
    return (square - mean * mean).clamp_min(0).sqrt()


def shape(residual: Tensor, deviation: Tensor, draw: Publication) -> Tensor:
    """Weight a residual: less where nothing varies, less in colour."""
    rise = (deviation / _each(draw.level)).clamp(0, 1)
    gain = torch.lerp(_each(draw.flat), torch.ones_like(rise), rise)
    plain = grey(residual)
    return gain * torch.lerp(plain, residual, _each(draw.chrominance))


def pilot(deviation: Tensor, draw: Publication) -> Tensor:
    """The waves (B, 1, H, W) in grey levels, stronger where more goes on."""
    modulated = (deviation / FULL_DEVIATION).clamp(*MODULATION)
    return _each(draw.pilot) * modulated * pattern(draw.waves, *deviation.shape[2:])


def pattern(waves: Tensor, height: int, width: int) -> Tensor:
    """Plain waves (B, 1, H, W) of unit variance; cos(a + b) as two products of thin matrices."""
    u, v, phase = waves.unbind(1)
    across = 2 * math.pi * u[..., None] * _centres(width, waves.device)
    down = 2 * math.pi * v[..., None] * _centres(height, waves.device) + phase[..., None]
    with torch.autocast(waves.device.type, enabled=False):
        plain = down.cos().mT @ across.cos() - down.sin().mT @ across.sin()
    return plain[:, None] / math.sqrt(waves.shape[2] / 2)


def _centres(size: int, device: torch.device) -> Tensor:
    return torch.arange(size, device=device) + 0.5


def _gaussian(x: Tensor) -> Tensor:
    """Blur (B, C, H, W) as scipy does: borders mirrored with their own pixel repeated."""
    channels, radius = x.shape[1], SPREAD_RADIUS
    kernel = _bell(x.device).expand(channels, 1, 1, -1)
    x = torch.cat([x[..., :radius].flip(3), x, x[..., -radius:].flip(3)], 3)
    x = F.conv2d(x, kernel, groups=channels)
    x = torch.cat([x[:, :, :radius].flip(2), x, x[:, :, -radius:].flip(2)], 2)
    return F.conv2d(x, kernel.mT, groups=channels)


def _each(value: Tensor) -> Tensor:
    """(B,) as one number for each picture."""
    return value[:, None, None, None]


@kept
def _bell(device: torch.device) -> Tensor:
    places = torch.arange(-SPREAD_RADIUS, SPREAD_RADIUS + 1, device=device)
    bell = torch.exp(-0.5 * (places / SPREAD) ** 2)
    return bell / bell.sum()
