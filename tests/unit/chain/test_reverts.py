"""Who said no: a contract, or the node that was asked."""

from __future__ import annotations

import pytest

from chain.errors import NodeRefused
from chain.reverts import is_revert

BY_A_CONTRACT = [
    (3, "execution reverted: no"),
    (-32000, "execution reverted"),
    (-32003, "EVM error OutOfGas"),
    (-32000, "out of gas"),
    (-32603, "EVM error InvalidFEOpcode"),
    (-32000, "invalid opcode: INVALID"),
    (-32000, "invalid jump destination"),
    (-32015, "stack underflow (0 <=> 2)"),
]
BY_THE_NODE = [
    (-32005, "too many requests"),
    (-32000, "header not found"),
    (-32603, "internal error"),
    (-32602, "invalid argument 0"),
]


@pytest.mark.parametrize(("code", "words"), BY_A_CONTRACT)
def test_a_contract_that_breaks_off_says_no(code, words):
    assert is_revert(NodeRefused("eth_call", code, words))


@pytest.mark.parametrize(("code", "words"), BY_THE_NODE)
def test_a_node_that_is_busy_says_nothing_of_it(code, words):
    assert not is_revert(NodeRefused("eth_call", code, words))
