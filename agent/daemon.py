"""The daemon: bells say what is due, one loop acts, one ending ends all."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import structlog

from agent import life, returning
from agent.anchoring import Anchoring
from agent.bodies import heartbeat
from agent.body import Body
from agent.control import Control
from agent.ending import Ending, Will
from agent.errors import AgentError
from agent.life import Notes, Phase, Turn
from agent.living import Living
from agent.metabolism import COMING, HOUSED
from agent.mind import Mind
from agent.mortality import Ending as Fate
from agent.status import status
from chain.contracts import life_of
from chain.errors import ChainError
from chain.reader import BlockReader
from chain.types import SignerState
from compute.errors import ComputeError
from strategies.port import Placing
from telemetry.anchor import Cause
from telemetry.errors import TelemetryError

FAULTS: Final = (ChainError, ComputeError, TelemetryError, AgentError)
Fault = ChainError | ComputeError | TelemetryError | AgentError

log = structlog.get_logger(__name__)

STOP_S: Final = 3.0
ANCHOR_CHECK_S: Final = 0.5
LEAST_PATIENCE_S: Final = 5.0
STOP: Final = "stop"
LOOK: Final = "look"
"""Rung when something that should run for ever has ended."""


class Daemon:
    """Lives one life in one home until it ends or is told to stop."""

    def __init__(self, body: Body, notes: Notes, awake: Callable[[], None]) -> None:
        config = body.tools.config
        mind = Mind(body.scorer, body.seed, config.mind.epsilon, config.mind.temperature, body.rule)
        self._body = body
        self._notes = notes
        self._awake = awake
        self._living = Living(body, mind, notes)
        self._anchoring = Anchoring(body)
        self._stop_at: float | None = None
        self._faults: dict[str, str] = {}
        self._bells = body.tools.time.bells(
            {
                "tick": config.life.tick_s,
                "heartbeat": config.life.heartbeat_s,
                "anchor": max(ANCHOR_CHECK_S, config.telemetry.epoch_s / 4),
            }
        )
        self._control = Control(body.tools.home.run, self._answer)

    async def run(self) -> Notes:
        """Live; gives the notes as they stand when the process may end."""
        with _signals(self) if self._body.tools.time.signals else contextlib.nullcontext():
            await self._control.start()
            self._bells.start()
            try:
                await self._well(self._wake())
                self._awake()
                async with self._publishing() as roots:
                    await self._well(self._loop(roots))
                    await self._rest()
            finally:
                self._bells.stop()
                await self._control.stop()
        return self._notes

    def stop(self) -> None:
        """Asked by the operator or the host: come to rest at the next step."""
        if self._stop_at is None:
            self._stop_at = self._body.tools.time.clock()
        self._bells.ring(STOP)

    @contextlib.asynccontextmanager
    async def _publishing(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Only once it is certain that this is the log of this life; gives what runs for ever."""
        publishing = asyncio.create_task(self._body.publisher.run(), name="publisher")
        roots = [task for task in (publishing, self._body.tools.keeping) if task]
        for root in roots:
            root.add_done_callback(lambda _: self._bells.ring(LOOK))
        try:
            yield roots
        finally:
            publishing.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await publishing

    def _may_stop(self) -> bool:
        """An ending that has begun is brought to its end, unless it takes longer than it may."""
        if self._stop_at is None:
            return False
        waited = self._body.tools.time.clock() - self._stop_at
        will_s = self._body.tools.config.life.will_s
        return self._notes.phase is not Phase.ENDING or waited >= will_s

    # Waking and resting

    async def _well(self, doing: Coroutine[Any, Any, None]) -> None:
        """What ends the process because it cannot be right halts the life as well."""
        try:
            await doing
        except FAULTS as fault:
            if fault.consequence == "halt":
                await self._halt_for(fault)
            raise

    async def _wake(self) -> None:
        """Find out whether this is our log and where this life stands; take up what was begun."""
        body, read = self._body, await self._reader()
        self._follow_log()
        registered = await life_of(read, body.who.places.registry, body.who.agent)
        self._anchoring.newest = returning.judge_log(body.log, registered)
        notes = self._notes
        await body.hands.judge_log(notes.first_open_nonce, notes.first_open_seq)
        returning.admit_absence(body, read, stopped=notes.stopped)
        self._save(replace(self._notes, stopped=False))
        await body.hands.recover(read.block, notes.first_open_nonce, notes.first_open_seq)
        if self._notes.phase is Phase.LIVING and not body.log.ended:
            await returning.say_where(body, read)

    def _follow_log(self) -> None:
        """Killed between a halt's record and its note, this life stands where its log says."""
        phase, last = self._notes.phase, self._body.log.record(self._body.log.next_seq - 1).kind
        if last == "halt" and phase in (Phase.LIVING, Phase.ENDING):
            self._save(self._notes.turn(Turn.HALTED))
        elif last == "resume" and phase is Phase.HALTED:
            self._save(self._notes.turn(Turn.RESUMED, drained=False))

    async def _rest(self) -> None:
        """Stopped: what is written is sent on if that is quick; the rest waits for the return."""
        self._remember(stopped=True)
        publisher = self._body.publisher
        if self._notes.phase is not Phase.ENDED:
            await publisher.finish(STOP_S)
        self._save(replace(self._notes, waiting=publisher.status().waiting))

    # The one loop

    async def _loop(self, roots: Sequence[asyncio.Task[None]]) -> None:
        heard = False
        while self._notes.phase is not Phase.ENDED:
            rung = await self._bells.due()
            for root in roots:
                if root.done():
                    await root  # raises what ended it
            for bell in rung:
                await self._step(bell)
            # Told to stop during another step, we have yet to ask what it means: maybe an end.
            heard = heard or STOP in rung
            if heard and self._may_stop():
                return

    async def _step(self, bell: str) -> None:
        try:
            match bell:
                case "tick":
                    await self._tick()
                case "heartbeat":
                    await self._beat()
                case "anchor":
                    await self._anchor()
                case "stop":
                    await self._told_to_stop()
        except FAULTS as fault:
            await self._bear(bell, fault)
        else:
            self._faults.pop(bell, None)

    async def _bear(self, bell: str, fault: Fault) -> None:
        """Do what the fault's consequence says."""
        self._faults[bell] = str(fault)
        log.warning("fault", bell=bell, fault=type(fault).__name__, says=str(fault))
        if fault.consequence == "stop":
            raise fault
        if fault.consequence == "halt":
            await self._halt_for(fault)

    async def _halt_for(self, fault: Fault) -> None:
        """Once: a fault that stays must not make halt after halt, or no resume would ever fit."""
        if self._notes.phase is Phase.ENDING:
            return  # it counts as a part of the death
        signer = self._body.tools.signer
        with contextlib.suppress(ChainError):  # the fault will come again, and so will this
            if not (await signer.state()).halted:
                await signer.halt(f"integrity: {type(fault).__name__}")
                self._bells.ring("tick")

    async def _tick(self) -> None:
        body, read = self._body, await self._reader()
        state = await self._heed(read)
        if body.hands.unsure:
            await body.hands.recover(read.block)
        await body.hands.settle(read.block)
        if state.ended:
            await self._obey_registry(read)
        notes = self._notes
        if notes.phase is Phase.ENDING or (notes.phase is Phase.HALTED and notes.drained):
            await self._end()
        elif notes.phase is Phase.LIVING and not body.log.ended:
            fate = await self._living.tick(read)
            if fate is not None:
                await self._die(fate)
        elif notes.phase is Phase.HALTED:
            await self._living.look(read)

    async def _obey_registry(self, read: BlockReader) -> None:
        """The operator has ended this life on chain: everything goes home, nothing else is done."""
        who, notes = self._body.who, self._notes
        registered = await life_of(read, who.places.registry, who.agent)
        if registered is None or not registered.ended_at:
            return
        if notes.phase is Phase.LIVING:
            notes = notes.turn(Turn.DYING, reason="halted", cause="ended by the operator")
        self._save(replace(notes, drained=True))

    async def _heed(self, read: BlockReader) -> SignerState:
        """The signer knows of halts first; the log follows it."""
        state = await self._body.tools.signer.state()
        phase, written = self._notes.phase, self._body.log.ended
        dying = phase is Phase.ENDING and not self._notes.drained
        if state.halted and (phase is Phase.LIVING or dying) and not written:
            body = {"halt_id": state.halt_id, "reason": state.halt_reason}
            self._body.log.append("halt", body, read.block)
            self._save(self._notes.turn(Turn.HALTED))
        elif not state.halted and phase is Phase.HALTED:
            self._body.log.append("resume", {"halt_id": state.halt_id}, read.block)
            self._save(self._notes.turn(Turn.RESUMED, drained=False))
        return state

    async def _beat(self) -> None:
        seen = self._living.seen
        if seen is not None and not self._body.log.ended:
            self._body.log.append("heartbeat", heartbeat(seen), seen.block)
        self._remember()

    async def _anchor(self) -> None:
        if self._anchoring.is_due():
            await self._anchoring.anchor(await self._reader())

    # Ending

    async def _told_to_stop(self) -> None:
        """A host that evicts an agent whose lease is over ends its life; another stop pauses it."""
        seen = self._living.seen
        if self._notes.phase is not Phase.LIVING or seen is None:
            return
        if self._body.who.placing is Placing.EMBODIED:
            leases = await self._body.compute.leases(await self._reader(), self._body.who.wallet)
            if not any(lease.state in (*HOUSED, *COMING) for lease in leases):
                await self._die(Fate("died", "evicted"))

    async def _die(self, fate: Fate) -> None:
        self._save(self._notes.turn(Turn.DYING, reason=fate.reason, cause=fate.cause))
        await self._end()

    async def _end(self) -> None:
        notes = self._notes
        if notes.phase is Phase.HALTED and notes.drained:
            self._save(notes.turn(Turn.DRAINED, reason="halted", cause="drained by the operator"))
        config = self._body.tools.config
        will = Will(
            reason=cast("Cause", self._notes.reason),
            cause=self._notes.cause,
            drained=self._notes.drained,
            patience_s=max(config.life.will_s, LEAST_PATIENCE_S),
        )
        if await Ending(self._body, will).run():
            self._save(self._notes.turn(Turn.GONE))
            self._bells.ring(STOP)

    # Notes and questions

    def _remember(self, **changes: Any) -> None:
        nonce, seq = self._body.hands.first_open()
        notes = replace(self._living.noted(self._notes), first_open_nonce=nonce, first_open_seq=seq)
        self._save(replace(notes, **changes))

    def _save(self, notes: Notes) -> None:
        self._notes = notes
        if notes.phase is not Phase.LIVING:
            self._body.trade.rest()
        life.save(self._body.tools.home.notes, notes)

    async def _reader(self) -> BlockReader:
        return await BlockReader.latest(self._body.tools.client)

    async def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        match request["op"]:
            case "status":
                return status(
                    self._body, self._living, self._notes, self._faults, self._anchoring.newest
                )
            case "drain":
                await self._body.tools.signer.halt("the operator drains the wallet")
                self._save(replace(self._notes, drained=True))
                self._bells.ring("tick")
                return {"drained": True}
        return {"error": "not a request this daemon knows"}


@contextlib.contextmanager
def _signals(daemon: Daemon) -> Any:
    """SIGTERM and SIGINT stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
