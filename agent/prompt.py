"""What a model reads before it chooses: the snapshot and the menu in a few whole words.

Numbers become words on a logarithmic scale, twelve steps to a factor of ten, so that a model with
a vocabulary of some hundred words reads them as well as a large one. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from math import log10
from typing import Final

from chain.types import RATE_SCALE
from compute.port import Lease
from compute.scoring import LABELS
from strategies.port import Action, Snapshot

__all__ = ["LABELS", "prompt_digest", "render", "word"]

HEAD: Final = (
    "You think on rented compute and die when you cannot pay. Sizes are logarithms:"
    " m money, g gas, t time, n count, p percent. Choose one line by its letter.\nstate"
)
TAIL: Final = "\nchoose:\n"
STEPS: Final = 12
"""Words to a factor of ten."""
FLOOR: Final = {"m": 0, "g": 6, "t": 0}
"""Powers of ten below which amounts are one and the same word."""
TOP: Final = {"m": 145, "g": 181, "t": 97, "n": 71, "p": 44}
"""The last word of each scale; all sizes above share it."""
UNITS: Final = {"micro": "m", "wei": "g", "s": "t", "n": "n", "pct": "p"}
MOST: Final = 10**30
"""No logarithm is taken of more: third parties may name any integer."""
MOST_PARAMS: Final = 4
LONGEST_KEY: Final = 24
EXACT: Final = 12
"""Counts up to here are themselves."""
WHOLE: Final = 100
FIFTHS: Final = 5
"""Shares up to the whole go in steps of this."""
SEND_GAS: Final = 150_000
"""What a usual transaction of this life burns."""
FORM: Final = 1
"""Raised when the wording below changes, so that the digest does."""


def render(seen: Snapshot, menu: Sequence[Action]) -> str:
    """Head, one line of state, one line for each action, and the question."""
    lines = (
        f"{label} {' '.join(_action(action))}" for label, action in zip(LABELS, menu, strict=False)
    )
    return "\n".join((" ".join((HEAD, *_state(seen))), *lines)) + TAIL


def prompt_digest() -> str:
    """Names this way of asking; part of the genome."""
    spoken = [
        HEAD,
        TAIL,
        STEPS,
        sorted(FLOOR.items()),
        sorted(TOP.items()),
        sorted(UNITS.items()),
        FORM,
    ]
    return "0x" + hashlib.sha256(repr(spoken).encode()).hexdigest()


def word(scale: str, amount: float) -> str:
    """The word for a size: `m37` is a thousand micro-units; 0 is nothing."""
    if amount < 0:
        return f"minus {word(scale, -amount)}"
    return f"{scale}{min(_STEP[scale](scale, min(amount, MOST)), TOP[scale])}"


def _state(seen: Snapshot) -> Iterator[str]:
    sends = seen.holdings.wei // max(seen.gas_price * SEND_GAS, 1)
    yield from (seen.placing, seen.vitals, "runway", word("t", seen.runway_h * 3600))
    yield from (
        "age",
        word("t", seen.age_s),
        "left",
        word("t", max(seen.horizon_s - seen.age_s, 0)),
    )
    yield from ("money", word("m", seen.holdings.micro), "gas", word("g", seen.holdings.wei))
    yield from ("sends", word("n", sends), "fee", word("g", seen.gas_price))
    yield from ("ether", word("m", seen.eth_price), "burn", word("m", seen.burn))
    yield from _lease(seen.lease, seen.block.at)
    yield from _offer(seen)
    yield from ("idle", word("p", 100 * seen.unleased_s // max(seen.hibernate_max_s, 1)))
    yield from ("pending", word("n", len(seen.in_flight)))
    yield from ("failed", word("n", sum(not outcome.ok for outcome in seen.recent)))
    for outcome in seen.recent[:1]:
        yield from ("last", _key(outcome.key), "ok" if outcome.ok else "bad")
    if seen.holdings.stale:
        yield "stale"


def _lease(lease: Lease | None, now: int) -> Iterator[str]:
    yield "lease"
    if lease is None:
        yield "none"
        return
    yield from (lease.state, "paid", word("t", max(lease.paid_until - now, 0)))
    yield from (
        "ends",
        word("t", max(lease.ends_at - now, 0)),
        "rate",
        word("m", lease.micro_per_hour),
    )


def _offer(seen: Snapshot) -> Iterator[str]:
    """The cheapest offer, and its price in percent of the own lease's."""
    yield "offer"
    best = min(seen.offers, key=lambda offer: offer.rate, default=None)
    if best is None:
        yield "none"
        return
    yield word("m", best.rate * 3600 // RATE_SCALE)
    if seen.lease and seen.lease.rate:
        yield word("p", best.rate * 100 // seen.lease.rate)


def _action(action: Action) -> Iterator[str]:
    yield _key(action.key)
    for name, amount in list(action.params.items())[:MOST_PARAMS]:
        yield word(UNITS.get(name.rsplit("_", 1)[-1], "n"), amount)


def _key(key: str) -> str:
    """Third parties name their actions; a name must not look like another line of the menu."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "." for c in key.lower())
    return plain[:LONGEST_KEY] or "."


def _logarithm(scale: str, amount: float) -> int:
    over = amount / 10 ** FLOOR[scale]
    return 1 + round(STEPS * log10(over)) if over >= 1 else int(amount > 0)


def _count(_: str, amount: float) -> int:
    return int(amount) if amount <= EXACT else EXACT + round(STEPS * log10(amount / EXACT))


def _percent(_: str, amount: float) -> int:
    if amount <= WHOLE:
        return round(amount / FIFTHS)
    return WHOLE // FIFTHS + round(STEPS * log10(amount / WHOLE))


_STEP: Final = {"m": _logarithm, "g": _logarithm, "t": _logarithm, "n": _count, "p": _percent}
