"""Reading word by word gives what reading byte by byte gives, whatever a text says."""

from __future__ import annotations

from random import Random

import pytest

from finetune.vocab import HEAD, TAIL, Tokenizer, reading, words

STRANGE = (
    HEAD + TAIL + TAIL,
    HEAD + " xYou  z\n\nA ü.extend\t3" + TAIL,
    HEAD + "\nchoose:\nchoose:\n",
    HEAD + "  \n hold.waithold.wait",
    HEAD + " " + HEAD,
    HEAD + reading.HEAD + " rates rise" + reading.TAIL,
    HEAD + " x" + reading.TAIL,
    HEAD[:-1] + TAIL,
    TAIL,
    "",
)


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts(text):
    tokenizer = Tokenizer()
    assert tokenizer.encode(text) == tokenizer._spell(text) == tokenizer.encode(text)


def test_texts_thrown_together_from_the_vocabulary():
    dice, tokenizer = Random(5), Tokenizer()
    pieces = [*words(), "\n", " ", "a", "zz", "\r", "é", "You think", "choose:"]
    for _ in range(500):
        text = HEAD + "".join(dice.choice(pieces) for _ in range(dice.randrange(40)))
        assert tokenizer.encode(text) == tokenizer._spell(text)
