"""The Merkle tree of RFC 6962 over a log's records: roots, proofs, and a tree that only grows.

Pure. All functions take leaf hashes; `leaf_hash` makes one from a record's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

EMPTY_ROOT: Final = sha256(b"").digest()
_HASH: Final = 32


def leaf_hash(record: bytes) -> bytes:
    """Hash a record's bytes into a leaf; the prefix keeps leaves and nodes apart."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return sha256(b"\x01" + left + right).digest()


class Tree(NamedTuple):
    """A growing log's tree in few words: the roots of its full subtrees, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Tree:
        """Return the tree with one leaf more; every set low bit of the size merges one peak."""
        peaks, size = list(self.peaks), self.size
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        return Tree(self.size + 1, (*peaks, leaf))

    def extend(self, leaves: Iterable[bytes]) -> Tree:
        """Return the tree with many leaves more; the same as appending each, in less time."""
        peaks, size = list(self.peaks), self.size
        for leaf in leaves:
            node, bits = leaf, size
            while bits & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                bits >>= 1
            peaks.append(node)
            size += 1
        return Tree(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        return _fold(self.peaks) if self.peaks else EMPTY_ROOT

    def dump(self) -> bytes:
        """Return size (uint64, big-endian) and peaks as bytes, to be kept on disk."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def load(cls, data: bytes) -> Tree:
        """Read what `dump` wrote; raises ValueError where size and peaks do not agree."""
        size = int.from_bytes(data[:8], "big")
        if len(data) != 8 + _HASH * size.bit_count():
            raise ValueError("a tree's size and its peaks disagree")
        return cls(size, tuple(data[at : at + _HASH] for at in range(8, len(data), _HASH)))


class Branch(NamedTuple):
    """One node's way up to the root of a tree that goes on growing.

    Within a full subtree nothing changes any more, so what is known of the way stays known; only
    its last steps, over the peaks, are of the moment.
    """

    tree: Tree
    peak: int
    """Which of the tree's peaks stands over the node."""
    known: tuple[bytes, ...] = ()
    """The path as far as that peak."""

    def append(self, leaf: bytes) -> Branch:
        """Return the branch in the tree with one leaf more."""
        tree = self.tree.append(leaf)
        last = len(tree.peaks) - 1
        if self.peak < last:
            return Branch(tree, self.peak, self.known)
        merged = (*self.tree.peaks, leaf)[last:]
        return Branch(tree, last, self.known + _over(merged, self.peak - last))

    @property
    def path(self) -> tuple[bytes, ...]:
        """The nodes beside the way up to the root, as the tree is now."""
        return self.known + _over(self.tree.peaks, self.peak)


def inclusion(tree: Tree) -> Branch:
    """Follow the leaf that comes next; the path proves that it is in there (RFC 6962, 2.1.1)."""
    return Branch(tree, len(tree.peaks))


def consistency(tree: Tree) -> Branch:
    """Follow this tree; the path proves that a larger one begins with it (RFC 6962, 2.1.2)."""
    *others, last = tree.peaks
    return Branch(tree, len(others), (last,) if others else ())


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether `proof` shows that the tree of this size and root holds `leaf` at `index`."""
    if not 0 <= index < size:
        return False
    last, computed = size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            computed = node_hash(sibling, computed)
            while not index & 1 and index:  # a lone right edge rises without a sibling
                index, last = index >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of size `first` is a prefix of that of size `second`."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first.bit_count() == 1:  # a full tree is itself the first node of the path
        path.insert(0, first_root)
    if not path:
        return False
    index, last = first - 1, second - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The one node over these neighbours."""
    *others, node = peaks
    for peak in reversed(others):
        node = node_hash(peak, node)
    return node


def _over(peaks: Sequence[bytes], at: int) -> tuple[bytes, ...]:
    """What is beside peak `at` on its way up: all to its right as one, then each to its left."""
    left, right = peaks[:at], peaks[at + 1 :]
    return (*((_fold(right),) if right else ()), *reversed(left))
