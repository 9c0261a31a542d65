"""What became of the intents in flight: looked up anew at every head, believed only when final."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import answers
from chain.answers import Header
from chain.errors import Unreachable, WalletFrozen
from chain.outbox import Flight, Outbox
from chain.replies import Reply
from chain.sender import Sender
from chain.txstate import FROZEN, OPEN, SETTLED, TAKEN, State, sign
from chain.types import Address, Entry, Receipt

if TYPE_CHECKING:
    from chain.client import ChainClient

DOUBTS: Final = 3
"""Heads that must show a nonce as used by someone else: nodes lag and lie."""
RESEND_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """An intent has come to a new state; the receipt is its mined attempt's, if there is one."""

    entry: Entry
    state: State
    receipt: Receipt | None

    @property
    def final(self) -> bool:
        return self.state is SETTLED


class Watcher:
    """Follows every flight in the outbox to its end."""

    def __init__(
        self,
        client: ChainClient,
        sender: Sender,
        outbox: Outbox,
        wallet: Address,
        *,
        clock: Callable[[], float],
        finality_blocks: int = 2,
        resend_s: float = RESEND_S,
    ) -> None:
        self._client = client
        self._sender = sender
        self._outbox = outbox
        self._wallet = wallet
        self._clock = clock
        self._finality = finality_blocks
        self._resend_s = resend_s

    async def poll(self) -> list[Sighting]:
        """Look at every flight once; with no news, send again and press on what no block has taken.

        News is told before anything else is tried, so no fault hides it: `Unreachable` means that
        nothing has changed, `WalletFrozen` follows a sighting that said so. What is lost in a crash
        is told again once its entry is sent again.
        """
        if frozen := self._outbox.frozen():
            raise WalletFrozen(intent=frozen.id, nonce=frozen.entry.nonce)
        flights = self._outbox.open()
        if not flights:
            return []
        head = await self._client.head()
        seen = await asyncio.gather(*(self._look(flight) for flight in flights))
        sightings = [
            sighting
            for flight, receipt in zip(flights, seen, strict=True)
            if (sighting := self._judge(flight, receipt, head))
        ]
        return sightings or await self._tend(head)

    async def _look(self, flight: Flight) -> Receipt | None:
        """The receipt of whichever attempt was mined; the others can never be."""
        for attempt in reversed(flight.entry.attempts):
            receipt = await self._client.receipt(attempt.hash)
            if receipt is None:
                continue
            if not answers.plausible(receipt, attempt, flight.entry.intent.call.gas):
                raise Unreachable("A receipt that these bytes cannot have", hash=attempt.hash)
            return receipt
        return None

    def _judge(self, flight: Flight, receipt: Receipt | None, head: Header) -> Sighting | None:
        now, number = flight, head.block.number
        while now.state is not SETTLED and (
            event := sign(now.state, now.receipt, receipt, number, self._finality)
        ):
            now = self._outbox.step(now.id, event, receipt)
        changed = (now.state, now.receipt) != (flight.state, flight.receipt)
        return Sighting(now.entry, now.state, now.receipt) if changed else None

    async def _tend(self, head: Header) -> list[Sighting]:
        """Send again what waits, but not all the time."""
        waiting = [flight for flight in self._outbox.open() if flight.state in OPEN]
        for place, flight in enumerate(waiting):
            pressed = await self._sender.press(flight, head, first=place == 0)
            due = self._clock() - flight.sent_at >= self._resend_s
            if pressed.entry == flight.entry and not due:
                continue
            sent = await self._sender.resend(pressed)
            if await self._doubted(sent, head):
                return [Sighting(sent.entry, FROZEN, None)]
        return []

    async def _doubted(self, flight: Flight, head: Header) -> bool:
        """Whether someone else has used this nonce, beyond doubt.

        A count of transactions alone proves nothing; the nodes must refuse the bytes as well, while
        a final block already counts the nonce, and no attempt of ours has a receipt.
        """
        used = flight.reply is Reply.PASSED and await self._used(flight, head)
        doubts = flight.doubts | {head.block.hash} if used else frozenset()
        self._outbox.note(flight.id, doubts=doubts)
        if len(doubts) < DOUBTS:
            return False
        self._outbox.step(flight.id, TAKEN)
        return True

    async def _used(self, flight: Flight, head: Header) -> bool:
        final = max(0, head.block.number - self._finality)
        try:
            count = await self._client.nonce(self._wallet, final)
            return count > flight.entry.nonce and await self._look(flight) is None
        except Unreachable:
            return False
