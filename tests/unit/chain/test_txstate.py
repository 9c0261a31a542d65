from __future__ import annotations

from itertools import product

import pytest

from chain.txstate import (
    FROZEN,
    MINED,
    NEXT,
    OPEN,
    PENDING,
    QUEUED,
    SETTLED,
    Event,
    State,
    sign,
)
from chain.types import Block, Receipt, Wei


def receipt(number: int, name: str = "a", transaction: str = "t") -> Receipt:
    return Receipt(transaction, Block(1, number, name, 0), True, 21_000, Wei(1))


def test_the_table_says_everything_that_can_happen():
    assert {(state.value, event.value): then.value for (state, event), then in NEXT.items()} == {
        ("queued", "broadcast"): "pending",
        ("queued", "included"): "mined",
        ("queued", "taken"): "frozen",
        ("pending", "broadcast"): "pending",
        ("pending", "included"): "mined",
        ("pending", "taken"): "frozen",
        ("mined", "included"): "mined",
        ("mined", "reorged"): "pending",
        ("mined", "finalized"): "settled",
    }


@pytest.mark.parametrize("state", [SETTLED, FROZEN])
def test_nothing_happens_to_what_has_ended(state):
    assert not [event for event in Event if (state, event) in NEXT]


SEEN = [
    (QUEUED, None, None, None),
    (PENDING, None, None, None),
    (MINED, receipt(5), None, Event.REORGED),
    (QUEUED, None, receipt(5), Event.INCLUDED),
    (PENDING, None, receipt(5), Event.INCLUDED),
    (MINED, receipt(5), receipt(5), None),
    (MINED, receipt(5), receipt(5, "b"), Event.INCLUDED),
    (MINED, receipt(5), receipt(5, "a", "u"), Event.INCLUDED),
    (MINED, receipt(4), receipt(4), Event.FINALIZED),
    (MINED, receipt(4), receipt(4, "b"), Event.INCLUDED),
]


@pytest.mark.parametrize(("state", "known", "seen", "event"), SEEN)
def test_the_receipt_says_what_has_happened(state, known, seen, event):
    assert sign(state, known, seen, head=6, finality=2) == event


@pytest.mark.parametrize(
    ("state", "seen"), list(product(sorted(OPEN | {MINED}), [None, receipt(1), receipt(6)]))
)
def test_whatever_is_seen_is_in_the_table(state: State, seen):
    event = sign(state, receipt(1), seen, head=6, finality=2)
    assert event is None or (state, event) in NEXT
