"""The ending, in order: close leases, send home what strategies hold elsewhere, sweep the token,
write the last record, say it on chain, sweep the ether. Each step is an intent with a fixed name,
so a killed ending goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from agent.body import Body
from agent.parting import partings
from chain.contracts import BALANCE_OF, TRANSFER, life_of
from chain.errors import ChainError
from chain.reader import BlockReader
from chain.types import Call, Intent, Refused, SignerState, Wei
from telemetry.anchor import Cause, end_call
from telemetry.cid import digest_of

if TYPE_CHECKING:
    from telemetry.checkpoint import Checkpoint

TOKEN_GAS: Final = 90_000
PLAIN_GAS: Final = 21_000
CONTRACT_GAS: Final = 100_000
LAST_GAS: Final = 320_000
"""For the steps after a parting: none of it is risked for money elsewhere."""
PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Will:
    """Why this life ends and how long the ending may take."""

    reason: Cause
    cause: str
    drained: bool
    """After a halt only the operator is paid, and leases are the guardian's to close."""
    patience_s: float


class Ending:
    """Runs an ending; called again after a crash, it repeats nothing."""

    def __init__(self, body: Body, will: Will) -> None:
        self._body = body
        self._will = will
        self._time = body.tools.time
        self._until = self._time.clock() + will.patience_s

    async def run(self) -> bool:
        """Whether the registry knows of the ending; if not, run it again unless halted."""
        if not self._body.log.ended and not (await self._leave() and await self._write_last()):
            return False
        checkpoint = await self._publish()
        if checkpoint is not None:
            await self._say_on_chain(checkpoint)
        if not await self._is_known():
            return False
        await self._sweep_ether()
        await self._body.publisher.finish(self._left())
        await self._quiet()  # a reorg may still take the last two back
        return True

    async def _leave(self) -> bool:
        """Close what is rented and send all money home; false when halted on the way."""
        body, read = self._body, await self._read()
        because = body.log.append(
            "heartbeat", {"ending": self._will.reason, "cause": self._will.cause}, read.block
        ).seq
        if not self._will.drained:
            for lease in await body.compute.leases(read, body.who.wallet):
                call = body.compute.close(lease)
                await self._ask(Intent(f"close.{lease.id}", because, "act", call))
        await self._quiet()
        for go_home in (self._part, self._sweep_token):
            if self._stayed(await body.tools.signer.state()):
                return False
            await go_home(because)
        return True

    async def _part(self, because: int) -> None:
        """Send home what strategies hold elsewhere; what cannot be had is left, not waited for."""
        calls = await partings(self._body, self._read, lambda: self._time.pause(PAUSE_S))
        for call in calls:
            if await self._can_pay(call.gas + LAST_GAS):
                await self._ask(Intent(f"sweep.{call.to}", because, self._purpose, call))
        if calls:
            await self._quiet()

    async def _can_pay(self, gas: int) -> bool:
        tools = self._body.tools
        max_fee = tools.sender.offer(await (await self._read()).base_fee()).max_fee
        return await tools.client.balance(self._body.who.wallet) >= gas * max_fee

    async def _sweep_token(self, because: int) -> None:
        body, read = self._body, await self._read()
        [held] = await read.call(body.who.places.token, BALANCE_OF, [body.who.wallet])
        if held:
            args = (body.who.guardian, cast("int", held))
            call = Call(body.who.places.token, TRANSFER, args, gas=TOKEN_GAS)
            await self._ask(Intent("sweep.token", because, self._purpose, call))
            await self._quiet()

    async def _write_last(self) -> bool:
        """The last record names the two transactions that follow it, by nonces known in advance."""
        body, read = self._body, await self._read()
        state = await body.tools.signer.state()
        if self._stayed(state):
            return False
        nonce = state.next_nonce
        body.log.append(
            "end",
            {
                "reason": self._will.reason,
                "cause": self._will.cause,
                "intents": [
                    {"intent": "end", "nonce": nonce, "purpose": "end"},
                    {"intent": "sweep.wei", "nonce": nonce + 1, "purpose": self._purpose},
                ],
            },
            read.block,
        )
        return True

    async def _publish(self) -> Checkpoint | None:
        """The final epoch, once it is sealed; sending it on goes on beside the rest.

        None before: the registry takes one ending, which no older checkpoint may be. And none ever
        when the operator has said it there already: after that nothing more is signed.
        """
        while not await self._body.publisher.publish() and self._left() > 0:
            if await self._is_known():
                return None
            await self._time.pause(PAUSE_S)
        return None if self._body.log.unsealed else self._body.log.sealed

    async def _say_on_chain(self, checkpoint: Checkpoint) -> None:
        body, last = self._body, self._body.log.next_seq - 1
        call = end_call(
            body.who.places.registry, self._will.reason, checkpoint.head, digest_of(checkpoint.cid)
        )
        await self._ask(Intent("end", last, "end", call))
        await self._quiet(final=False)

    async def _is_known(self) -> bool:
        """Whether the registry has this life's ending."""
        who = self._body.who
        found = await life_of(await self._read(), who.places.registry, who.agent)
        return found is not None and found.ended_at > 0

    async def _sweep_ether(self) -> None:
        body, last = self._body, self._body.log.next_seq - 1
        operator, client = body.who.guardian, body.tools.client
        code = await client.rpc("eth_getCode", operator, "latest")
        gas = PLAIN_GAS if code == "0x" else CONTRACT_GAS
        read = await self._read()
        cost = gas * body.tools.sender.offer(await read.base_fee()).max_fee
        held = await client.balance(body.who.wallet)
        if held > cost:
            call = Call(operator, "", value=Wei(held - cost), gas=gas)
            await self._ask(Intent("sweep.wei", last, self._purpose, call))
        await self._quiet(final=False)

    def _stayed(self, state: SignerState) -> bool:
        """A halt stays an ending until it is lifted, unless the operator wants everything back."""
        return state.halted and not self._will.drained

    @property
    def _purpose(self) -> str:
        return "drain" if self._will.drained else "end"

    async def _ask(self, intent: Intent) -> None:
        """Ask until it is signed or refused for good; an ending tries again what may pass."""
        while True:
            try:
                read = await self._read()
                fee = await read.base_fee()
                verdict = await self._body.hands.ask(intent, intent.id, read.block, fee)
            except ChainError as fault:
                if fault.consequence != "retry" or self._left() <= 0:
                    raise
            else:
                silent = isinstance(verdict, Refused) and verdict.reason == "chain_silent"
                if not silent or self._left() <= 0:
                    return
            await self._time.pause(PAUSE_S)

    async def _quiet(self, *, final: bool = True) -> None:
        """Wait until nothing of ours is in flight, or patience ends."""
        hands = self._body.hands
        while self._left() > 0:
            try:
                await hands.settle((await self._read()).block)
            except ChainError as fault:
                if fault.consequence != "retry":
                    raise
            if not hands.open or (not final and not hands.unmined):
                return
            await self._time.pause(PAUSE_S)

    async def _read(self) -> BlockReader:
        return await BlockReader.latest(self._body.tools.client)

    def _left(self) -> float:
        return max(0.0, self._until - self._time.clock())
