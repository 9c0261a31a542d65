"""A provider from its config on: what it posts, serves, houses, collects and survives."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fakes import FakeScorer, FakeSigner
from marketplace import Marketplace, found

import compute
from chain import keystore, permit
from chain.client import ChainClient
from chain.keys import Key
from chain.types import RATE_SCALE, Address, Call, Micro
from compute import provider_run
from compute.endpoint import RemoteScorer
from compute.engine_client import Engine, EngineConfig
from compute.errors import BadConfig, NoModel
from compute.manifest import digest_file, manifest
from compute.market import LeaseMarket
from compute.onchain import Phase, lease_count, lease_row, offer_rows
from compute.port import LeaseState, ModelId
from compute.provider_config import ProviderConfig, load_config
from compute.provider_run import run_provider

pytestmark = pytest.mark.anvil

RATE = RATE_SCALE * 10
HOUR = Micro(36_000)
PASSPHRASE = b"of a key that guards nothing"
STRANGER = Key(b"\x07" * 32)
SECRET = b"\x11" * 32


class TenantSigner(FakeSigner):
    """Signs access for the registry the provider knows."""

    def __init__(self, key: Key, registry: Address) -> None:
        super().__init__(key, 31337)
        self.domain = permit.Domain(31337, registry)

    async def access(self, lease, provider, at, digest):
        return permit.sign(self._key, self.domain, permit.Access(lease, provider, at, digest))


@pytest.fixture
async def town(client: ChainClient, devnet) -> Marketplace:
    """The provider's key is one of its own; all three have ether and dollars."""
    keys = (Key(SECRET), *devnet.keys[1:3])
    await client.rpc("anvil_setBalance", keys[0].address, hex(10**21))
    return await found(client, keys)


@pytest.fixture
def write(tmp_path, town, devnet):
    """Writes a provider's config, and gives it loaded."""
    keystore.make(tmp_path / "key.json", PASSPHRASE, SECRET)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    (tmp_path / "model.gguf").write_bytes(b"a model, as far as this test goes")

    def write(offer="", placing="", model="") -> Path:
        file = tmp_path / "provider.toml"
        file.write_text(
            f"""
home = "provider"
[chain]
rpc = ["{devnet.url}"]
chain_id = {devnet.chain_id}
registry = "{town.registry}"
market = "{town.address}"
token = "{town.token}"
[key]
file = "key.json"
passphrase_file = "passphrase"
[offer]
rate = {RATE}
min_s = 600
max_s = 86_400
grace_s = 900
activation_s = 300
slots = 4
{offer}
[model]
path = "model.gguf"
{model}
[habits]
poll_s = 0.05
will_s = 5.0
collect_micro = 5000
{placing}
"""
        )
        return file

    digest = digest_file(tmp_path / "model.gguf")
    town.manifest = manifest(digest, "", 512)
    write.model = ModelId(digest, "", "fake")
    return write


@pytest.fixture
def at_work(monkeypatch, write):
    """Runs a provider whose engine is a fake, until the block ends."""

    @asynccontextmanager
    async def engine(model, _files):
        yield FakeScorer(write.model) if model.serve else None

    monkeypatch.setattr(provider_run, "_engine", engine)

    @asynccontextmanager
    async def at_work(file: Path):
        said = []
        task = asyncio.create_task(run_provider(load_config(file), said.append))
        try:
            await until(lambda: task.done() or any("on the market" in line for line in said))
            yield said
        finally:
            if task.done():
                task.result()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return at_work


async def until(reached, patience_s=15.0) -> None:
    limit = time.monotonic() + patience_s
    while True:
        seen = reached()
        if await seen if asyncio.iscoroutine(seen) else seen:
            return
        assert time.monotonic() < limit
        await asyncio.sleep(0.05)


def market(town: Marketplace) -> LeaseMarket:
    return LeaseMarket(town.address, town.token, town.guardian)


async def rent(town: Marketplace, manifest_digest: str = "") -> int:
    read = await town.read()
    offer, *_ = await market(town).discover(read)
    wanted = manifest_digest or town.manifest
    call = market(town).open(offer, HOUR, town.guardian, wanted, read.block.at + 600)
    await town.do(call)
    # By number: a provider may have declined or even closed it before we look.
    return await lease_count(await town.read(), town.address)


async def row(town: Marketplace, lease: int):
    return await lease_row(await town.read(), town.address, lease)


async def active(town: Marketplace, lease: int) -> None:
    async def is_active() -> bool:
        return (await row(town, lease)).phase is Phase.ACTIVE

    await until(is_active)


async def closed(town: Marketplace, lease: int) -> None:
    async def is_closed() -> bool:
        return (await row(town, lease)).phase is Phase.CLOSED

    await until(is_closed)


def tenant_scorer(town: Marketplace, model: ModelId, key: Key | None = None) -> RemoteScorer:
    return RemoteScorer(TenantSigner(key or town.tenant_key, town.registry), model, 5.0, time.time)


async def test_a_tenant_is_served_and_nobody_else(town, write, at_work):
    async with at_work(write()):
        lease = await rent(town)
        await active(town, lease)
        [seen] = await market(town).leases(await town.read(), town.tenant)
        tenant, stranger = (
            tenant_scorer(town, write.model),
            tenant_scorer(town, write.model, STRANGER),
        )
        for scorer in (tenant, stranger):
            scorer.move(seen)
        await until(lambda: _scores(tenant))
        with pytest.raises(NoModel, match="refused"):
            await stranger.score("p", "AB")
        await town.do(market(town).close(seen))
        await until(lambda: _refused(tenant))
        await tenant.close()
        await stranger.close()


@pytest.mark.model
async def test_a_leased_model_scores_as_a_local_one_does(town, write, tmp_path):
    """The whole way: a real engine behind a real gate, paid for on a real chain."""
    gguf = Path(compute.__file__).parent / "models" / "forager-g0.gguf"
    (tmp_path / "model.gguf").unlink()
    (tmp_path / "model.gguf").symlink_to(gguf)
    town.manifest = manifest(digest_file(gguf), "", 512)
    engine = Engine(EngineConfig(model=gguf))
    model = await engine.start()
    remote = tenant_scorer(town, model)
    task = asyncio.create_task(run_provider(load_config(write())))
    try:
        await until(lambda: task.done() or _offered(town), 60)
        lease = await rent(town)
        await active(town, lease)
        [seen] = await market(town).leases(await town.read(), town.tenant)
        remote.move(seen)
        await asyncio.sleep(0.2)  # the provider has yet to see the block
        prompt, labels = "thriving A hold B work C", ("A", "B", "C")
        assert await remote.score(prompt, labels) == await engine.score(prompt, labels)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await remote.close()
        await engine.close()


async def _scores(scorer: RemoteScorer) -> bool:
    try:
        return (await scorer.score("prompt", "ABC")).logits == (0.0, -1.0, -2.0)
    except NoModel:
        return False


async def _refused(scorer: RemoteScorer) -> bool:
    return not await _scores(scorer)


async def test_a_lease_is_kept_alive_and_its_earnings_are_collected(town, write, at_work):
    async with at_work(write()):
        before = await town.held(town.provider.address)
        lease = await rent(town)
        await active(town, lease)
        for _ in range(5):
            start = (await row(town, lease)).heartbeat_at
            await town.pass_s(320)

            async def beaten(start=start) -> bool:
                return (await row(town, lease)).heartbeat_at > start

            await until(beaten)
        [seen] = await market(town).leases(await town.read(), town.tenant)
        assert seen.state is LeaseState.ACTIVE

        async def collected() -> bool:
            return await town.held(town.provider.address) >= before + 9_000

        await until(collected)
        beat = -1
        while beat != (beat := (await row(town, lease)).heartbeat_at):
            await town.pass_s(4000)  # at once; again if a heartbeat was in the very block
        await closed(town, lease)

        async def all_of_it() -> bool:
            return (await row(town, lease)).owed == 0

        await until(all_of_it)
        ended = await row(town, lease)
        assert ended.settled_until == beat + 900
        earned = await town.held(town.provider.address) - before
        assert earned == (ended.settled_until - ended.activated_at) * 10


async def test_a_lease_for_another_model_is_declined(town, write, at_work):
    async with at_work(write()):
        held = await town.held()
        other = await rent(town, "0x" + "cd" * 32)
        fitting = await rent(town)
        await active(town, fitting)
        await closed(town, other)
        assert (await row(town, other)).activated_at == 0
        assert await town.held() == held - HOUR


async def test_the_price_follows_its_path(town, write, at_work, tmp_path):
    path = [[0, RATE * 2], [1000, RATE * 3]]
    (tmp_path / "prices.json").write_text(json.dumps(path))

    async def asked(rate: int) -> bool:
        [offer] = await market(town).discover(await town.read())
        return offer.rate == rate

    async with at_work(write(offer='price_path = "prices.json"')):
        await until(lambda: asked(RATE * 2))
        await town.pass_s(1000)
        await until(lambda: asked(RATE * 3))


async def test_a_provider_that_restarts_adopts_its_offer_and_its_leases(town, write, at_work):
    file = write()
    async with at_work(file):
        lease = await rent(town)
        await active(town, lease)
    waiting = await rent(town)
    (load_config(file).home / "provider.json").unlink()
    async with at_work(file):
        await active(town, waiting)
        start = (await row(town, lease)).heartbeat_at
        await town.pass_s(301)

        async def beaten() -> bool:
            return (await row(town, lease)).heartbeat_at > start

        await until(beaten)
    assert len(await offer_rows(await town.read(), town.address)) == 1


async def test_changed_terms_are_a_new_offer_and_the_old_one_is_closed(town, write, at_work):
    async with at_work(write(offer="stake_micro = 5000")):
        [staked] = await offer_rows(await town.read(), town.address)
        assert staked.stake == 5000
    async with at_work(write(offer='hardware = "0x' + "11" * 32 + '"')):

        async def moved() -> bool:
            old, new = await offer_rows(await town.read(), town.address)
            return not old.open and new.open

        await until(moved)


def housing(town: Marketplace, line: str, home: Path) -> str:
    return f"""
[[placing]]
tenant = "{town.tenant}"
command = ["/bin/sh", "-c", '''{line}''']
home = "{home}"
"""


async def test_an_agent_lives_here_while_its_lease_is_active(town, write, at_work, tmp_path):
    home = tmp_path / "agent"
    home.mkdir()
    line = "echo born >> lives; trap 'echo will >> lives; exit 0' TERM; while :; do sleep 0.1; done"
    lives = home / "lives"

    def lived(*events: str):
        return lambda: lives.exists() and lives.read_text().split() == list(events)

    file = write(placing=housing(town, line, home), model="serve = false")
    async with at_work(file):
        lease = await rent(town)
        await active(town, lease)
        await until(lived("born"))
        await town.pass_s(4000)  # neither money nor heartbeats last so long
        await until(lived("born", "will"))
        await closed(town, lease)
        again = await rent(town)
        await active(town, again)
        await until(lived("born", "will", "born"))
    assert lived("born", "will", "born", "will")()


async def test_a_killed_provider_finds_its_agent_again(town, write, tmp_path):
    home = tmp_path / "agent"
    home.mkdir()
    placing = housing(town, "echo $$ >> pids; exec sleep 600", home)
    file = write(placing=placing, model="serve = false")
    pids = home / "pids"
    provider = _process(file)
    try:
        await until(lambda: _offered(town))
        lease = await rent(town)
        await until(lambda: pids.exists() and pids.read_text().strip())
        provider.kill()
        provider.wait()
        agent = int(pids.read_text())
        assert _lives(agent)
        await town.pass_s(400)
        start = (await row(town, lease)).heartbeat_at
        provider = _process(file)

        async def beaten() -> bool:
            return (await row(town, lease)).heartbeat_at > start

        await until(beaten)
        assert pids.read_text().split() == [str(agent)]
        provider.send_signal(signal.SIGTERM)
        assert provider.wait(20) == 0
        assert not _lives(agent)
        assert (await row(town, lease)).phase is Phase.ACTIVE
        [offer] = await offer_rows(await town.read(), town.address)
        assert offer.open
    finally:
        provider.kill()
        provider.wait()
        if pids.exists():
            for pid in pids.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def _lives(pid: int) -> bool:
    """A zombie that no init has reaped yet is dead."""
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(said.stdout.strip()) and not said.stdout.startswith("Z")


async def _offered(town: Marketplace) -> bool:
    return len(await market(town).discover(await town.read())) == 1


def _process(file: Path) -> subprocess.Popen[bytes]:
    program = (
        "import asyncio, sys, pathlib\n"
        "from compute.provider_config import load_config\n"
        "from compute.provider_run import run_provider\n"
        "asyncio.run(run_provider(load_config(pathlib.Path(sys.argv[1])), print))\n"
    )
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
    )


def test_the_config_says_what_is_wrong_and_what_was_meant(write):
    file = write()
    assert isinstance(load_config(file), ProviderConfig)
    file.write_text(file.read_text().replace("grace_s", "grace"))
    with pytest.raises(BadConfig, match=r"offer\.grace is unknown; did you mean grace_s"):
        load_config(file)


async def test_a_stranger_cannot_make_it_act(town, write, at_work):
    """A lease on someone else's offer, and one expired by someone else, change nothing here."""
    async with at_work(write()) as said:
        lease = await rent(town)
        await active(town, lease)
        await town.pass_s(5000)
        with suppress(Exception):
            await town.purse.send(Call(town.address, "expire(uint256)", (lease,)))
        await closed(town, lease)
        again = await rent(town)
        await active(town, again)
    assert "stopped" in said
