"""The contract that checks records judges every path as this package does, honest or not."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from chain import abi
from chain.contracts import signature
from telemetry.tree import Tree, inclusion, leaf_hash, node_hash, verify_inclusion

pytestmark = pytest.mark.anvil

MANY = settings(
    max_examples=250,
    deadline=None,
)
NOWHERE = "0x" + "00" * 20
IS_UNDER = abi.function(signature("LogWitness", "isUnder"))

nodes = st.binary(min_size=32, max_size=32)
records = st.binary(max_size=100)
counters = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 70))


class Contract:
    """A LogWitness that is asked over one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        self._before = self.ask("evm_snapshot")
        code = contracts.artifact("LogWitness")["bytecode"] + NOWHERE[2:].zfill(64)
        [founder, *_] = self.ask("eth_accounts")
        made = self.ask("eth_sendTransaction", {"from": founder, "data": code})
        until = time.monotonic() + 10
        while (receipt := self.ask("eth_getTransactionReceipt", made)) is None:
            assert time.monotonic() < until
        self._address = receipt["contractAddress"]

    def ask(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.load(self._connection.getresponse())["result"]

    def is_under(
        self, record: bytes, seq: int, path: tuple[bytes, ...], size: int, root: bytes
    ) -> bool:
        words = ["0x" + node.hex() for node in path]
        args = ["0x" + record.hex(), seq, words, size, "0x" + root.hex()]
        data = "0x" + (IS_UNDER.selector + abi.encode(IS_UNDER.inputs, args)).hex()
        return bool(int(self.ask("eth_call", {"to": self._address, "data": data}, "latest"), 16))

    def close(self) -> None:
        self.ask("evm_revert", self._before)
        self._connection.close()


@pytest.fixture(scope="module")
def contract(devnet) -> Iterator[Contract]:
    contract = Contract(devnet.url)
    yield contract
    contract.close()


def path_of(said: list[bytes], seq: int) -> tuple[tuple[bytes, ...], bytes]:
    before = reduce(Tree.append, map(leaf_hash, said[:seq]), Tree())
    branch = inclusion(before)
    for record in said[seq:]:
        branch = branch.append(leaf_hash(record))
    return branch.path, branch.tree.root


def judged_alike(contract, record, seq, path, size, root) -> bool:
    ours = verify_inclusion(leaf_hash(record), seq, size, path, root)
    assert contract.is_under(record, seq, path, size, root) == ours
    return ours


def flipped(data: bytes, place: int) -> bytes:
    place %= 8 * len(data)
    return (int.from_bytes(data, "big") ^ 1 << place).to_bytes(len(data), "big")


@MANY
@given(st.lists(records, min_size=1, max_size=70), st.data())
def test_what_is_in_a_log_is_so_for_both(contract, said, data):
    seq = data.draw(st.integers(0, len(said) - 1))
    path, root = path_of(said, seq)
    assert judged_alike(contract, said[seq], seq, path, len(said), root)


@MANY
@given(st.lists(records, min_size=2, max_size=70, unique=True), st.data())
def test_what_was_tampered_with_is_so_for_both(contract, said, data):
    seq = data.draw(st.integers(0, len(said) - 1))
    path, root = path_of(said, seq)
    bit = data.draw(st.integers(0, 800))
    at = data.draw(st.integers(0, len(path) - 1))
    other = data.draw(counters)
    node = data.draw(nodes)
    bent = (*path[:at], flipped(path[at], bit), *path[at + 1 :])
    record = flipped(said[seq], bit) if said[seq] else b"\0"
    size = len(said)
    lies = [
        (record, seq, path, size, root),
        (said[seq - 1], seq, path, size, root),
        (said[seq], seq, bent, size, root),
        (said[seq], seq, path[::-1], size, root) if path != path[::-1] else None,
        (said[seq], seq, path[:at] + path[at + 1 :], size, root),
        (said[seq], seq, (*path[:at], node, *path[at:]), size, root),
        (said[seq], seq, (*path, *[node] * 64), size, root),
        (said[seq], other, path, size, root) if other != seq else None,
        (said[seq], seq, path, size, flipped(root, bit)),
    ]
    for lie in filter(None, lies):
        assert not judged_alike(contract, *lie)
    judged_alike(contract, said[seq], seq, path, other, root)  # may fit: a path says no size


@MANY
@given(records, counters, counters, st.lists(nodes, min_size=64, max_size=64), nodes)
def test_logs_of_any_size_are_climbed_alike(contract, record, one, two, beside, above):
    seq, size = sorted((one, two + 1 if two < 2**64 - 1 else two))
    if seq == size:
        seq, size = 0, size or 1
    root, path = climbed(leaf_hash(record), seq, size, beside)
    assert judged_alike(contract, record, seq, path, size, root)
    assert not judged_alike(contract, record, seq, (*path, above), size, root)
    assert not judged_alike(contract, record, seq, (*path, above), size, node_hash(above, root))
    assert not judged_alike(contract, record, seq, (*path, above), size, node_hash(root, above))


@MANY
@given(records, counters, counters, st.lists(nodes, max_size=70), nodes)
def test_no_nonsense_is_judged_differently(contract, record, seq, size, path, root):
    judged_alike(contract, record, seq, tuple(path), size, root)


def climbed(leaf: bytes, m: int, n: int, beside: list[bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """RFC 6962, 2.1.1, from above: the root over a leaf whose path these nodes are."""
    if n == 1:
        return leaf, ()
    k = 1 << (n - 1).bit_length() - 1
    below, path = climbed(leaf, m, k, beside) if m < k else climbed(leaf, m - k, n - k, beside)
    node = beside[len(path)]
    root = node_hash(below, node) if m < k else node_hash(node, below)
    return root, (*path, node)
