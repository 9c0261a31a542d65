"""The world that containers live in: founded once, and a provider can start from what it wrote."""

from __future__ import annotations

import pytest

from chain import keystore
from chain.contracts import BALANCE_OF
from chain.errors import ChainError
from chain.reader import BlockReader
from chain.types import Address
from compute.provider_config import load_config
from world.standing import ENDOWMENT, RICH, endow, found

pytestmark = pytest.mark.anvil

WALLET = Address("0x00000000000000000000000000000000000000Cc")


async def test_a_world_is_founded_and_an_agent_endowed(client, devnet, tmp_path):
    uri = "http://provider:8600"
    made = await found(tmp_path, devnet.url, host="127.0.0.1", port=8600, uri=uri)
    provider = load_config(tmp_path / "provider.toml")
    assert provider.chain.market == made.lease_market
    assert provider.offer.uri == uri
    word = keystore.read_passphrase(provider.key.passphrase_file)
    someone = keystore.open_key(provider.key.file, word).address
    await endow(tmp_path, devnet.url, WALLET)
    read = await BlockReader.latest(client)
    assert await read.call(made.token, BALANCE_OF, [someone]) == [RICH]
    assert await read.call(made.token, BALANCE_OF, [WALLET]) == [ENDOWMENT[0]]
    assert await read.balance(WALLET) == ENDOWMENT[1]


async def test_a_try_that_failed_leaves_nothing_in_the_way_of_the_next(tmp_path):
    with pytest.raises(ChainError):
        await found(tmp_path, "http://127.0.0.1:1", host="127.0.0.1", port=1, uri="")
    assert list(tmp_path.iterdir()) == []
