"""Trading: buying what is cheap against its own past, if that paid of late, and selling it again.

All that it knows is one pool's price, now and on average over the hours before. It never lays out
what rent needs soon, nor more than a share of what it has. On whether it earns anything, see
docs/strategies.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import expm1
from typing import Final, cast

from chain.contracts import BALANCE_OF
from chain.port import Reader
from chain.types import SALT, WALLET, Address, Call, Json, Micro, Pull
from strategies.addresses import address_of
from strategies.errors import BadOptions
from strategies.homeward import homeward
from strategies.means import can_send, flying, gas_in_micro, stumbles
from strategies.moving import moving_score
from strategies.needs import Needs, OtherToken, Rule
from strategies.options import read_options
from strategies.port import Action, Places, Snapshot, Tools
from strategies.quotes import GET_RESERVES, HISTORY, NOW, Quote, prices_of, quote_in
from strategies.reversion import Signal, signal
from strategies.spare import left_s, need_score, spare
from strategies.trades import Trade, purchase, sale

BUY: Final = "trader.buy"
SELL: Final = "trader.sell"
SWAP: Final = (
    "swapWithAuthorization(address,address,address,address,uint256,uint256,bytes32,"
    "uint256,uint256,bytes)"
)
PAIR_ARG: Final = 1
"""Whom a trade pays: the pair that the limits name, and no other."""
GAS: Final = 350_000
"""More than a trade and a first note in the diary burn, with a token such as USDC."""
USUAL_GAS: Final = 160_000
KEEP_GAS: Final = 300_000
"""Gas to keep for the next refuelling."""
POINTS: Final = 10_000
"""Slippage is reckoned in hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class Options:
    """Addresses, and bounds; units of the other token are its smallest ones."""

    desk: str = ""
    """The SwapDesk."""
    pair: str = ""
    """The Uniswap v2 pair of the working token and the other."""
    other: str = ""
    """The other token; it must take EIP-3009 authorizations, as EURC does."""
    other_name: str = ""
    """Of its EIP-712 domain, like its version."""
    other_version: str = ""
    most_micro: int = 2_000_000
    """No trade is larger."""
    least_micro: int = 200_000
    """Nor smaller."""
    held_pct: int = 30
    """So much of what there is may be in the other token after a purchase."""
    slippage_pct: float = 1.0
    """What a trade may bring less than was quoted; it does not happen for less."""
    sizes_pct: tuple[int, ...] = (25, 50, 100)
    """Parts of the largest trade that are offered."""
    keep_h: int = 12
    """Hours of living that are never traded with."""
    history_n: int = 60
    """Hourly prices that are looked at."""
    authorization_s: int = 7_200
    """How long a signed trade may be made."""
    other_per_action: int = 5_000_000
    """What the limits allow of the other token at once, in an hour and in a day of wall time."""
    other_per_hour: int = 20_000_000
    other_per_day: int = 100_000_000


class Trader:
    """Offers a purchase and a sale in a few sizes each."""

    name = "trader"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._desk = address_of("desk", options.desk)
        self._pair = address_of("pair", options.pair)
        self._other = address_of("other", options.other)

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """What is in the pool, what its price was of late, and how much we hold of the other."""
        [first, second, _at], [notes], [held] = await asyncio.gather(
            read.call(self._pair, GET_RESERVES),
            read.call(self._desk, HISTORY, [self._pair, self._options.history_n]),
            read.call(self._other, BALANCE_OF, [seen.wallet]),
        )
        other_first = int(self._other, 16) < int(seen.places.token, 16)
        reserves = (cast("int", first), cast("int", second))
        other, micro = reserves if other_first else reserves[::-1]
        return {
            "micro": str(micro),
            "other": str(other),
            "held": str(held),
            "prices": prices_of(cast("Sequence[Sequence[int]]", notes), reserves, other_first),
        }

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        quote = quote_in(seen.surveys.get(self.name, {}))
        busy = flying(seen, BUY) or flying(seen, SELL)
        if quote is None or busy or seen.holdings.stale:
            return ()
        guess = signal(quote.prices, NOW)
        return (*self._purchases(seen, quote, guess), *self._sales(seen, quote, guess))

    def parting(self, seen: Snapshot) -> Sequence[Call]:
        """What is held of the other token, as it is."""
        return homeward(seen, self._other, seen.surveys.get(self.name, {}).get("held"))

    def _purchases(self, seen: Snapshot, quote: Quote, guess: Signal) -> Iterator[Action]:
        options, pool = self._options, quote.pool
        room = _wealth(seen, quote) * min(100, options.held_pct) // 100 - pool.worth(quote.held)
        most = min(options.most_micro, room, spare(seen, options.keep_h))
        for micro in sorted({most * pct // 100 for pct in options.sizes_pct}):
            if micro < options.least_micro or micro > most or not left_s(seen):
                continue
            trade = purchase(quote, guess, micro, gas_in_micro(seen, USUAL_GAS))
            call = self._swap(seen, seen.places.token, self._other, trade)
            if trade.quoted and can_send(seen, _keeping(call)):
                score = moving_score(seen, trade.gain) - stumbles(seen, BUY) / 2
                yield _action(seen, BUY, quote, guess, trade, call, score)

    def _sales(self, seen: Snapshot, quote: Quote, guess: Signal) -> Iterator[Action]:
        """Also when money is needed soon, or all of it has to come home."""
        options = self._options
        most = min(quote.held, options.other_per_action)
        need = need_score(seen, options.keep_h) if left_s(seen) else 4.0
        for units in sorted({most // 2, most}):
            trade = sale(quote, guess, units, gas_in_micro(seen, USUAL_GAS))
            call = self._swap(seen, self._other, seen.places.token, trade)
            # The wallet's balance of the other token is the survey's to know.
            affordable = can_send(seen, replace(_keeping(call), pull=None))
            if quote.pool.worth(units) >= options.least_micro and trade.size and affordable:
                score = max(moving_score(seen, trade.gain), need)
                yield _action(
                    seen, SELL, quote, guess, trade, call, score - stumbles(seen, SELL) / 2
                )

    def _swap(self, seen: Snapshot, sold: Address, bought: Address, trade: Trade) -> Call:
        points = POINTS - min(POINTS, round(100 * self._options.slippage_pct))
        least = trade.quoted * points // POINTS
        args = (WALLET, self._pair, sold, bought, trade.paid, least, SALT)
        pull = Pull(sold, Micro(trade.paid), seen.block.at + self._options.authorization_s)
        return Call(self._desk, SWAP, args, gas=GAS, pull=pull)


def _action(
    seen: Snapshot, key: str, quote: Quote, guess: Signal, trade: Trade, call: Call, score: float
) -> Action:
    off_pct = round(100 * expm1(abs(guess.off)))
    verb, side = key.partition(".")[2], "over" if guess.off > 0 else "under"
    return Action(
        key=key,
        params={
            "edge_micro": max(0, trade.edge),
            "cost_micro": trade.cost,
            "size_micro": trade.size,
            "held_pct": 100 * quote.pool.worth(trade.held) // max(1, _wealth(seen, quote)),
            "off_pct": off_pct,
            "impact_micro": trade.impact,
            "gas_micro": gas_in_micro(seen, USUAL_GAS),
            "units_n": trade.paid if key == SELL else trade.quoted,
        },
        summary=f"{verb} the other token, {off_pct}% {side} its average",
        calls=(call,),
        score=score,
    )


def _wealth(seen: Snapshot, quote: Quote) -> int:
    return seen.holdings.micro + quote.pool.worth(quote.held)


def _keeping(call: Call) -> Call:
    """The same with the gas that must be left afterwards."""
    return replace(call, gas=call.gas + KEEP_GAS)


def make(options: Mapping[str, Json], tools: Tools) -> Trader:  # noqa: ARG001
    return Trader(read_options(Options, options))


def needs(options: Mapping[str, Json], places: Places) -> Needs:  # noqa: ARG001
    """The working token's caps are the operator's own; the other's are among the options."""
    given = read_options(Options, options)
    if not given.other_name or not given.other_version:
        raise BadOptions("missing option", option="other_name and other_version")
    pair = address_of("pair", given.pair)
    return Needs(
        rules=(Rule(address_of("desk", given.desk), SWAP, payee=PAIR_ARG, payees=(pair,)),),
        tokens=(
            OtherToken(
                address=address_of("other", given.other),
                name=given.other_name,
                version=given.other_version,
                per_action=given.other_per_action,
                per_hour=given.other_per_hour,
                per_day=given.other_per_day,
            ),
        ),
    )
