"""The tree: vectors of Certificate Transparency, the RFC's own definition, and hostile proofs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imuge.registry import merkle

# The eight leaves and roots that implementations of RFC 6962 share.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES.append("606162636465666768696a6b6c6d6e6f")
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LARGEST = 70


def grown(hashes):
    tree = {}
    for index, leaf in enumerate(hashes):
        tree.update(merkle.completed(index, leaf, lambda *place: tree[place]))
    return lambda *place: tree[place]


def leaves(count):
    return [merkle.leaf_hash(bytes([number])) for number in range(count)]


def root_by_definition(hashes):
    """RFC 9162, 2.1.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = max(2**i for i in range(10) if 2**i < len(hashes))
    both = root_by_definition(hashes[:k]) + root_by_definition(hashes[k:])
    return hashlib.sha256(b"\1" + both).digest()


FETCH = grown(leaves(LARGEST))
HASHES = leaves(LARGEST)


@pytest.mark.parametrize("size", range(9))
def test_roots_of_certificate_transparency(size):
    fetch = grown([merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES])
    assert merkle.root(size, fetch).hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots_by_the_rfcs_definition(size):
    assert merkle.root(size, FETCH) == root_by_definition(HASHES[:size])


@given(st.data())
def test_every_leaf_is_proved_and_no_other(data):
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    root, proof = merkle.root(size, FETCH), merkle.inclusion(index, size, FETCH)
    assert merkle.included(HASHES[index], index, size, proof, root)
    other = data.draw(st.integers(-1, size).filter(lambda number: number != index))
    assert not merkle.included(HASHES[index], other, size, proof, root)
    assert not merkle.included(HASHES[index - 1], index, size, proof, root) or size == 1
    assert not merkle.included(HASHES[index], index, size, [*proof, root], root)
    assert not proof or not merkle.included(HASHES[index], index, size, proof[:-1], root)


@given(st.data())
def test_every_beginning_is_proved_and_no_other(data):
    new = data.draw(st.integers(1, LARGEST))
    old = data.draw(st.integers(1, new))
    before, after = merkle.root(old, FETCH), merkle.root(new, FETCH)
    proof = merkle.consistency(old, new, FETCH)
    assert merkle.consistent(old, new, before, after, proof)
    wrong = merkle.root(new + 1, grown(leaves(LARGEST)[::-1] + leaves(1)))
    assert not merkle.consistent(old, new, wrong, after, proof)
    assert not merkle.consistent(old, new, before, wrong, proof)
    if proof:
        assert not merkle.consistent(old, new, before, after, proof[:-1])
        assert not merkle.consistent(old, new, before, after, [*proof, proof[0]])


@pytest.mark.parametrize("index", [-1, 3])
def test_what_is_not_there_is_not_proved(index):
    with pytest.raises(ValueError, match="from 0 to 2"):
        merkle.inclusion(index, 3, FETCH)
    with pytest.raises(ValueError, match="from 1 to 3"):
        merkle.consistency(0, 3, FETCH)


def test_few_nodes_are_needed():
    places = merkle.needed(lambda fetch: merkle.inclusion(12345, 1_000_000, fetch))
    assert len(places) < 40
