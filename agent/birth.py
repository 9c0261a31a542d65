"""Being born: one transaction with the operator's permit, then record 0 that names it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agent import bodies, genome
from agent.body import Tools
from agent.config import Config
from agent.errors import CannotBeBorn
from agent.home import Home
from agent.permitting import address_in
from chain import fees, permit
from chain.contracts import AGENT_OF, BALANCE_OF, BIRTH
from chain.errors import ChainError
from chain.limits_file import digest_of
from chain.reader import BlockReader
from chain.types import Address, Call, Entry, Intent, Refused, SignerState, Wei
from strategies.port import Placing

if TYPE_CHECKING:
    from telemetry.log import Log

GAS: Final = 500_000
FIRST_HOURS_GAS: Final = 1_500_000
"""Birth, saying where the log is, and a few first actions."""
MAX_FEE: Final = Wei(200 * 10**9)
"""For one unit of gas; the limits may say less."""
PATIENCE_S: Final = 180.0
PAUSE_S: Final = 0.1
INTENT: Final = "birth"


def read_permit(home: Home) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(home.permit.read_text("utf-8"))
        permit.birth_from_json(found)
    except FileNotFoundError:
        raise CannotBeBorn(
            f"there is no permit in {home.root}", "the operator makes one with forager permit"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CannotBeBorn(
            f"{home.permit} is damaged", "make a new one with forager permit"
        ) from None
    return found


async def judge(home: Home, config: Config, read: BlockReader) -> None:
    """Refuse before anything is signed: a permit that is no good, or too little money."""
    found, _ = permit.birth_from_json(read_permit(home))
    if config.keys.signer == "child":
        _is_for(found.wallet, address_in(home.keys / "wallet.json"))
    if found.deadline <= read.block.at:
        raise CannotBeBorn("the permit has expired", "make a new one with forager permit")
    if "0x" + found.genome.hex() != genome.load(home.genome).digest():
        raise CannotBeBorn("the permit is for another genome", "make a new one with forager permit")
    held = await read.balance(found.wallet)
    needed = FIRST_HOURS_GAS * fees.offer(await read.base_fee(), MAX_FEE).max_fee
    if held < needed:
        raise CannotBeBorn(
            f"{found.wallet} holds {held / 1e18:.6f} ETH, a birth needs {needed / 1e18:.6f}",
            "send it some and run again",
        )
    [micro] = await read.call(Address(config.chain.token), BALANCE_OF, [found.wallet])
    if config.placing.mode is Placing.REMOTE and micro == 0:
        raise CannotBeBorn(
            f"{found.wallet} holds no money to rent a model with", "send it some and run again"
        )


def _is_for(permitted: Address, wallet: Address) -> None:
    if permitted != wallet:
        raise CannotBeBorn(
            f"the permit is for {permitted}, this wallet is {wallet}",
            "make a new one with forager permit",
        )


async def be_born(tools: Tools, state: SignerState) -> SignerState:
    """Send the birth, and wait until the registry knows the agent for good.

    Asked again by a process that was killed on the way, it waits for the same birth: one that is
    not final yet may still be undone, or come to another number.
    """
    permitted, signature = permit.birth_from_json(read_permit(tools.home))
    _is_for(permitted.wallet, state.wallet)
    read = await BlockReader.latest(tools.client)
    call = Call(state.registry, BIRTH, permit.birth_args(permitted, signature), gas=GAS)
    verdict = await tools.signer.admit(
        Intent(INTENT, 0, "birth", call), tools.sender.offer(await read.base_fee())
    )
    if isinstance(verdict, Refused) and state.agent:
        raise CannotBeBorn(
            f"this wallet is agent {state.agent} already, and its ledger knows of no birth",
            "restore the whole home, or let the operator end it on chain",
        )
    if isinstance(verdict, Refused) and state.halted:
        raise CannotBeBorn("this agent is halted", "the operator lifts that with forager resume")
    if isinstance(verdict, Refused):
        facts = json.dumps(dict(verdict.facts))
        raise CannotBeBorn(
            f"the signer refuses the birth: {verdict.reason} {facts}", "look at limits.json"
        )
    await tools.sender.send(verdict.entry)
    try:
        return await asyncio.wait_for(_known(tools, verdict.entry), PATIENCE_S)
    except TimeoutError:
        raise CannotBeBorn(
            f"no block took the birth in {PATIENCE_S:.0f} s",
            "run again: the same bytes wait for one",
        ) from None


async def _known(tools: Tools, entry: Entry) -> SignerState:
    """Once it is settled and the signer has heard of it; a chain that is silent now may answer."""
    while True:
        try:
            await _settled(tools, entry)
            break
        except ChainError as fault:
            if fault.consequence != "retry":
                raise
        await tools.time.pause(PAUSE_S)
    while True:
        try:
            state, read = await tools.signer.state(), await BlockReader.latest(tools.client)
            [agent] = await read.call(state.registry, AGENT_OF, [state.wallet])
        except ChainError as fault:
            if fault.consequence != "retry":
                raise
        else:
            if agent and agent == state.agent:
                return state
        await tools.time.pause(PAUSE_S)


async def begin_log(tools: Tools, log: Log, state: SignerState, bounds: Mapping[str, Any]) -> None:
    """Write record 0, unless a life before this process already has."""
    if log.next_seq:
        return
    [entry, *_] = await tools.signer.entries(0)
    limits = json.loads(tools.home.limits.read_text("utf-8"))["limits"]
    read = await BlockReader.latest(tools.client)
    log.append(
        "birth",
        bodies.birth(
            state,
            entry,
            read_permit(tools.home),
            genome.load(tools.home.genome).plain(),
            _limits_digest(limits),
            bounds,
        ),
        read.block,
    )


async def _settled(tools: Tools, entry: Entry) -> None:
    while True:
        for sighting in await tools.watcher.poll():
            if sighting.entry.intent.id != entry.intent.id or not sighting.final:
                continue
            if sighting.receipt is not None and sighting.receipt.ok:
                return
            raise CannotBeBorn(
                "the registry refused the birth", "was this permit or this wallet used before?"
            )
        await tools.time.pause(PAUSE_S)


def _limits_digest(limits: Mapping[str, Any]) -> str:
    return "0x" + digest_of(limits).hex()
