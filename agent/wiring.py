"""Puts a daemon together from its config: the only file that names implementations."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from agent import birth, genome, halting, life, plugins
from agent.apart import Apart
from agent.body import Body, Tools
from agent.config import MISSED_HEARTBEATS, Config
from agent.daemon import Daemon
from agent.errors import BadConfig
from agent.hands import Hands
from agent.home import Home
from agent.host import WALL, Host
from agent.life import Notes, Phase, Turn
from agent.publishing import publishing
from agent.senses import Self, Senses
from agent.shop import opening as shop
from agent.thinking import thinking
from agent.waking import Children
from chain.client import ChainClient
from chain.contracts import Life, life_of
from chain.errors import Unreachable, WrongChain
from chain.outbox import Outbox
from chain.port import Signer
from chain.reader import BlockReader
from chain.sender import Sender
from chain.signer_client import SignerClient
from chain.signer_config import read as read_signer_config
from chain.types import SignerState
from chain.watcher import Watcher
from compute.manifest import manifest
from strategies.port import Strategy
from strategies.port import Tools as StrategyTools
from telemetry.log import Log

HOUR_S: Final = 3600
RESEND_S: Final = 4.0


@contextlib.asynccontextmanager
async def tools_of(home: Home, config: Config, host: Host) -> AsyncIterator[Tools]:
    """Chain and signer, both answering."""
    async with contextlib.AsyncExitStack() as stack:
        client = host.client
        if client is None:
            opening = ChainClient(config.chain.rpc, config.chain.chain_id)
            client = await stack.enter_async_context(opening)
        signer = await stack.enter_async_context(host.signer())
        state = await signer.state()
        if state.chain_id != config.chain.chain_id:
            raise WrongChain(ours=config.chain.chain_id, signers=state.chain_id)
        outbox, clock = Outbox(), host.time.clock
        sender = Sender(client, signer, outbox, clock=clock, max_fee=birth.MAX_FEE)
        watcher = Watcher(
            client,
            sender,
            outbox,
            state.wallet,
            clock=clock,
            finality_blocks=config.chain.finality_blocks,
            resend_s=RESEND_S,
        )
        yield Tools(home, config, client, signer, sender, watcher, host.time, host.keeping)


def hosted(home: Home, config: Config, children: Children) -> Host:
    """A process of its own for this one life, with the two that it started."""

    @contextlib.asynccontextmanager
    async def signer() -> AsyncIterator[Signer]:
        socket = Path(config.keys.socket)
        if children.signer is not None:
            await children.signer
            socket = read_signer_config(home.signer_config).socket
        client = SignerClient(socket)
        try:
            yield client
        finally:
            await client.close()

    async def loaded() -> None:
        if children.loading is not None:
            await children.loading

    return Host(
        born_as=children.born_as,
        signer=signer,
        thinking=lambda asked: thinking(config, children.born_as, children.engine, asked),
        loaded=loaded,
        time=WALL,
        keeping=children.keeping,
    )


async def live(home: Home, config: Config, host: Host, awake: Callable[[], None]) -> Notes:
    """Be born if need be, then live until the end or until stopped; says when it is awake."""
    born_as = host.born_as
    async with contextlib.AsyncExitStack() as stack:
        tools = await stack.enter_async_context(tools_of(home, config, host))
        if host.time.signals:
            await stack.enter_async_context(halting.listening(home.halt_asked, tools.signer))
        mind = host.thinking(tools.signer)
        for scorer in (mind.scorer, mind.reads, mind.sells):
            if scorer is not None:
                stack.push_async_callback(scorer.close)
        await host.loaded()
        notes = life.load(home.notes)
        state = await tools.signer.state()
        if notes.phase is Phase.UNBORN:
            state = await birth.be_born(tools, state)
        log = Log(home.log, state.agent, host.time.wall_ms)
        stack.callback(log.close)
        registered = await _registered(tools, state)
        who = _self(config, state, registered, born_as)
        await birth.begin_log(tools, log, state, _bounds(config, who))
        _keep_promise(config, log)
        notes = await _noted(tools, notes, state, who)
        if notes.phase is Phase.ENDED:
            return notes
        outlet = await stack.enter_async_context(
            publishing(home, config, log, tools.signer, state.log_key, host.time)
        )
        places = who.places
        compute = plugins.compute_network(
            config.compute, places.lease_market, places.token, who.guardian
        )
        stall = await stack.enter_async_context(
            shop.opened(config, tools, log, who, mind.sells or mind.scorer)
        )
        chooses = stall.scorer if mind.sells is None else mind.scorer
        lent = StrategyTools(compute, stall.trade, mind.reads or chooses)
        strategies = _strategies(config, lent, who)
        for strategy in strategies:
            if isinstance(strategy, Apart):
                stack.push_async_callback(strategy.close)
        body = Body(
            tools=tools,
            who=who,
            seed=bytes.fromhex(registered.seed[2:]),
            log=log,
            gateway=outlet.gateway,
            publisher=outlet.publisher,
            compute=compute,
            proposers=strategies,
            senses=Senses(
                compute, strategies, [each.name for each in strategies if isinstance(each, Apart)]
            ),
            scorer=chooses,
            rule=host.rule,
            move=mind.move,
            hands=Hands(tools.signer, tools.sender, tools.watcher, log),
            serves=outlet.serves,
            trade=stall.trade,
        )
        return await Daemon(body, notes, awake).run()


async def _registered(tools: Tools, state: SignerState) -> Life:
    """What the registry says of this agent: an age that is not known is not zero."""
    read = await BlockReader.latest(tools.client)
    registered = await life_of(read, state.registry, state.agent)
    if registered is None:
        raise Unreachable("The registry does not know this agent", agent=state.agent)
    return registered


def _self(config: Config, state: SignerState, registered: Life, born_as: genome.Genome) -> Self:
    chain = config.chain
    return Self(
        agent=state.agent,
        wallet=state.wallet,
        guardian=state.operator,
        places=chain.places,
        placing=config.placing.mode,
        manifest=manifest(born_as.gguf, born_as.adapter, config.mind.context),
        born_at=registered.born_at,
        horizon_s=int(config.life.horizon_h * HOUR_S),
        hibernate_max_s=int(config.life.hibernate_max_h * HOUR_S),
    )


async def _noted(tools: Tools, notes: Notes, state: SignerState, who: Self) -> Notes:
    if notes.phase is not Phase.UNBORN:
        return notes
    read = await BlockReader.latest(tools.client)
    born = notes.turn(
        Turn.BORN,
        agent=state.agent,
        born_at=who.born_at,
        born_block=read.block.number,
        last_active_at=who.born_at,
    )
    life.save(tools.home.notes, born)
    return born


def _keep_promise(config: Config, log: Log) -> None:
    """How long a healthy life may be silent was said in record 0, and auditors hold it to that."""
    if config.life.silence_ms > log.silence_ms:
        most_s = log.silence_ms / 1000 / MISSED_HEARTBEATS
        raise BadConfig(
            f"life.heartbeat_s = {config.life.heartbeat_s:g} is slower than was promised at birth",
            f"at most {most_s:g} for this life",
        )


def _bounds(config: Config, who: Self) -> dict[str, object]:
    return {
        "placing": str(who.placing),
        "horizon_s": who.horizon_s,
        "hibernate_max_s": who.hibernate_max_s,
        "silence_ms": config.life.silence_ms,
        "places": asdict(who.places),
        "speed": config.chain.chain_seconds_per_wall_second,
    }


def _strategies(config: Config, tools: StrategyTools, who: Self) -> Sequence[Strategy | Apart]:
    facts = {
        "compute": config.compute,
        "market": str(who.places.lease_market),
        "token": str(who.places.token),
        "guardian": str(who.guardian),
    }
    return [
        plugins.strategy(
            name,
            config.strategies.get(name, {}),
            tools,
            lambda name, options: Apart(
                name, options, facts, may_lack=name in config.plugins.allow_unconfined
            ),
        )
        for name in config.use
    ]
