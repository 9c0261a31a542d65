"""Headlines and what they mean for a price: a small language with an exact meaning. Pure.

    aldine, wary market: not to raise forecast sharply, although oil to fall, analysts say
    └ about └ mood       └ hand └ deed         └ degree └ the lesser side     └ of no account

What a headline is worth is a product of things of which no single word tells. Hands weaken a deed
or turn it around (`may`, `not to`); what is raised matters as much as that it is; two small words
tell the buyer from the bought; what oil does to a company depends on the company; a hopeful market
has good news in its prices, cheaper money above all; of two deeds the one after `although` counts
little, and what others do `while` this happens counts nothing. A bag of words sees a part of it,
whoever minds the order of words sees more.

Only uniform draws are used, so that no version of Python changes what is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

FLYER, DRILLER, BUILDER, LENDER = "flyer", "driller", "builder", "lender"
COMPANIES: Final[Mapping[str, str]] = {
    "aldine": FLYER,
    "egret": FLYER,
    "corvel": DRILLER,
    "fathom": DRILLER,
    "brenmoor": BUILDER,
    "garnet": BUILDER,
    "dunlin": LENDER,
    "harrow": LENDER,
}
"""Of no world but this one; what they do for a living is never said."""
MOODS: Final = ("hopeful", "wary")
RAISED: Final = {"forecast": 0.65, "dividend": 0.45, "costs": -0.5, "debt": -0.4}
WON: Final = {"order": 0.6, "lawsuit": 0.5, "patent": 0.45}
DEALS: Final = {
    "buy": -0.45,
    "be bought by": 0.8,
    "sue": 0.2,
    "be sued by": -0.6,
    "outbid": 0.45,
    "be outbid by": -0.5,
}
OIL: Final = {FLYER: -0.6, DRILLER: 0.7, BUILDER: -0.2, LENDER: 0.0}
"""What dearer oil does."""
RATES: Final = {FLYER: -0.25, DRILLER: -0.1, BUILDER: -0.7, LENDER: 0.6}
"""What dearer money does."""
HANDS: Final = {
    "to": (1.0, 50),
    "said to": (0.7, 12),
    "may": (0.5, 12),
    "not to": (-0.7, 10),
    "may not": (-0.35, 4),
    "fails to": (-1.0, 6),
    "never fails to": (1.0, 6),
}
"""What they make of a deed, and how often of a hundred they are used."""
DEGREES: Final = {"": (1.0, 50), " slightly": (0.4, 25), " sharply": (1.5, 25)}
MACRO, RAISING, WINNING = 0.2, 0.5, 0.25
"""How often the world around is told of; of a company's own deeds, which; the rest are deals."""
LESSER: Final = 0.3
"""What the side after `although` counts."""
SIDED, BESIDE, FILLED = 0.35, 0.3, 0.3
"""How often there is such a side, something beside the point, a filler."""
FILLERS: Final = ("analysts say", "on a slow day", "in late trade")
MOST: Final = 0.85
"""No news is worth more, as a share of the span."""


class Headline(NamedTuple):
    """A text, and the return that follows on average, as a share of the span."""

    text: str
    effect: float


class Deed(NamedTuple):
    """What is or is not done: by whom if not by the company, in which words, to what effect."""

    subject: str
    words: str
    effect: float


def headline(dice: Random, mood: str) -> Headline:
    """One text about one company in such a market."""
    about = _of(dice, tuple(COMPANIES))
    degree, strength = _weighted(dice, DEGREES)
    deed = _deed(dice, about)
    main, effect = _clause(dice, deed, mood)
    text, effect = main + degree, effect * strength
    if dice.random() < SIDED:
        while (other := _deed(dice, about)).words == deed.words:
            pass
        side, lesser = _clause(dice, other, mood)
        effect += LESSER * lesser
        before = dice.random() < 0.5  # noqa: PLR2004  # as often as after
        text = f"although {side}, {text}" if before else f"{text}, although {side}"
    if dice.random() < BESIDE:
        rival = _rival(dice, about)
        text += f", while {rival} {_clause(dice, _own_deed(dice, rival), mood)[0]}"
    if dice.random() < FILLED:
        text += f", {_of(dice, FILLERS)}"
    return Headline(f"{about}, {mood} market: {text}", max(-MOST, min(MOST, effect)))


def words() -> tuple[str, ...]:
    """Every word and mark that a headline may have, for whoever makes a vocabulary."""
    told = (
        *COMPANIES,
        *MOODS,
        *(*RAISED, *WON, *DEALS, *HANDS, *DEGREES, *FILLERS),
        *("oil rates rise fall raise cut win lose market although while", ",", ":"),
    )
    return tuple(dict.fromkeys(tokens(" ".join(told))))


def tokens(text: str) -> list[str]:
    """A headline in words and marks."""
    return re.findall(r"[a-z]+|[,:]", text)


def _clause(dice: Random, deed: Deed, mood: str) -> tuple[str, float]:
    """What is said of a deed, and what that is worth to such a market."""
    hand, turn = _weighted(dice, HANDS)
    effect = turn * deed.effect
    if mood == "wary":
        effect *= 1.2 if effect > 0 else 0.8
    elif deed.subject == "rates" and turn * (1 if deed.words == "rise" else -1) < 0:
        effect *= -0.6  # cheaper money was expected, and this was all of it
    else:
        effect *= 0.5 if effect > 0 else 1.2
    return f"{deed.subject} {hand} {deed.words}".strip(), effect


def _deed(dice: Random, about: str) -> Deed:
    """Of the company itself, or of the world around it."""
    if dice.random() >= MACRO:
        return _own_deed(dice, about)
    subject, weights = _of(dice, (("oil", OIL), ("rates", RATES)))
    verb, sign = _of(dice, (("rise", 1), ("fall", -1)))
    return Deed(subject, verb, sign * weights[COMPANIES[about]])


def _own_deed(dice: Random, about: str) -> Deed:
    kind = dice.random()
    if kind < RAISING:
        verb, sign = _of(dice, (("raise", 1), ("cut", -1)))
        thing = _of(dice, tuple(RAISED))
        return Deed("", f"{verb} {thing}", sign * RAISED[thing])
    if kind < RAISING + WINNING:
        verb, sign = _of(dice, (("win", 1), ("lose", -1)))
        thing = _of(dice, tuple(WON))
        return Deed("", f"{verb} {thing}", sign * WON[thing])
    deal = _of(dice, tuple(DEALS))
    return Deed("", f"{deal} {_rival(dice, about)}", DEALS[deal])


def _rival(dice: Random, about: str) -> str:
    return _of(dice, tuple(name for name in COMPANIES if name != about))


def _of(dice: Random, choices: Sequence[T]) -> T:
    """One of these, each as likely."""
    return choices[int(dice.random() * len(choices))]


def _weighted(dice: Random, choices: Mapping[str, tuple[float, int]]) -> tuple[str, float]:
    """One of these and its factor; the second number says how often of a hundred."""
    left = dice.random() * 100
    for name, (factor, weight) in choices.items():
        left -= weight
        if left < 0:
            return name, factor
    raise AssertionError(choices)
