"""What can be done about gas: buy some while there is still enough to buy it with. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chain.types import SALT, WALLET, Call, Micro, Pull
from strategies.means import WEI_PER_ETH, can_send, flying, gas_in_micro, stumbles
from strategies.port import Action, Snapshot

REFUEL: Final = "thrift.refuel"
BUY: Final = "buyWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"
BUY_GAS: Final = 200_000
LEAST: Final = Micro(10_000)
"""Nobody buys less, however little gas costs."""


@dataclass(frozen=True, slots=True)
class Tank:
    """How much gas to keep, in units of gas at the current price."""

    floor: int
    fill: int
    slippage_pct: int
    authorization_s: int


def fuel_money(seen: Snapshot, tank: Tank) -> Micro:
    """What to keep for the next fill, so that rent never takes the gas money."""
    if not seen.eth_price or _level(seen, tank) >= 2:  # noqa: PLR2004  # twice the floor
        return Micro(0)
    return Micro(min(gas_in_micro(seen, tank.fill), seen.holdings.micro // 4))


def refuels(seen: Snapshot, tank: Tank) -> Iterator[Action]:
    """Near the floor: a fill, or three of them."""
    station = seen.places.gas_station
    level = _level(seen, tank)
    if station is None or not seen.eth_price or level >= 2 or seen.holdings.stale:  # noqa: PLR2004
        return
    if flying(seen, REFUEL):
        return
    most = seen.holdings.micro // 2
    wanted = sorted({min(most, gas_in_micro(seen, fills * tank.fill)) for fills in (1, 3)})
    least = max(LEAST, 2 * gas_in_micro(seen, BUY_GAS))  # a purchase must not eat itself up
    for i, price in enumerate(price for price in wanted if price >= least):
        wei = price * WEI_PER_ETH // seen.eth_price
        least_wei = wei * (100 - min(100, tank.slippage_pct)) // 100
        pull = Pull(seen.places.token, Micro(price), seen.block.at + tank.authorization_s)
        call = Call(station, BUY, (WALLET, price, least_wei, SALT), gas=BUY_GAS, pull=pull)
        if can_send(seen, call):
            yield Action(
                key=REFUEL,
                params={
                    "price_micro": price,
                    "least_wei": least_wei,
                    "level_pct": int(100 * level),
                },
                summary="buy a lot of gas" if i else "buy gas",
                calls=(call,),
                score=8 * (1 - level) - i - stumbles(seen, REFUEL) / 2,
            )


def _level(seen: Snapshot, tank: Tank) -> float:
    """Gas in hand over the floor; full when gas costs nothing."""
    floor = tank.floor * seen.gas_price
    return seen.holdings.wei / floor if floor else 2.0
