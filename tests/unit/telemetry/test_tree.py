"""The tree is that of RFC 6962, computed here a second way."""

from __future__ import annotations

from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.tree import (
    EMPTY_ROOT,
    Branch,
    Tree,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
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

# Large enough for every shape of the last few peaks.
sizes = st.integers(1, 70)


def k_of(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def by_definition(data: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = k_of(len(data))
    return sha256(b"\x01" + by_definition(data[:k]) + by_definition(data[k:])).digest()


def path_by_definition(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1: PATH(m, D[n])."""
    n = len(data)
    if n == 1:
        return []
    k = k_of(n)
    if m < k:
        return [*path_by_definition(m, data[:k]), by_definition(data[k:])]
    return [*path_by_definition(m - k, data[k:]), by_definition(data[:k])]


def proof_by_definition(m: int, data: list[bytes], *, b: bool = True) -> list[bytes]:
    """RFC 6962, 2.1.2: PROOF(m, D[n]) = SUBPROOF(m, D[n], true)."""
    n = len(data)
    if m == n:
        return [] if b else [by_definition(data)]
    k = k_of(n)
    if m <= k:
        return [*proof_by_definition(m, data[:k], b=b), by_definition(data[k:])]
    return [*proof_by_definition(m - k, data[k:], b=False), by_definition(data[:k])]


def shape_of_inclusion(m: int, n: int) -> str:
    """On which side the nodes of a path stand: all that it says of a size."""
    if n == 1:
        return ""
    k = k_of(n)
    return shape_of_inclusion(m, k) + "r" if m < k else shape_of_inclusion(m - k, n - k) + "l"


def shape_of_consistency(m: int, n: int, *, b: bool = True) -> str:
    if m == n:
        return "" if b else "."
    k = k_of(n)
    if m <= k:
        return shape_of_consistency(m, k, b=b) + "r"
    return shape_of_consistency(m - k, n - k, b=False) + "l"


def data_of(size: int) -> list[bytes]:
    return [n.to_bytes(4, "big") for n in range(size)]


def grown(tree: Tree | Branch, data: list[bytes]) -> Tree | Branch:
    for item in data:
        tree = tree.append(leaf_hash(item))
    return tree


def included(index: int, size: int) -> tuple[bytes, ...]:
    data = data_of(size)
    return grown(inclusion(grown(Tree(), data[:index])), data[index:]).path


def begun(first: int, second: int) -> tuple[bytes, ...]:
    data = data_of(second)
    return grown(consistency(grown(Tree(), data[:first])), data[first:]).path


def flipped(node: bytes, bit: int) -> bytes:
    return (int.from_bytes(node, "big") ^ 1 << bit).to_bytes(32, "big")


def one_bit_off(path: tuple[bytes, ...], bit: int) -> list[tuple[bytes, ...]]:
    return [(*path[:at], flipped(path[at], bit), *path[at + 1 :]) for at in range(len(path))]


def of_other_lengths(path: tuple[bytes, ...], node: bytes) -> list[tuple[bytes, ...]]:
    shorter = [path[:at] + path[at + 1 :] for at in range(len(path))]
    longer = [(*path[:at], node, *path[at:]) for at in range(len(path) + 1)]
    return [*shorter, *longer, path * 2 or (node,), path + (node,) * 80]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_roots_come_out(size):
    assert grown(Tree(), INPUTS[:size]).root.hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Tree().root == EMPTY_ROOT == by_definition([])


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
def test_a_leaf_that_is_followed_has_the_path_of_the_definition(data, size):
    index = data.draw(st.integers(0, size - 1))
    assert list(included(index, size)) == path_by_definition(index, data_of(size))


@given(st.data(), st.integers(2, 70))
def test_a_tree_that_is_followed_has_the_proof_of_the_definition(data, size):
    first = data.draw(st.integers(1, size - 1))
    assert list(begun(first, size)) == proof_by_definition(first, data_of(size))


def test_a_followed_leaf_has_a_path_at_every_size_on_the_way():
    data = data_of(40)
    for index in range(40):
        branch = inclusion(grown(Tree(), data[:index]))
        for size in range(index + 1, 41):
            branch = branch.append(leaf_hash(data[size - 1]))
            assert list(branch.path) == path_by_definition(index, data[:size])
            assert branch.tree.root == by_definition(data[:size])


def test_following_takes_memory_for_one_path_alone():
    branch = inclusion(grown(Tree(), data_of(1000)))
    for n in range(50_000):
        branch = branch.append(leaf_hash(n.to_bytes(4, "big")))
    assert len(branch.known) + len(branch.tree.peaks) <= 2 * (51_000).bit_length()


def test_an_empty_tree_begins_every_log_and_is_not_followed():
    with pytest.raises(ValueError):
        consistency(Tree())


@given(st.data(), sizes, st.integers(0, 255))
def test_a_leaf_can_be_shown_to_be_in_the_tree_and_nothing_else_can(data, size, bit):
    index = data.draw(st.integers(0, size - 1))
    leaf, root = leaf_hash(data_of(size)[index]), by_definition(data_of(size))
    path = included(index, size)
    assert verify_inclusion(leaf, index, size, path, root)
    assert not verify_inclusion(flipped(leaf, bit), index, size, path, root)
    assert not verify_inclusion(leaf, index, size, path, flipped(root, bit))
    for other in (*one_bit_off(path, bit), *of_other_lengths(path, root)):
        assert not verify_inclusion(leaf, index, size, other, root)
    for above in (node_hash(leaf, root), node_hash(root, leaf)):
        assert not verify_inclusion(leaf, index, size, (*path, leaf), above)
    for other in (*range(-1, size + 2), index + 2**64, index - 2**64):
        assert verify_inclusion(leaf, other, size, path, root) == (other == index)


@given(st.data(), sizes, sizes)
def test_a_path_fits_another_size_only_where_it_has_the_same_shape(data, size, other):
    """A path says left or right and no more: size and root must come from one mouth."""
    index = data.draw(st.integers(0, size - 1))
    place = data.draw(st.integers(0, other - 1))
    leaf, root = leaf_hash(data_of(size)[index]), by_definition(data_of(size))
    fits = shape_of_inclusion(index, size) == shape_of_inclusion(place, other)
    assert verify_inclusion(leaf, place, other, included(index, size), root) == fits


@given(st.data(), st.integers(2, 70), st.integers(0, 255))
def test_an_older_tree_can_be_shown_to_begin_a_newer_one_and_nothing_else_can(data, size, bit):
    first = data.draw(st.integers(1, size - 1))
    old, new = by_definition(data_of(size)[:first]), by_definition(data_of(size))
    path = begun(first, size)
    assert verify_consistency(first, size, old, new, path)
    assert not verify_consistency(first, size, flipped(old, bit), new, path)
    assert not verify_consistency(first, size, old, flipped(new, bit), path)
    assert not verify_consistency(first, size, new, old, path)
    for other in (*one_bit_off(path, bit), *of_other_lengths(path, new)):
        assert not verify_consistency(first, size, old, new, other)
    for above in (partial(node_hash, old), lambda node: node_hash(node, old)):
        assert not verify_consistency(first, size, above(old), above(new), (*path, old))
        assert not verify_consistency(first, size, old, above(new), (*path, old))
    for other in range(-1, size + 2):
        fits = 0 < other < size and shape_of_consistency(other, size) == shape_of_consistency(
            first, size
        )
        assert verify_consistency(other, size, old, new, path) == fits


@given(sizes)
def test_a_tree_begins_itself_without_a_word(size):
    root = by_definition(data_of(size))
    assert verify_consistency(size, size, root, root, [])
    assert not verify_consistency(size, size, root, root, [root])
    assert not verify_consistency(size, size, root, bytes(32), [])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 3)])
def test_impossible_sizes_prove_nothing(first, second):
    assert not verify_consistency(first, second, EMPTY_ROOT, EMPTY_ROOT, [])
