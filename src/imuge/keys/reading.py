"""What revealed template channels say about a key: presence, message and layout.

    revealed (6) ─┬─ 0-1 × signs ── S_b, V_b ─┬─ T = Σ S_b²/V_b ── presence p
                  │                           └─ trust ── bits, flips ── message with a valid tag
                  └─ 2-5 = signs? ── fair-coin test ── layout p

Without protection the keyed signs are fair and independent of the picture, so T is close to
chi-squared with one degree of freedom a bit, whatever the values (correlated, heavy-tailed) are.
Few observations a bit make T lighter-tailed than that, which errs on the safe side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imuge.keys.key import Key
from imuge.keys.message import CONTENT_BYTES, MESSAGE_BITS, TAG_BITS, Message, tag
from imuge.keys.template import (
    BEACON_CHANNELS,
    LAYOUT_CHANNELS,
    PLAIN_SCALES,
    TEMPLATE_CHANNELS,
    beacon,
    beacon_signs,
    bit_numbers,
    layout_cells,
)

PRESENCE_THRESHOLD = 1e-6  # corrected p below which the message is looked at
CLAMP = 2.0  # revealed values count up to this, so that no block outweighs the others
NEAR = 9  # blocks on a side of the square whose agreement tells how far to trust its middle
CANDIDATES = 2**15  # messages whose tags are tried, likeliest first
P_FLOOR = 1e-300  # keeps p and its products positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the beacon of one picture says under one key."""

    present: bool  # presence_p is below PRESENCE_THRESHOLD
    presence_p: float  # chance of so strong a beacon without protection, corrected
    message: Message | None  # None where none had a valid tag
    tag_p: float | None  # chance that a tag fits so early by accident, corrected; None without
    identity_p: float | None  # chance of both at once, corrected once; None without a message
    flips: int  # hard decisions that were reversed until the tag fitted
    agreement: float  # fraction of beacon signs as the message has them; see `read`
    hypotheses: int  # keys times geometries that the p-values are corrected for

    @property
    def image_id(self) -> int | None:
        """The id in the message; None without a message."""
        return None if self.message is None else self.message.image_id


def read(
    key: Key,
    revealed: NDArray[np.float32],
    *,
    valid: NDArray[np.bool_] | None = None,
    hypotheses: int = 1,
    offset: tuple[int, int] = (0, 0),
) -> Reading:
    """Test for the key's beacon and, where it is there, decode the message.

    Args:
        key: Full or verify-only.
        revealed: (6, rows, columns), about ±1 where protected; NaN and 0 are no observation.
        valid: (rows, columns); False leaves a block out. None uses all blocks.
        hypotheses: Keys times geometries tried on this picture, 1 or more.
        offset: Row and column of the first block in the whole picture's grid, for a window.

    Returns:
        The reading. Its `agreement` is taken with the message whose tag fitted; without one, with
        the hard decisions, which lifts it above one half even on noise: a description, not a test.
        The message's geometry is as it was written: whether there can be such a frame, and whether
        the picture is a copy of it, is for the caller to judge.

    Raises:
        ValueError: an array has another shape, or a number is out of range.
    """
    if hypotheses < 1:
        raise ValueError(f"at least one hypothesis is tried, got {hypotheses}")
    products, numbers = _beacon_products(key, revealed, valid, offset)
    sums, energies = _soft_sums(products, numbers)
    presence_p = min(1.0, _presence(sums, energies) * hypotheses)
    present = presence_p < PRESENCE_THRESHOLD
    decoded = None
    if present:
        sums = _trusted_sums(products, numbers, sums)
        decoded = _decode(key, sums)
    bits = sums < 0
    if decoded is not None:
        bits[decoded.flipped] ^= True
    tag_p = None if decoded is None else decoded.tried / 2**TAG_BITS
    return Reading(
        present=present,
        presence_p=presence_p,
        message=None if decoded is None else decoded.message,
        tag_p=None if tag_p is None else min(1.0, tag_p * hypotheses),
        identity_p=None if tag_p is None else presence_p * tag_p,
        flips=0 if decoded is None else len(decoded.flipped),
        agreement=_agreement(products, np.where(bits, -1, 1)[numbers])[0],
        hypotheses=hypotheses,
    )


def guessed_beacon(
    key: Key,
    revealed: NDArray[np.float32],
    *,
    valid: NDArray[np.bool_] | None = None,
    offset: tuple[int, int] = (0, 0),
) -> NDArray[np.float32]:
    """Give the beacon with the likeliest bits, for a picture whose message cannot be read yet.

    Most are right where a beacon is present, so it tells where blocks lie; as evidence it is worth
    nothing, since on noise it agrees with what it was made of, too.

    Args:
        key: Full or verify-only.
        revealed: (6, rows, columns), as for `read`.
        valid: (rows, columns); False leaves a block out. None uses all blocks.
        offset: Row and column of the first block in the whole picture's grid, for a window.

    Returns:
        (2, rows, columns) of +1 and -1.
    """
    products, numbers = _beacon_products(key, revealed, valid, offset)
    bits = _soft_sums(products, numbers)[0] < 0
    return beacon(key, bits.astype(np.int8), *products.shape[1:], offset=offset)


def layout_agreement(
    key: Key,
    image_id: int,
    revealed: NDArray[np.float32],
    valid: NDArray[np.bool_] | None = None,
    *,
    scales: Sequence[int] = PLAIN_SCALES,
    offset: tuple[int, int] = (0, 0),
) -> tuple[float, float]:
    """Test whether channels 2-5 are those of one picture: a fair-coin test without any search.

    Blocks that share a sign are one toss, not many: their values are added up first.

    Args:
        key: Full or verify-only.
        image_id: The picture's id.
        revealed: (6, rows, columns); NaN and 0 are no observation.
        valid: (rows, columns); False leaves a block out. None uses all blocks.
        scales: How many blocks on a side share a sign, for each of the six channels.
        offset: Row and column of the first block in the whole picture's grid, for a window.

    Returns:
        The fraction of signs that agree (0.5 where there are none), and the probability of so
        many or more by chance, at least 1e-300.

    Raises:
        ValueError: an array has another shape, or a number is out of range.
    """
    values = _observations(revealed, valid)
    rows, columns = values.shape[1:]
    expected = layout_cells(key, image_id, rows, columns, scales=scales, offset=offset)
    tosses = [_cell_sums(values[c], scales[c], offset).ravel() for c in LAYOUT_CHANNELS]
    signs = np.concatenate([cells.ravel() for cells in expected])
    agreement, agreeing, observed = _agreement(np.concatenate(tosses), signs)
    # P(at least k of n) as a regularized incomplete beta function, exact far into the tail.
    p = special.betainc(agreeing, observed - agreeing + 1, 0.5) if agreeing else 1.0
    return agreement, max(P_FLOOR, float(p))


def _beacon_products(
    key: Key,
    revealed: NDArray[np.float32],
    valid: NDArray[np.bool_] | None,
    offset: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The beacon's values times its signs, and which bit each carries, (2, rows, columns)."""
    values = _observations(revealed, valid)[list(BEACON_CHANNELS)]
    rows, columns = values.shape[1:]
    numbers = bit_numbers(key, rows, columns, offset=offset)
    return values * beacon_signs(key, rows, columns, offset=offset), numbers


def _observations(
    revealed: NDArray[np.float32], valid: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """Check the arrays; give the values with NaN and what is not valid set to 0."""
    if revealed.ndim != 3 or revealed.shape[0] != TEMPLATE_CHANNELS:
        raise ValueError(f"expected revealed channels (6, rows, columns), got {revealed.shape}")
    values = np.nan_to_num(revealed.astype(np.float64), nan=0.0)
    if valid is None:
        return values
    if valid.shape != revealed.shape[1:]:
        raise ValueError(f"expected a mask of {revealed.shape[1:]} blocks, got {valid.shape}")
    return np.where(valid, values, 0.0)


def _cell_sums(
    values: NDArray[np.float64], scale: int, offset: tuple[int, int]
) -> NDArray[np.float64]:
    """Add up the clamped values of each cell of scale x scale blocks that a window touches."""
    sums = values.clip(-CLAMP, CLAMP)
    for axis, first in enumerate(offset):
        starts = np.arange(-(first % scale), sums.shape[axis], scale).clip(0)
        sums = np.add.reduceat(sums, starts, axis=axis) if sums.size else sums
    return sums


def _soft_sums(
    products: NDArray[np.float64], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up value × sign and value² for each of the 96 bits."""
    clamped = products.clip(-CLAMP, CLAMP).ravel()
    places = numbers.ravel()
    sums = np.bincount(places, weights=clamped, minlength=MESSAGE_BITS)
    energies = np.bincount(places, weights=clamped**2, minlength=MESSAGE_BITS)
    return sums.astype(np.float64), energies.astype(np.float64)


def _trusted_sums(
    products: NDArray[np.float64], numbers: NDArray[np.int64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up again, where the neighbours of a block say what their bits say: not in an edit.

    The sums are no evidence of presence any more, since the bits were chosen to agree.
    """
    clamped = products.clip(-CLAMP, CLAMP)
    agreeing = (clamped * np.where(sums < 0, -1.0, 1.0)[numbers]).sum(0)
    observed = (products != 0).sum(0).astype(np.float64)
    around, counted = (
        ndimage.uniform_filter(one, NEAR, mode="constant") * NEAR**2 - one
        for one in (agreeing, observed)
    )
    trust = (around / np.maximum(counted, 1)).clip(0, 1)
    return _soft_sums(clamped * trust, numbers)[0]


def _certainties(sums: NDArray[np.float64], energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """|S_b|/sqrt(V_b) of each bit; 0 for a bit without observations."""
    observed = energies > 0
    return np.where(observed, np.abs(sums) / np.sqrt(np.where(observed, energies, 1.0)), 0.0)


def _presence(sums: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    """Chi-squared tail of T over the bits that were observed, uncorrected."""
    freedom = int(np.count_nonzero(energies))
    if freedom == 0:
        return 1.0
    statistic = float((_certainties(sums, energies) ** 2).sum())
    return max(P_FLOOR, float(special.gammaincc(freedom / 2, statistic / 2)))


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A message whose tag is valid."""

    message: Message
    flipped: list[int]  # numbers of the bits that were reversed
    tried: int  # messages, this one included


def _decode(key: Key, sums: NDArray[np.float64]) -> _Decoded | None:
    """Find the likeliest message with a valid tag: that which gives up least of the sums."""
    order = np.abs(sums).argsort(kind="stable")
    hard = int.from_bytes(np.packbits(sums < 0).tobytes(), "big")
    root_auth = key.root("auth")
    masks = [1 << (MESSAGE_BITS - 1 - int(bit)) for bit in order]
    reversals = islice(_cheapest(np.abs(sums)[order].tolist(), masks), CANDIDATES)
    for tried, reversal in enumerate(reversals, start=1):
        spelled = (hard ^ reversal).to_bytes(MESSAGE_BITS // 8, "big")
        content = spelled[:CONTENT_BYTES]
        if tag(root_auth, content) == spelled[CONTENT_BYTES:]:
            flipped = [int(bit) for bit, mask in zip(order, masks, strict=True) if reversal & mask]
            return _Decoded(Message.unpack(content), flipped, tried)
    return None


def _cheapest(costs: Sequence[float], masks: Sequence[int]) -> Iterator[int]:
    """Every choice of masks, as their sum, whose costs rise: the cheapest choice first."""
    yield 0
    waiting = [(costs[0], 0, masks[0])]
    while waiting:
        cost, last, chosen = heappop(waiting)
        yield chosen
        following = last + 1
        if following < len(costs):
            more, added = cost + costs[following], chosen | masks[following]
            heappush(waiting, (more, following, added))
            heappush(waiting, (more - costs[last], following, added ^ masks[last]))


def _agreement(
    values: NDArray[np.float64], expected: NDArray[np.signedinteger]
) -> tuple[float, int, int]:
    """Count the signs that agree: fraction (0.5 where there are none), agreeing, observed."""
    observed = int(np.count_nonzero(values))
    agreeing = int(np.count_nonzero(values * expected > 0))
    return (agreeing / observed if observed else 0.5), agreeing, observed
