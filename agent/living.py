"""One tick of a life: sense, propose, choose, write it down, act."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from agent import bodies, inflows, menu, mortality
from agent.body import Body
from agent.errors import ShopFailed
from agent.life import Notes
from agent.mind import Choice, Mind
from agent.senses import Memory
from chain.errors import ChainError
from chain.reader import BlockReader
from compute.errors import ComputeError
from compute.port import REFLEX, Lease
from strategies.port import Action, Snapshot

SHOWN: Final = 8
MARGIN_TICKS: Final = 2


class Living:
    """Carries what one tick hands to the next."""

    def __init__(self, body: Body, mind: Mind, notes: Notes) -> None:
        self._body = body
        config = body.tools.config.mind
        self._mind = mind
        self._reflex = Mind(None, body.seed, config.epsilon, config.temperature, body.rule)
        self._memory = Memory(last_active_at=notes.last_active_at or body.who.born_at)
        self._inflows_block = notes.inflows_block or notes.born_block
        self._told_lease: Lease | None = None
        self.ticks = 0
        self.seen: Snapshot | None = None
        self.decisions: deque[Mapping[str, Any]] = deque(maxlen=SHOWN)
        self.faults: dict[str, str] = {}

    async def look(self, read: BlockReader) -> Snapshot | None:
        """See this block and tell what is new; None when it has been seen."""
        body, before = self._body, self._memory
        if read.block.number <= before.block_number:
            return None
        age_s = max(0, read.block.at - body.who.born_at)
        doings = body.hands.doings(read.block, age_s)
        seen, self._memory = await body.senses.snapshot(read, body.who, before, doings)
        self.seen = seen
        self._note_lease(seen)
        await self._note_inflows(read)
        return seen

    async def tick(self, read: BlockReader) -> mortality.Ending | None:
        """Do one pass at this block; gives the ending when it has come."""
        body, seen = self._body, await self.look(read)
        if seen is None:
            return None
        body.move(seen.lease)
        body.trade.see(seen)
        if ending := mortality.judge(seen, *self._patience()):
            return ending
        offered = await menu.propose(
            body.proposers, seen, body.tools.config.mind.menu_max, self.faults
        )
        await self._decide(seen, offered, read)
        self.ticks += 1
        return None

    def noted(self, notes: Notes) -> Notes:
        """What a restart should know."""
        return replace(
            notes,
            last_active_at=self._memory.last_active_at,
            inflows_block=self._inflows_block,
        )

    async def _decide(self, seen: Snapshot, offered: tuple[Action, ...], read: BlockReader) -> None:
        body = self._body
        choice = await self._choose(seen, offered, lambda: body.log.place(read.block))
        body_of = bodies.decision(seen, offered, choice)
        entry = body.log.append("decision", body_of, read.block, choice.seq)
        body.trade.obey(entry.seq, body_of)
        self.decisions.append(
            {
                "seq": entry.seq,
                "chosen": choice.index,
                "menu": [
                    {"key": action.key, "summary": action.summary, "logprob": logprob}
                    for action, logprob in zip(offered, choice.logprobs, strict=True)
                ],
                "by": "reflex" if choice.model == REFLEX else "model",
                "latency_ms": body_of["latency_ms"],
            }
        )
        await body.hands.act(offered[choice.index], entry.seq, read.block, await read.base_fee())

    async def _choose(
        self, seen: Snapshot, offered: tuple[Action, ...], place: Callable[[], int]
    ) -> Choice:
        """A model that cannot serve is a fault to be shown; the reflex keeps the agent alive."""
        try:
            choice = await self._mind.choose(seen, offered, place)
        except ComputeError as fault:
            self.faults["mind"] = str(fault)
            return await self._reflex.choose(seen, offered, place)
        self.faults.pop("mind", None)
        return choice

    def _note_lease(self, seen: Snapshot) -> None:
        told = bodies.lease(seen.lease, self._told_lease)
        if told is not None:
            self._body.log.append("lease", told, seen.block)
        self._told_lease = seen.lease

    async def _note_inflows(self, read: BlockReader) -> None:
        body, who = self._body, self._body.who
        purse = inflows.Purse(who.places.token, who.wallet, who.guardian)
        since, final = self._inflows_block, body.tools.config.chain.finality_blocks
        try:
            found = await inflows.arrivals(body.tools.client, read, purse, since, body.trade, final)
            for arrival in found.told:
                body.log.append("funds", arrival.body, read.block)
                if arrival.nonce is not None:
                    body.trade.tell(arrival.body["from"], arrival.nonce)
            body.trade.look_back(read.block)
        except (ChainError, ShopFailed) as fault:
            if fault.consequence == "halt":
                raise
            self.faults["inflows"] = str(fault)
            return
        self.faults.pop("inflows", None)
        self._inflows_block = found.until

    def _patience(self) -> tuple[int, int]:
        """The will and its margin, in chain seconds."""
        life, speed = self._body.tools.config.life, self._body.tools.speed
        return int(life.will_s * speed), int(MARGIN_TICKS * life.tick_s * speed)
