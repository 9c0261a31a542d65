"""What a replayed life signs, and what comes of it block by block: gas, fees, money, leases."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, cast

from agent import metabolism
from chain import fees
from chain.types import Fees, Micro, Wei
from compute import market
from strategies import keeper, refuel
from strategies.port import Action, Vitals
from world.backtest.record import FIRST_S, TIP, WEI_PER_ETH
from world.backtest.town import BORN_S, Town

BIRTH_GAS: Final = 243_350
SERVE: Final = "serve"
ANCHOR: Final = "anchor"
OWN_GAS: Final = {SERVE: 51_610, ANCHOR: 47_800}
"""Of what every life does for its log: saying where it is, naming its newest epoch."""
FIRST_ANCHOR_GAS: Final = 118_800
WORK_GAS: Final = 90_700
GAS_PER_STEP: Final = 119
GAS: Final = {
    market.OPEN: 323_300,
    market.EXTEND: 106_400,
    market.CLOSE: 76_500,
    refuel.BUY: 96_800,
}
"""What was usually burned; and in vain:"""
GAS_IN_VAIN: Final = {
    market.OPEN: 31_300,
    market.EXTEND: 40_400,
    market.CLOSE: 26_500,
    refuel.BUY: 90_700,
}
LOST_GAS: Final = 24_724
FINAL_BLOCKS: Final = 2
RESENT_BLOCKS: Final = 20
"""So long what waits is not sent again."""
MOST_FEE: Final = Wei(10**12)
REMEMBERED: Final = 12


@dataclass(slots=True)
class Sent:
    """A transaction that is not final; `action` is None for what a life does for its log."""

    key: str
    at: int
    fees: Fees
    action: Action | None = None
    known: bool = False
    """Whether the node took it; one that could not be paid for is handed in again later."""
    tried: int = 0
    mined: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a transaction came to, and at which block."""

    key: str
    ok: bool
    fee: int
    at: int


@dataclass(slots=True)
class Account:
    """Where the replayed life stands."""

    micro: int
    wei: int
    last_active_s: int = BORN_S
    rent: Micro = metabolism.NOTHING
    vitals: Vitals | None = None
    sent: list[Sent] = field(default_factory=list)
    recent: deque[Done] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    spent: list[tuple[int, int]] = field(default_factory=list)
    """When, and how much for gas."""
    earned: int = 0
    rented: int = 0
    """Paid into escrow, less what came back."""
    refuelled: int = 0
    ticks: int = 0
    seq: int = 2
    """Of the log's next record: every draw hangs on it."""
    anchored: int = 0
    """Epochs."""
    told: tuple[object, ...] | None = None
    """What the log last said of the lease."""


class Doing:
    """Signs, and lets blocks pass."""

    def __init__(self, town: Town) -> None:
        grant = town.scenario.endowment
        self.at = Account(grant.micro, grant.wei - BIRTH_GAS * town.gas_price(0))
        self._town = town
        town.move_in()
        self.sign(SERVE, FIRST_S)

    def sign(self, key: str, now: int, action: Action | None = None) -> None:
        """It happens in the next block that its fee is enough for."""
        offered = fees.offer(self._town.base_fee(now), MOST_FEE)
        sent = Sent(key, now, offered, action)
        self._hand_in(sent, now)
        self.at.sent.append(sent)
        self.at.seq += key != SERVE  # that is in the log already

    def pass_block(self, now: int) -> None:
        """What providers did, then what was signed; what is final by now, or must be sent again."""
        at, leases, base_fee = self.at, self._town.leases, self._town.base_fee(now)
        back = leases.attend(now)
        self._rent(-back)
        at.seq += bool(back)
        for sent in [sent for sent in at.sent if sent.mined is None]:
            if not sent.known or fees.priced_out(sent.fees, base_fee):
                break  # nonces are in order: nothing overtakes
            self._mine(sent, now, min(base_fee + TIP, sent.fees.max_fee))
        leases.look(now)
        last = now - FINAL_BLOCKS * self._town.block_s
        final = [sent for sent in at.sent if sent.mined is not None and sent.mined <= last]
        at.sent = [sent for sent in at.sent if sent not in final]
        at.seq += len(final)
        if not final and all(sent.mined != now for sent in at.sent):
            self._press(now)

    def _press(self, now: int) -> None:
        """With no other news, what waits is sent again: at a better fee, or after a while."""
        base_fee, late = self._town.base_fee(now), now - RESENT_BLOCKS * self._town.block_s
        for sent in self.at.sent:
            if sent.mined is None and sent.known and fees.priced_out(sent.fees, base_fee):
                sent.fees = fees.replacement(sent.fees, base_fee, MOST_FEE) or sent.fees
                self._hand_in(sent, now)
            elif sent.mined is None and sent.tried <= late:
                self._hand_in(sent, now)

    def _hand_in(self, sent: Sent, now: int) -> None:
        """A node takes it only from whoever could pay for all the gas that it may take."""
        gas = sent.action.calls[0].gas if sent.action else 0
        sent.known = sent.known or self.at.wei >= gas * sent.fees.max_fee
        sent.tried = now

    def _mine(self, sent: Sent, now: int, price: int) -> None:
        sent.mined, at = now, self.at
        ok, gas = self._do(sent.action, now) if sent.action else (True, self._own_gas(sent.key))
        at.wei -= gas * price
        at.spent.append((now, gas * price))
        at.recent.append(Done(sent.key, ok, gas * price, now))

    def _own_gas(self, key: str) -> int:
        return FIRST_ANCHOR_GAS if (key, self.at.anchored) == (ANCHOR, 1) else OWN_GAS[key]

    def _do(self, action: Action, now: int) -> tuple[bool, int]:
        """Whether it worked, and the gas it took."""
        [call, *_] = action.calls
        args, leases = cast("Any", call.args), self._town.leases
        paid_in = 0 if call.pull is None else call.pull.value
        match call.function:
            case keeper.PERFORM:
                return self._work(action.params["job_n"], now)
            case refuel.BUY:
                ok = self._refuel(now, args[1], args[2])
            case market.EXTEND:
                ok = leases.top_up(args[1], paid_in, now)
                self._rent(paid_in if ok else 0)
            case market.OPEN:
                ok = leases.open(args[1], args[2], paid_in, now)
                self._rent(paid_in if ok else 0)
            case _:
                back = leases.close(args[0], now)
                ok = back is not None
                self._rent(-(back or 0))
        return ok, (GAS if ok else GAS_IN_VAIN)[call.function]

    def _work(self, number: int, now: int) -> tuple[bool, int]:
        job = self._town.jobs[number]
        if not self._town.work(job, now):
            return False, LOST_GAS
        self.at.micro += job.reward
        self.at.earned += job.reward
        return True, WORK_GAS + GAS_PER_STEP * job.work

    def _refuel(self, now: int, micro: int, least_wei: int) -> bool:
        wei = micro * WEI_PER_ETH // self._town.eth_price(now)
        if wei < least_wei:
            return False
        self.at.micro -= micro
        self.at.refuelled += micro
        self.at.wei += wei
        return True

    def _rent(self, micro: int) -> None:
        self.at.micro -= micro
        self.at.rented += micro
