"""The small model's vocabulary: every byte, every size, and the words its prompts are made of.

The longest entry that fits is taken, again and again; llama.cpp's `rwkv` tokenizer does the same.
As all bytes are entries, any text can be read, and the labels A–Z are bytes of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from string import ascii_lowercase
from typing import Any, Final

from agent.prompt import HEAD, TAIL, TOP
from compute.port import LeaseState
from strategies import reading
from strategies.port import Placing, Vitals
from world.headlines import words as news

SIZE: Final = 1152
KEYS: Final = (
    *("hold.wait", "keeper.work"),
    *("thrift.extend", "thrift.open", "thrift.close", "thrift.refuel"),
    *("saver.put", "saver.take", "trader.buy", "trader.sell", "merchant.price"),
    *("forecaster.stake", "forecaster.claim"),
)
STATE: Final = (
    *("runway", "age", "left", "money", "gas", "sends", "fee", "ether", "burn", "lease", "none"),
    *("paid", "ends", "rate", "offer", "idle", "pending", "failed", "last", "ok", "bad", "stale"),
    *("minus", *Placing, *Vitals, *LeaseState),
)
VERBS: Final = (
    *("wait", "work", "extend", "open", "close", "refuel", "buy", "sell", "serve", "pay", "ask"),
    *("swap", "claim", "lend", "repay", "stake", "bid", "trade", "deliver", "quote", "move"),
)
"""Likely parts of other people's keys."""
COMMON: Final = "etaoinshrdlc"
"""Pairs that start or end in these spell the rest of such names in half as many steps."""


WORDS: Final = re.compile(f"^{re.escape(HEAD)}|{re.escape(TAIL)}| ?[^ \\n]+| |\\n")
ELSEWHERE: Final = (HEAD, reading.HEAD, reading.TAIL)
MOST_KNOWN: Final = 50_000
"""Others' words are without number."""


def scale_words() -> Iterator[tuple[str, int, str]]:
    """Scale, size and word, e.g. `("m", 37, " m37")`."""
    for scale, top in TOP.items():
        for size in range(top + 1):
            yield scale, size, f" {scale}{size}"


def words() -> tuple[str, ...]:
    """All entries that are longer than a byte, in order of their tokens."""
    spaced = (f" {word}" for word in dict.fromkeys((*STATE, *KEYS, *news())))
    questions = (HEAD, TAIL, reading.HEAD, reading.TAIL)
    named = (*questions, *spaced, *(word for *_, word in scale_words()))
    parts = (f".{verb}" for verb in VERBS)
    pairs = (a + b for a, b in product(COMMON, ascii_lowercase))
    return tuple(dict.fromkeys((*named, *parts, *pairs)))[: SIZE - 256]


def entries() -> tuple[bytes, ...]:
    """The vocabulary; a token is an index into it."""
    known = (*(bytes([byte]) for byte in range(256)), *(word.encode() for word in words()))
    return (*known, *(f" (unused {n})".encode() for n in range(SIZE - len(known))))


class Tokenizer:
    """Longest match over a tree of bytes, remembered word by word.

    No entry but a question goes beyond a word, so a prompt of ours is read in its words.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[int]] = {}
        self._root: dict[int, Any] = {}
        for token, entry in enumerate(entries()):
            node = self._root
            for byte in entry:
                node = node.setdefault(byte, {})
            node[-1] = token

    def encode(self, text: str) -> list[int]:
        if not text.startswith(HEAD) or any(each in text[1:] for each in ELSEWHERE):
            return self._spell(text)
        tokens: list[int] = []
        for word in WORDS.findall(text):
            found = self._known.get(word)
            if found is None:
                found = self._spell(word)
                if len(self._known) < MOST_KNOWN:
                    self._known[word] = found
            tokens += found
        return tokens

    def _spell(self, text: str) -> list[int]:
        raw = text.encode()
        tokens: list[int] = []
        at = 0
        while at < len(raw):
            token, at = self._longest(raw, at)
            tokens.append(token)
        return tokens

    def _longest(self, raw: bytes, at: int) -> tuple[int, int]:
        node: Mapping[int, Any] = self._root
        token, end = -1, at
        while at < len(raw) and (child := node.get(raw[at])) is not None:
            node, at = child, at + 1
            if -1 in node:
                token, end = node[-1], at
        return token, end
