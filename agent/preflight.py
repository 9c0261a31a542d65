"""What can be refused before anything is touched: the home stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import birth, plugins
from agent.apart import ALLOW, Apart, refusal
from agent.errors import BadConfig
from chain.errors import BadSettings
from chain.signer_config import read as read_signer_config
from chain.types import Address
from strategies.port import Tools

if TYPE_CHECKING:
    from agent.config import Config
    from agent.home import Home
    from chain.reader import BlockReader


async def preflight(home: Home, config: Config) -> None:
    """Everything that a first run needs, asked before a key is opened or a ledger begun."""
    from chain.client import ChainClient
    from chain.reader import BlockReader

    birth.read_permit(home)
    _plugins(config)
    await _confined(config)
    if config.keys.signer == "child":
        _signer(home, config)
    async with ChainClient(config.chain.rpc, config.chain.chain_id) as client:
        read = await BlockReader.latest(client)
        if await client.rpc("eth_getCode", config.chain.registry, "latest") == "0x":
            raise BadConfig(
                f"there is no contract at the registry {config.chain.registry}",
                "compare chain.registry with what forager deploy wrote",
            )
        if not await _is_born(home, config, read):
            await birth.judge(home, config, read)


async def _is_born(home: Home, config: Config, read: BlockReader) -> bool:
    """A daemon may have been killed between its birth and its first record."""
    from chain.contracts import AGENT_OF

    wallet = birth.read_permit(home)["wallet"]
    [agent] = await read.call(Address(config.chain.registry), AGENT_OF, [wallet])
    return bool(agent)


def _plugins(config: Config) -> None:
    """Every name is known and every option of ours can be."""
    chain = config.chain
    network = plugins.compute_network(
        config.compute,
        Address(chain.lease_market),
        Address(chain.token),
        Address(config.keys.operator),
    )
    for name in config.use:
        plugins.strategy(name, config.strategies.get(name, {}), Tools(network), lambda *_: None)


async def _confined(config: Config) -> None:
    """Strangers' strategies run shut in, or by the operator's word, or not at all."""
    for name in plugins.strangers(config.use):
        if name in config.plugins.allow_unconfined:
            continue
        found = await Apart(name, {}, {"compute": config.compute}).confinement()
        if found.lacks:
            raise BadConfig(refusal(name, found), ALLOW)


def _signer(home: Home, config: Config) -> None:
    """Agent and signer are told the same by two files."""
    signer, chain = read_signer_config(home.signer_config), config.chain
    for name, ours, its in (
        ("chain_id", chain.chain_id, signer.chain_id),
        ("registry", chain.registry, signer.registry),
        ("operator", config.keys.operator, signer.operator),
    ):
        if ours != its:
            raise BadConfig(
                f"{name} is {ours} in {home.config.name}, {its} in {home.signer_config.name}",
                "mend the one that is wrong",
            )
    for path in (signer.passphrase_file, signer.wallet_key, signer.log_key, signer.limits):
        if not path.is_file():
            raise BadSettings(f"{home.signer_config.name} names {path}, which is not there")
