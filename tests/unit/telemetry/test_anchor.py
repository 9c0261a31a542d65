"""What the registry is told."""

from __future__ import annotations

import pytest

from chain.types import Address
from telemetry.anchor import anchor_call, due, end_call, serve_call
from telemetry.checkpoint import Head

REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
HEAD = Head(7, 3, 40, bytes([1]) * 32, bytes([2]) * 32)
DIGEST = bytes([3]) * 32


def test_calls_are_plain_data_a_person_can_read():
    anchor = anchor_call(REGISTRY, HEAD, DIGEST)
    assert anchor.function == "anchor(uint256,uint64,uint64,bytes32,bytes32)"
    assert anchor.args == (7, 3, 40, "0x" + "01" * 32, "0x" + "03" * 32)
    end = end_call(REGISTRY, "horizon", HEAD, DIGEST)
    assert end.function == "end(uint256,uint8,uint64,uint64,bytes32,bytes32)"
    assert end.args == (7, 2, 3, 40, "0x" + "01" * 32, "0x" + "03" * 32)
    assert serve_call(REGISTRY, 7, "http://a").args == (7, "http://a")
    assert {call.to for call in (anchor, end)} == {REGISTRY}


@pytest.mark.parametrize(
    ("head", "anchored", "every", "in_flight", "expected"),
    [
        (None, None, 1, False, False),
        (HEAD, None, 4, False, True),
        (HEAD, None, 5, False, False),
        (HEAD, 3, 1, False, False),
        (HEAD, 2, 1, False, True),
        (HEAD, 2, 1, True, False),
        (HEAD, 1, 3, False, False),
        (HEAD, 0, 3, False, True),
    ],
)
def test_an_anchor_is_due_every_so_many_epochs_one_at_a_time(
    head, anchored, every, in_flight, expected
):
    assert due(head, anchored, every, in_flight=in_flight) is expected
