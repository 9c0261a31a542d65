from __future__ import annotations

import pytest

from chain.replies import Reply, best, classify


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("already known", Reply.KNOWN),  # geth
        ("transaction already imported", Reply.KNOWN),  # anvil
        ("AlreadyKnown", Reply.KNOWN),  # nethermind
        ("Known transaction", Reply.KNOWN),  # besu
        ("nonce too low: address 0xab, tx: 1 state: 2", Reply.PASSED),  # geth
        ("OldNonce, Current nonce: 2, nonce of rejected tx: 1", Reply.PASSED),  # nethermind
        ("replacement transaction underpriced", Reply.UNDERPRICED),  # geth, anvil
        ("transaction underpriced: tip needed 1, tip permitted 0", Reply.CHEAP),  # geth
        ("max fee per gas less than block base fee", Reply.CHEAP),  # anvil
        ("insufficient funds for gas * price + value: have 1", Reply.POOR),  # geth
        ("Insufficient funds for gas * price + value", Reply.POOR),  # anvil
        ("invalid chain id for signer", Reply.REFUSED),
        ("", Reply.REFUSED),
    ],
)
def test_every_clients_words_are_understood(words, reply):
    assert classify(words) is reply


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ([], Reply.SILENT),
        ([Reply.SILENT, Reply.ACCEPTED], Reply.ACCEPTED),
        ([Reply.PASSED, Reply.KNOWN], Reply.KNOWN),
        ([Reply.REFUSED, Reply.SILENT], Reply.SILENT),
        ([Reply.POOR, Reply.PASSED], Reply.PASSED),
    ],
)
def test_the_most_telling_reply_counts(said, reply):
    assert best(said) is reply
