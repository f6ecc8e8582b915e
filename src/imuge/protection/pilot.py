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
from PIL import Image
from scipy import fft, ndimage

from imuge.image.picture import Samples
from imuge.keys.streams import PILOT_WAVES, fractions
from imuge.protection.shaping import luminance

Array: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.float64]
Waveform: TypeAlias = NDArray[np.complex128]

WAVES = 48
RADII = (0.10, 0.30)  # cycles a frame pixel
AMPLITUDE = 0.7  # grey levels
FULL_DEVIATION = 8.0  # grey levels of local deviation where the waves have their plain amplitude
MODULATION = (0.35, 2.0)  # bounds of m

SEARCHED_SIDE = 1024  # pixels of the copy's longer side in which the waves are looked for
FINE, BROAD = 2.0, 6.0  # Gaussians: what is coarser is picture; what is as loud is made equal
CLIP = 3.0  # local deviations that a pixel may have
PADDING = 1.4  # of the transform over the picture, so that peaks between its bins are seen
LOCAL_BINS = 25  # side of the square of bins whose mean power is the noise
CAP = 12.0  # times the noise that one wave may count
NYQUIST = 0.49

# The eight ways in which a frame's axes can lie in a copy, without and with mirroring.
ORIENTATIONS = tuple(
    np.array(matrix, float)
    for matrix in (
        ((1, 0), (0, 1)),
        ((0, 1), (-1, 0)),
        ((-1, 0), (0, -1)),
        ((0, -1), (1, 0)),
        ((-1, 0), (0, 1)),
        ((0, 1), (1, 0)),
        ((1, 0), (0, -1)),
        ((0, -1), (-1, 0)),
    )
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """What of a copy is looked through for waves, computed once for all keys.

    Attributes:
        detail: (h, w), luminance without what is coarse, equally loud everywhere, windowed.
        ratio: Searched pixels for each of the copy's, across and down.
        power: (n, n // 2 + 1), of the transform, rows by columns.
        noise: The same, its local mean.
        excess: The first over the second, at most `CAP`.
        mean: Of the excess.
        spread: Its standard deviation.
        bins: n.
    """

    detail: Array
    ratio: tuple[float, float]
    power: Array
    noise: Array
    excess: Array
    mean: float
    spread: float
    bins: int


def spectrum(pixels: Samples) -> Spectrum:
    """Prepare a copy for the search.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
    """
    plane, ratio = _searched(pixels)
    fine = plane - ndimage.gaussian_filter(plane, FINE)
    loudness = np.sqrt(ndimage.gaussian_filter(fine * fine, BROAD)) + 1
    height, width = fine.shape
    window = np.sqrt(np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]))
    detail = ((fine / loudness).clip(-CLIP, CLIP) * window).astype(np.float32)
    bins = fft.next_fast_len(int(PADDING * max(height, width)), real=True)
    transform = fft.rfft2(detail, (bins, bins))
    power = transform.real**2 + transform.imag**2
    noise = ndimage.uniform_filter(power, LOCAL_BINS, mode="wrap") + np.float32(1e-9)
    excess = np.minimum(power / noise, np.float32(CAP))
    return Spectrum(
        detail=detail,
        ratio=ratio,
        power=power,
        noise=noise,
        excess=excess,
        mean=float(excess.mean()),
        spread=max(float(excess.std()), 1e-9),  # 0 where all is flat
        bins=bins,
    )


def _searched(pixels: Samples) -> tuple[Array, tuple[float, float]]:
    """Luminance in grey levels, at most `SEARCHED_SIDE` long, and how much it was scaled."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, SEARCHED_SIDE / max(height, width))
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels, np.uint8))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return luminance(np.asarray(image, np.float32)), (size[0] / width, size[1] / height)


def power_at(values: Array, bins: int, across: Numbers, down: Numbers) -> Array:
    """Values of a half spectrum at frequencies in cycles a pixel, nearest bin."""
    flip = np.where(across < 0, -1.0, 1.0)
    column = np.rint(flip * across * bins).astype(int).clip(0, values.shape[1] - 1)
    row = np.rint(flip * down * bins).astype(int) % bins
    picked: Array = values[row, column]
    return picked


def amplitudes(seen: Spectrum, keyed: Waves, matrix: Numbers, offset: Numbers) -> Waveform:
    """Complex amplitude of every wave, its own phase taken out, in units of the noise.

    Where the placement is right all of them are real and positive; where it is off by a shift δ
    in frame pixels they turn by 2π f·δ.

    Args:
        seen: The copy's spectrum.
        keyed: The key's waves.
        matrix: (2, 2), frame pixels for each of the copy's.
        offset: (2,), frame position of the copy's corner.

    Returns:
        (48,), 0 for waves that such a small copy cannot show.
    """
    height, width = seen.detail.shape
    whole = cell_amplitudes(
        seen, keyed, matrix, offset, np.array([0, height]), np.array([0, width])
    )
    return without_shouting(whole[0, 0])


def cell_amplitudes(
    seen: Spectrum,
    keyed: Waves,
    matrix: Numbers,
    offset: Numbers,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> Waveform:
    """The same in every cell of a grid; the amplitudes of several cells add up.

    Args:
        seen: The copy's spectrum.
        keyed: The key's waves.
        matrix: As for `amplitudes`.
        offset: As for `amplitudes`.
        rows: Where the cells' rows begin and the last ends, searched pixels.
        columns: The same across.

    Returns:
        (rows of cells, columns of cells, 48), as they are: the strongest may outshout the others.
    """
    g = np.array([keyed.u, keyed.v]).T @ (matrix / np.array(seen.ratio))  # cycles a searched pixel
    height, width = seen.detail.shape
    along = np.exp(-2j * np.pi * np.outer(np.arange(width) + 0.5, g[:, 0])).astype(np.complex64)
    down = np.exp(-2j * np.pi * np.outer(np.arange(height) + 0.5, g[:, 1])).astype(np.complex64)
    both = np.hstack([along.real, along.imag])  # one product of real matrices
    found: Waveform = np.empty((len(rows) - 1, len(columns) - 1, WAVES), np.complex128)
    for j in range(len(columns) - 1):
        part = slice(columns[j], columns[j + 1])
        lines = seen.detail[:, part] @ both[part]
        turned = down * (lines[:, :WAVES] + 1j * lines[:, WAVES:])
        found[:, j] = np.add.reduceat(turned, rows[:-1])
    found *= np.exp(-1j * (keyed.phase + 2 * np.pi * (keyed.u * offset[0] + keyed.v * offset[1])))
    visible = np.abs(g).max(1) < NYQUIST
    found *= visible / np.sqrt(power_at(seen.noise, seen.bins, g[:, 0], g[:, 1]))
    return found


def without_shouting(found: Waveform) -> Waveform:
    """Amplitudes (48,) in which none outshouts the others: where one does it is the picture's."""
    size = np.abs(found)
    if not size.any():
        return found
    loudest = 3 * np.median(size[size > 0])
    quiet: Waveform = found * np.minimum(1, loudest / np.maximum(size, 1e-12))
    return quiet


def coherence(seen: Waveform) -> float:
    """How well the waves' amplitudes agree with a placement, in standard deviations."""
    energy = float((np.abs(seen) ** 2).sum())
    return float(seen.real.sum()) / np.sqrt(energy / 2) if energy > 0 else 0.0


def shifts(
    seen: Waveform, keyed: Waves, across: Numbers, down: Numbers, *, most: int = 3
) -> list[tuple[float, float, float]]:
    """The shifts under which the waves agree best: (standard deviations, x, y), best first.

    Args:
        seen: Amplitudes as `amplitudes` gives them.
        keyed: The key's waves.
        across: Shifts to try along x, evenly spaced, frame pixels.
        down: The same along y.
        most: How many, from different places.
    """
    plain = np.sqrt(max(float((np.abs(seen) ** 2).sum()), 1e-12) / 2)
    wide = seen[:, None] / plain * np.exp(-2j * np.pi * np.outer(keyed.u, across))
    high = np.exp(-2j * np.pi * np.outer(down, keyed.v))
    # The real part alone: one product of real matrices.
    fit = np.hstack([high.real, -high.imag]).astype(np.float32) @ np.vstack(
        [wide.real, wide.imag]
    ).astype(np.float32)
    near = max(1, round(3 / max(across[1] - across[0], 1e-3))) if len(across) > 1 else 1
    found = []
    for _ in range(most):
        row, column = np.unravel_index(np.argmax(fit), fit.shape)
        found.append((float(fit[row, column]), float(across[column]), float(down[row])))
        fit[
            max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1
        ] = -np.inf
    return found
