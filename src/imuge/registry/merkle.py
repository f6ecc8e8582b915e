"""The Merkle tree of a log: roots, inclusion and consistency proofs (RFC 9162, section 2.1).

    level 2            (2,0)
    level 1      (1,0)      (1,1)
    level 0   (0,0) (0,1) (0,2) (0,3) (0,4)     (0,i) is leaf i

A complete subtree of 2^level leaves is a *node* (level, number). Nodes never change, so a log
keeps them, and everything here asks for the few it needs through `fetch`. A tree whose size is no
power of two is put together from complete subtrees of falling size.

Hashes are 32 bytes, SHA-256; leaves and inner nodes are told apart by a first byte 0 or 1.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]  # level, number
Fetch: TypeAlias = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    """Hash one record's canonical bytes."""
    return hashlib.sha256(b"\0" + content).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees into the one above them."""
    return hashlib.sha256(b"\1" + left + right).digest()


def completed(index: int, leaf: bytes, fetch: Fetch) -> Iterator[tuple[Place, bytes]]:
    """Give the nodes that leaf `index` completes, the leaf itself first, each with its hash."""
    level, number, value = 0, index, leaf
    yield (level, number), value
    while number % 2:
        value = parent(fetch(level, number - 1), value)
        level, number = level + 1, number // 2
        yield (level, number), value


def root(size: int, fetch: Fetch) -> bytes:
    """Hash the first `size` leaves."""
    return _range(0, size, fetch) if size else EMPTY_ROOT


def inclusion(index: int, size: int, fetch: Fetch) -> list[bytes]:
    """Prove that leaf `index` is among the first `size`; nearest neighbour first.

    Raises:
        ValueError: `index` is not in 0..size - 1.
    """
    if not 0 <= index < size:
        raise ValueError(f"expected an index from 0 to {size - 1}, got {index}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range(middle, high, fetch))
            high = middle
        else:
            proof.append(_range(low, middle, fetch))
            low = middle
    return proof[::-1]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether `proof` leads from leaf `index` to the root of `size` leaves (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if number % 2 or number == last:
            value = parent(sibling, value)
            while number % 2 == 0 and number:
                number, last = number >> 1, last >> 1
        else:
            value = parent(value, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and value == expected


def consistency(old: int, new: int, fetch: Fetch) -> list[bytes]:
    """Prove that the tree of `old` leaves is the beginning of that of `new` (2.1.4.1).

    Raises:
        ValueError: `old` is not in 1..new.
    """
    if not 1 <= old <= new:
        raise ValueError(f"expected an older size from 1 to {new}, got {old}")
    proof: list[bytes] = []
    low, high, known = 0, new, True  # known: the old root is what the verifier has
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range(middle, high, fetch))
            high = middle
        else:
            proof.append(_range(low, middle, fetch))
            low, known = middle, False
    return proof[::-1] if known else [_range(low, high, fetch), *proof[::-1]]


def consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that nothing before `old` was changed (2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 1 <= old < new or not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    number, last = old - 1, new - 1
    while number % 2:
        number, last = number >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if number % 2 or number == last:
            before, after = parent(sibling, before), parent(sibling, after)
            while number % 2 == 0 and number:
                number, last = number >> 1, last >> 1
        else:
            after = parent(after, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def needed(question: Callable[[Fetch], object]) -> list[Place]:
    """List the nodes that `question` asks for, so that they can be read in one go."""
    places: list[Place] = []

    def note(level: int, number: int) -> bytes:
        places.append((level, number))
        return b""

    question(note)
    return places


def _range(low: int, high: int, fetch: Fetch) -> bytes:
    """Hash leaves low..high - 1, where `low` is a multiple of the range's size rounded up."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return fetch(level, low >> level)
    middle = low + _split(count)
    return parent(_range(low, middle, fetch), _range(middle, high, fetch))


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1
