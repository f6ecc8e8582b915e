"""The pilot: faint keyed waves by which a copy's place in its frame is found.

    P(x, y) = A · m(x, y) · sqrt(2 / N) · Σ cos(2π(u_k x + v_k y) + φ_k)      on luminance

x and y are frame pixels, centres at +½; m follows the picture's local deviation, so that the waves
are strong only where they are not seen. Wherever a copy's pixels came to lie, the waves appear in
its spectrum at places that tell its scale and turn, and their phases tell its offset.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.keys.streams import PILOT_WAVES, fractions

Array: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.float64]

WAVES = 48
RADII = (0.10, 0.30)  # cycles a frame pixel
AMPLITUDE = 0.7  # grey levels
FULL_DEVIATION = 8.0  # grey levels of local deviation where the waves have their plain amplitude
MODULATION = (0.35, 2.0)  # bounds of m


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of one key: frequencies in cycles a frame pixel, phases in radians, each (48,)."""

    u: Numbers
    v: Numbers
    phase: Numbers


def waves(root: bytes) -> Waves:
    """Draw the waves of a key.

    Args:
        root: The 32-byte root `pilot` of the key.

    Returns:
        Radii uniform in area between `RADII`, angles in 0..π, phases in 0..2π.
    """
    radial, angular, phase = (fractions(root, PILOT_WAVES, channel, WAVES) for channel in range(3))
    inner, outer = (radius**2 for radius in RADII)
    radius = np.sqrt(inner + (outer - inner) * radial)
    angle = np.pi * angular
    return Waves(radius * np.cos(angle), radius * np.sin(angle), 2 * np.pi * phase)


def pattern(keyed: Waves, height: int, width: int) -> Array:
    """The plain waves on a frame, (h, w), of unit variance."""
    across = np.exp(2j * np.pi * np.outer(np.arange(width) + 0.5, keyed.u))
    down = np.exp(2j * np.pi * np.outer(np.arange(height) + 0.5, keyed.v) + 1j * keyed.phase)
    plain: Array = (np.real(down @ across.T) / np.sqrt(WAVES / 2)).astype(np.float32)
    return plain


def pilot(keyed: Waves, deviation: Array) -> Array:
    """The pilot of one picture, (h, w) grey levels to be added to every channel.

    Args:
        keyed: The key's waves.
        deviation: (h, w), local deviation of the frame's luminance, grey levels.
    """
    strength = (deviation / np.float32(FULL_DEVIATION)).clip(*MODULATION)
    made: Array = np.float32(AMPLITUDE) * strength * pattern(keyed, *deviation.shape)
    return made
