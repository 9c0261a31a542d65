"""The tree is that of RFC 6962, computed here a second way."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.tree import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The inputs and roots that implementations of Certificate Transparency test with.
INPUTS = [
    bytes.fromhex(text)
    for text in [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

sizes = st.integers(1, 70)


def by_definition(data: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + by_definition(data[:k]) + by_definition(data[k:])).digest()


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(n.to_bytes(4, "big")) for n in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_roots_come_out(size):
    assert root_of([leaf_hash(data) for data in INPUTS[:size]]).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Tree().root == EMPTY_ROOT == by_definition([])
    assert root_of([]) == EMPTY_ROOT


@given(st.lists(st.binary(max_size=8), max_size=80))
def test_growing_leaf_by_leaf_gives_the_root_of_the_definition(data):
    tree = Tree()
    for at, item in enumerate(data, 1):
        tree = tree.append(leaf_hash(item))
        assert tree.size == at
    assert tree.root == by_definition(data)
    assert Tree.load(tree.dump()) == tree


@pytest.mark.parametrize("data", [b"", b"\0" * 7, (1).to_bytes(8, "big"), bytes(40)])
def test_a_tree_whose_parts_disagree_is_not_loaded(data):
    if len(data) == 8 + 32 * int.from_bytes(data[:8], "big").bit_count():
        pytest.skip("this one agrees")
    with pytest.raises(ValueError, match="disagree"):
        Tree.load(data)


@given(st.data(), sizes)
def test_every_leaf_can_be_shown_to_be_in_the_tree(data, size):
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    root, proof = root_of(leaves), inclusion_proof(leaves, index)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
    assert not verify_inclusion(leaves[index], size, size, proof, root)
    for at in range(len(proof)):
        broken = [*proof[:at], bytes(32), *proof[at + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, broken, root)
        assert not verify_inclusion(leaves[index], index, size, proof[:at], root)


@given(st.data(), sizes)
def test_an_older_tree_can_be_shown_to_be_a_beginning_of_a_newer_one(data, size):
    leaves = leaves_of(size)
    first = data.draw(st.integers(1, size))
    old, new, proof = root_of(leaves[:first]), root_of(leaves), consistency_proof(leaves, first)
    assert verify_consistency(first, size, old, new, proof)
    assert not verify_consistency(first, size, old, new, [*proof, new])
    assert not verify_consistency(first, size, bytes(32), new, proof)
    assert not verify_consistency(first, size, old, bytes(32), proof)
    for at in range(len(proof)):
        broken = [*proof[:at], bytes(32), *proof[at + 1 :]]
        assert not verify_consistency(first, size, old, new, broken)
        assert not verify_consistency(first, size, old, new, proof[:at])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 3)])
def test_impossible_sizes_prove_nothing(first, second):
    assert not verify_consistency(first, second, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(IndexError):
        consistency_proof(leaves_of(3), first)


def test_proofs_of_leaves_that_are_not_there_are_not_made():
    with pytest.raises(IndexError):
        inclusion_proof(leaves_of(3), 3)
