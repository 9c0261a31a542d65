"""Where a life's log is to be had: served by our own gateway, and sent to every target."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from agent import ports
from agent.config import Config, KuboTarget
from agent.config import Target as TargetSection
from agent.home import Home
from agent.host import Time
from chain.permit import Domain
from chain.types import Address
from telemetry.cadence import Cadence
from telemetry.kubo import Kubo
from telemetry.log import Log
from telemetry.multiaddr import multiaddr_of
from telemetry.node import Node
from telemetry.pinning import Origin, Pinning
from telemetry.publisher import HeadSigner, Publisher
from telemetry.target import Target


class Outlet(NamedTuple):
    """A gateway that listens, the address that others are told, and what sends epochs on."""

    gateway: str
    serves: str
    publisher: Publisher


@contextlib.asynccontextmanager
async def publishing(
    home: Home,
    config: Config,
    log: Log,
    signer: HeadSigner,
    log_key: str,
    time: Time,
) -> AsyncIterator[Outlet]:
    """Listens for as long as the block; the publisher is for the caller to run."""
    domain = Domain(config.chain.chain_id, Address(config.chain.registry))
    async with contextlib.AsyncExitStack() as stack:
        node = Node(log, domain)
        gateway = await _listen(node, config)
        stack.push_async_callback(node.stop)
        serves = config.telemetry.serve_uri or gateway
        targets = [target_of(section, home, serves) for section in config.telemetry.targets]
        for target in targets:
            stack.push_async_callback(target.close)
        publisher = Publisher(
            log,
            signer,
            targets,
            cars=home.cars,
            domain=domain,
            log_key=log_key,
            cadence=Cadence(config.telemetry.epoch_records, config.telemetry.epoch_s),
            clock=time.wall_ms,
            sleep=time.behind,
        )
        yield Outlet(gateway, serves, publisher)


async def _listen(node: Node, config: Config) -> str:
    host, port = config.telemetry.gateway_host, config.telemetry.gateway_port
    try:
        return await node.start(host, port)
    except OSError as fault:
        raise ports.taken(host, port, fault) from None


def target_of(section: TargetSection, home: Home, serves: str) -> Target:
    """The adapter for one table of the config; a service is told to fetch from `serves`."""
    if isinstance(section, KuboTarget):
        return Kubo(section.url, section.deadline_s)
    ours = (multiaddr_of(serves),) if serves.startswith(("http://", "https://")) else ()
    origin = Origin(serves, tuple(dict.fromkeys((*ours, *section.origins))))
    return Pinning(section.url, home.root / section.token_file, origin, section.deadline_s)
