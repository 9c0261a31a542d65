"""Saving: idle money into an ERC-4626 vault while it earns more there than the way costs, and back
before it is needed.

In goes only what is left when `keep_h` hours of living are laid aside. Out it comes when what is in
hand and paid for lasts less than that: the more urgently, the less there is, for a block may be an
hour away and a try may fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from chain.contracts import BALANCE_OF
from chain.port import Reader
from chain.types import SALT, WALLET, Address, Call, Json, Micro, Pull
from strategies.addresses import address_of
from strategies.homeward import homeward
from strategies.means import can_send, flying, gas_in_micro, stumbles, up
from strategies.moving import moving_score
from strategies.needs import Needs, Rule
from strategies.options import read_options
from strategies.port import LIQUID, Action, Places, Snapshot, Tools
from strategies.quotes import HISTORY
from strategies.savings import PREVIEW, Savings, hourly_of, savings_in
from strategies.spare import HOUR, in_hand, left_s, liquid_h, need_score, spare

PUT: Final = "saver.put"
TAKE: Final = "saver.take"
DEPOSIT: Final = (
    "depositWithAuthorization(address,address,uint256,uint256,bytes32,uint256,uint256,bytes)"
)
REDEEM: Final = "redeem(uint256,address,address)"
MAX_REDEEM: Final = "maxRedeem(address)(uint256)"
MAX_DEPOSIT: Final = "maxDeposit(address)(uint256)"
PREVIEW_DEPOSIT: Final = "previewDeposit(uint256)(uint256)"
PREVIEW_REDEEM: Final = "previewRedeem(uint256)(uint256)"
VAULT_ARG: Final = 1
"""Whom a deposit pays: the vault that the limits name, and no other."""
RECEIVER_ARG: Final = 1
"""Whom a redemption pays: the wallet."""
PUT_GAS: Final = 500_000
TAKE_GAS: Final = 350_000
USUAL_PUT_GAS: Final = 140_000
USUAL_TAKE_GAS: Final = 80_000
"""A plain vault's; one that lends the money on burns more, so the gas given is larger."""
KEEP_GAS: Final = 300_000
"""Gas to keep for the next refuelling."""
LONGEST_S: Final = 7 * 24 * HOUR
"""What is earned later than that is not counted on."""
POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Options:
    """Addresses, and bounds; hours are chain hours."""

    vault: str = ""
    """The ERC-4626 vault; its asset is the working token."""
    desk: str = ""
    """The VaultDesk."""
    keep_h: int = 12
    """Hours of living that stay in hand."""
    least_micro: int = 500_000
    """Less than this is not worth the way."""
    sizes_pct: tuple[int, ...] = (50, 100)
    """Parts of what is idle that are offered."""
    slippage_pct: float = 0.5
    """How many shares less than the vault promises are taken."""
    history_n: int = 48
    """Hourly notes of what a share is worth that are looked at."""
    authorization_s: int = 7_200
    """How long a signed deposit may be made."""


class Saver:
    """Offers to put idle money away, and to take it back: what is needed, or all."""

    name = "saver"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._vault = address_of("vault", options.vault)
        self._desk = address_of("desk", options.desk)

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """What is in the vault, what it is worth, and how that has grown of late."""
        vault = self._vault
        [shares], [free], [room], [issued], [notes] = await asyncio.gather(
            read.call(vault, BALANCE_OF, [seen.wallet]),
            read.call(vault, MAX_REDEEM, [seen.wallet]),
            read.call(vault, MAX_DEPOSIT, [seen.wallet]),
            read.call(vault, PREVIEW_DEPOSIT, [PREVIEW]),
            read.call(self._desk, HISTORY, [vault, self._options.history_n]),
        )
        at_once = min(cast("int", free), cast("int", shares))
        [worth], [back], [liquid] = await asyncio.gather(
            read.call(vault, PREVIEW_REDEEM, [shares]),
            read.call(vault, PREVIEW_REDEEM, [issued]),
            read.call(vault, PREVIEW_REDEEM, [at_once]),
        )
        return {
            "shares": str(shares),
            "free": str(free),
            "room": str(room),
            "worth": str(worth),
            LIQUID: str(liquid),
            "issued": str(issued),
            "back": str(back),
            "hourly": hourly_of(cast("Sequence[Sequence[int]]", notes)),
        }

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        saved = savings_in(seen.surveys.get(self.name, {}))
        busy = flying(seen, PUT) or flying(seen, TAKE)
        if saved is None or busy or seen.holdings.stale:
            return ()
        return (*self._puts(seen, saved), *self._takes(seen, saved))

    def parting(self, seen: Snapshot) -> Sequence[Call]:
        """The shares as they are: the vault need not be able to pay for them just now."""
        return homeward(seen, self._vault, seen.surveys.get(self.name, {}).get("shares"))

    def _puts(self, seen: Snapshot, saved: Savings) -> Iterator[Action]:
        options = self._options
        idle = min(saved.room, spare(seen, options.keep_h))
        for micro in sorted({idle * min(100, pct) // 100 for pct in options.sizes_pct}):
            stay_s = self._stay_s(seen, Micro(micro))
            call = self._deposit(seen, saved, micro)
            if (
                micro < max(1, options.least_micro)
                or not stay_s
                or not can_send(seen, _keeping(call))
            ):
                continue
            earned = saved.earned(micro, stay_s)
            cost = saved.lost(micro) + gas_in_micro(seen, USUAL_PUT_GAS + USUAL_TAKE_GAS)
            yield Action(
                key=PUT,
                params={
                    "size_micro": micro,
                    "earned_micro": max(0, earned),
                    "cost_micro": cost,
                    "stay_s": stay_s,
                    "saved_micro": saved.worth,
                },
                summary="put idle money into the vault",
                calls=(call,),
                score=moving_score(seen, earned - cost) - stumbles(seen, PUT) / 2,
            )

    def _takes(self, seen: Snapshot, saved: Savings) -> Iterator[Action]:
        """What brings back to `keep_h`, and all of it; all when this life is nearly over."""
        options, at_last = self._options, not left_s(seen)
        wanted = max(0, options.keep_h * seen.burn - in_hand(seen))
        part = min(saved.free, up(saved.shares * wanted, max(1, saved.worth)))
        need = 6.0 if at_last else need_score(seen, options.keep_h)
        for shares in sorted({part, saved.free}):
            micro, gas = saved.worth_of(shares), gas_in_micro(seen, USUAL_TAKE_GAS)
            call = Call(self._vault, REDEEM, (shares, WALLET, WALLET), gas=TAKE_GAS)
            if not shares or micro <= gas or not can_send(seen, call):
                continue
            missed = saved.earned(micro, self._stay_s(seen, Micro(micro)))
            excess = 0 if at_last or shares == part else 1
            yield Action(
                key=TAKE,
                params={
                    "size_micro": micro,
                    "saved_micro": saved.worth - micro,
                    "hand_s": int(HOUR * liquid_h(seen)),
                    "gas_micro": gas,
                    "missed_micro": max(0, missed),
                },
                summary="take all out of the vault"
                if shares == saved.shares
                else "take some money out of the vault",
                calls=(call,),
                score=max(need - excess, moving_score(seen, -missed - gas))
                - stumbles(seen, TAKE) / 2,
            )

    def _stay_s(self, seen: Snapshot, micro: Micro) -> int:
        """How long it could stay on average: it is needed last, and comes back a little before."""
        if not seen.burn:
            return min(LONGEST_S, left_s(seen))
        kept = self._options.keep_h * seen.burn
        middle = max(0, in_hand(seen) - micro // 2 - kept)
        return min(LONGEST_S, left_s(seen), HOUR * middle // seen.burn)

    def _deposit(self, seen: Snapshot, saved: Savings, micro: int) -> Call:
        points = POINTS - min(POINTS, round(100 * self._options.slippage_pct))
        least = micro * saved.issued // PREVIEW * points // POINTS
        pull = Pull(seen.places.token, Micro(micro), seen.block.at + self._options.authorization_s)
        args = (WALLET, self._vault, micro, least, SALT)
        return Call(self._desk, DEPOSIT, args, gas=PUT_GAS, pull=pull)


def _keeping(call: Call) -> Call:
    """The same with the gas that must be left to take it back."""
    return replace(call, gas=call.gas + TAKE_GAS + KEEP_GAS)


def make(options: Mapping[str, Json], tools: Tools) -> Saver:  # noqa: ARG001
    return Saver(read_options(Options, options))


def needs(options: Mapping[str, Json], places: Places) -> Needs:  # noqa: ARG001
    """The vault is paid by deposits, the wallet itself by redemptions, and nobody else."""
    given = read_options(Options, options)
    vault = address_of("vault", given.vault)
    return Needs(
        rules=(
            Rule(address_of("desk", given.desk), DEPOSIT, payee=VAULT_ARG, payees=(vault,)),
            Rule(vault, REDEEM, payee=RECEIVER_ARG, payees=(Address(WALLET),)),
        ),
    )
