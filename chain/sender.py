"""Getting signed bytes to the network: the same ones again and again, or dearer ones when stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chain import fees
from chain.answers import Header
from chain.errors import Unreachable, WalletFrozen
from chain.outbox import Flight, Outbox
from chain.port import Signer
from chain.replies import ARRIVED, Reply
from chain.txstate import BROADCAST, OPEN, PENDING
from chain.types import Entry, Fees, Refused, Wei

if TYPE_CHECKING:
    from chain.client import ChainClient

BUMP: Final = "bump"
"""The signer's word for a replacement that pays too little more than the last one."""
PATIENCE_S: Final = 30.0
PATIENCE_BLOCKS: Final = 3
"""How long bytes that are dear enough may wait before they are replaced all the same."""


class Sender:
    """Sends what the signer has signed. It cannot lose anything: the signer keeps the bytes."""

    def __init__(
        self,
        client: ChainClient,
        signer: Signer,
        outbox: Outbox,
        *,
        clock: Callable[[], float],
        max_fee: Wei,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._client = client
        self._signer = signer
        self._outbox = outbox
        self._clock = clock
        self._max_fee = max_fee
        self._patience_s = patience_s

    def offer(self, base_fee: Wei) -> Fees:
        """What to ask the signer for when an intent is new."""
        return fees.offer(base_fee, self._max_fee)

    async def send(self, entry: Entry) -> Flight:
        """Broadcast an entry and follow it from now on; asked again, the same bytes go out again.

        A node that does not answer is no fault here: the watcher will find out, or send again.
        """
        if frozen := self._outbox.frozen():
            raise WalletFrozen(intent=frozen.id, nonce=frozen.entry.nonce)
        flight = self._outbox.add(entry, self._clock())
        return await self.resend(flight) if flight.state in OPEN else flight

    async def resend(self, flight: Flight) -> Flight:
        """Send the newest bytes once more."""
        attempt = flight.newest
        try:
            reply = await self._client.broadcast(attempt.raw, attempt.hash)
        except Unreachable:
            reply = Reply.SILENT
        flight = self._outbox.note(flight.id, reply=reply, sent_at=self._clock())
        if reply in ARRIVED and flight.state in OPEN:
            flight = self._outbox.step(flight.id, BROADCAST)
        return flight

    async def press(self, flight: Flight, head: Header, *, first: bool) -> Flight:
        """Replace bytes that are stuck, if the cap allows it and the signer agrees."""
        if flight.height is None:
            flight = self._outbox.note(flight.id, height=head.block.number)
        if not self._stuck(flight, head, first=first):
            return flight
        dearer = fees.replacement(flight.newest.fees, head.base_fee, self._max_fee)
        if dearer is None:
            return flight
        bumped = await self._signer.bump(flight.id, dearer)
        if isinstance(bumped, Refused):
            if bumped.reason == BUMP:
                return await self._learn(flight)
            return self._outbox.note(flight.id, refused_at=self._clock())
        attempts = (*flight.entry.attempts, bumped)
        return self._outbox.add(replace(flight.entry, attempts=attempts), self._clock())

    async def _learn(self, flight: Flight) -> Flight:
        """The signer has dearer bytes than we know of: the answer that brought them was lost."""
        for entry in await self._signer.entries(flight.entry.nonce):
            if entry.intent.id == flight.id:
                return self._outbox.add(entry, self._clock())
        return flight

    def _stuck(self, flight: Flight, head: Header, *, first: bool) -> bool:
        """Whether money would help: it does not with an empty wallet, nor while no blocks come."""
        now = self._clock()
        if flight.reply is Reply.POOR or now - flight.refused_at < self._patience_s:
            return False
        if fees.priced_out(flight.newest.fees, head.base_fee):
            return True
        blocks = head.block.number - (flight.height or head.block.number)
        waited = now - flight.since >= self._patience_s and blocks >= PATIENCE_BLOCKS
        return first and waited and flight.state is PENDING
