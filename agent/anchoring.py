"""Naming the newest sealed epoch on chain, every so many epochs, one at a time."""

from __future__ import annotations

from agent.body import Body
from chain.reader import BlockReader
from chain.types import Intent, Refused
from telemetry.anchor import anchor_call, due
from telemetry.cid import digest_of

PREFIX = "anchor."


class Anchoring:
    """Remembers what the chain is known to have been told."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.newest: int | None = None
        """The newest epoch that was anchored, or is being."""
        self._refused: int | None = None
        """The newest epoch whose anchor the signer would not sign."""

    def is_due(self) -> bool:
        body, sealed = self._body, self._body.log.sealed
        if sealed is None or body.log.ended:
            return False
        if sealed.head.epoch == self._refused:
            return False  # asked again with the next epoch, not at every bell
        flying = body.hands.unsure or any(i.startswith(PREFIX) for i in body.hands.open)
        every = body.tools.config.telemetry.anchor_every
        return due(sealed.head, self.newest, every, in_flight=flying)

    async def anchor(self, read: BlockReader) -> None:
        """Write down that it will be, then ask for it."""
        body, sealed = self._body, self._body.log.sealed
        if sealed is None:
            return
        head, digest = sealed.head, digest_of(sealed.cid)
        intent = f"{PREFIX}{head.epoch}"
        because = body.log.append(
            "anchor",
            {
                "epoch": head.epoch,
                "size": head.size,
                "root": head.root,
                "digest": digest,
                "intent": intent,
            },
            read.block,
        ).seq
        call = anchor_call(body.who.places.registry, head, digest)
        verdict = await body.hands.ask(
            Intent(intent, because, "anchor", call), "anchor", read.block, await read.base_fee()
        )
        if isinstance(verdict, Refused):
            self._refused = head.epoch
        else:
            self.newest = head.epoch
