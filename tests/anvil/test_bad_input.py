"""Whatever is wrong with a home or a world: one line that says so, exit code 2, nothing touched."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from lifetime import Life, World, forager, world

from agent.models import resolve
from chain.types import Wei
from world.settling import MODEL

pytestmark = [pytest.mark.anvil, pytest.mark.asyncio(loop_scope="module")]

Harm = Callable[[Life], object]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Nothing is ever mined after its founding: whoever sends something waits for ever."""
    async with world(tmp_path_factory.mktemp("world")) as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unborn(here: World) -> Life:
    """A home that lacks nothing; every test puts it back as it was."""
    return await here.settle("unborn", leased=False)


@pytest.fixture
def life(unborn: Life) -> AsyncIterator[Life]:
    kept = unborn.homes.root.with_name("kept")
    shutil.copytree(unborn.homes.root, kept)
    yield unborn
    shutil.rmtree(unborn.homes.root)
    kept.rename(unborn.homes.root)


def digest(home: Path) -> dict[str, str]:
    """Every file outside run/ and logs/."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.relative_to(home).parts[0] not in ("run", "logs")
    }


def in_config(before: str, after: str, file: str = "forager.toml") -> Harm:
    def harm(life: Life) -> None:
        path = life.home.root / file
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), "utf-8")

    return harm


def both(before: str, after: str) -> Harm:
    """In what the agent reads and in what its signer reads."""

    def harm(life: Life) -> None:
        in_config(before, after)(life)
        in_config(before, after, "signer.toml")(life)

    return harm


def with_model(spoil: Callable[[bytes], bytes]) -> Harm:
    def harm(life: Life) -> None:
        path = life.home.root / "model.gguf"
        path.write_bytes(spoil(resolve(MODEL).read_bytes()))
        in_config(f'model = "{MODEL}"', f"model = {json.dumps(str(path))}")(life)

    return harm


def permit_for(**changes: object) -> Harm:
    def harm(life: Life) -> None:
        found = json.loads(life.home.permit.read_text("utf-8"))
        life.home.permit.write_text(json.dumps({**found, **changes}), "utf-8")

    return harm


def no_node(life: Life) -> None:
    """A port on which nothing listens."""
    both(life.world.devnet.url, "http://127.0.0.1:9")(life)


def flipped(data: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


STRANGER = "0x00000000000000000000000000000000000000AA"
WRONG: dict[str, tuple[Harm, str]] = {
    "an unknown key": (in_config("tick_s", "tick_z"), "did you mean tick_s?"),
    "an unknown table": (in_config("[placing]", "[placeing]"), "did you mean placing?"),
    "a value that cannot be": (in_config("tick_s = 0.5", "tick_s = -1"), "life.tick_s"),
    "a value of another kind": (in_config("tick_s = 0.5", 'tick_s = "soon"'), "life.tick_s"),
    "no TOML": (in_config("[chain]", "[chain"), "not TOML"),
    "a strategy nobody has": (in_config('"keeper"', '"keepers"'), "keeper"),
    "another chain": (both("chain_id = 31337", "chain_id = 31338"), "31338"),
    "agent and signer of two minds": (in_config("31337", "1", "signer.toml"), "chain_id"),
    "no contract at the registry": (
        lambda life: both(life.world.registry, STRANGER)(life),
        "no contract",
    ),
    "no node": (no_node, "No endpoint answered"),
    "a signer.toml that is none": (in_config("rpc", "[rpc", "signer.toml"), "signer.toml"),
    "another passphrase": (
        lambda life: life.homes.passphrase.write_text("not this one\n"),
        "passphrase does not open",
    ),
    "no passphrase": (lambda life: life.homes.passphrase.unlink(), "passphrase"),
    "a damaged key": (lambda life: (life.home.keys / "log.json").write_text("{"), "log.json"),
    "no key": (lambda life: (life.home.keys / "wallet.json").unlink(), "wallet.json"),
    "no model": (in_config(MODEL, "builtin:none"), "missing"),
    "a model with one bit flipped": (with_model(flipped), "not the model"),
    "half a model": (with_model(lambda data: data[: len(data) // 2]), "not the model"),
    "no genome": (lambda life: life.home.genome.unlink(), "genome"),
    "no permit": (lambda life: life.home.permit.unlink(), "no permit"),
    "a damaged permit": (lambda life: life.home.permit.write_text('{"birth": 1'), "damaged"),
    "a permit that lacks something": (permit_for(deadline=None), "damaged"),
    "a permit for another": (permit_for(wallet=STRANGER), "the permit is for"),
    "a permit that has expired": (permit_for(deadline=1), "expired"),
    "a permit nobody signed": (permit_for(seed="0x" + "07" * 32), "signer refuses the birth"),
    "no limits": (lambda life: life.home.limits.unlink(), "limits.json"),
    "damaged limits": (lambda life: life.home.limits.write_text("{}"), "limits"),
    "no home": (lambda life: shutil.rmtree(life.home.root), "no agent lives"),
    "an empty home": (
        lambda life: (shutil.rmtree(life.home.root), life.home.root.mkdir()),
        "no agent lives",
    ),
}
TOUCHES = {"a permit nobody signed"}
"""Only the signer can tell, and it has a ledger then."""


async def refused(life: Life, says: str, *, touches: bool = False) -> None:
    before = digest(life.home.root)
    said = await life.command("run")
    assert said.code == 2, said
    assert said.err.startswith("forager: "), said
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert says in said.err, said.err
    assert said.out == ""
    after = digest(life.home.root)
    assert {name: after.get(name) for name in before} == before
    assert touches or after == before, after.keys() - before.keys()


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_said_in_one_line(life: Life, wrong: str) -> None:
    harm, says = WRONG[wrong]
    harm(life)
    await refused(life, says, touches=wrong in TOUCHES)


async def test_too_little_money_to_be_born(life: Life) -> None:
    devnet = life.world.devnet
    held = await devnet.client.balance(life.wallet)
    await devnet.give_wei(life.wallet, Wei(10**12))
    try:
        await refused(life, "holds 0.000001 ETH, a birth needs")
    finally:
        await devnet.give_wei(life.wallet, held)


async def test_a_port_that_someone_has(life: Life) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_config("gateway_port = 0", f"gateway_port = {port}")(life)
        await refused(life, f"127.0.0.1:{port} (Address already in use)")


async def test_a_home_that_someone_holds(life: Life) -> None:
    with (life.home.run / "daemon.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        await refused(life, "another daemon (pid 4711)")


@pytest.mark.parametrize("command", ["status", "ledger", "halt", "drain", "doctor"])
async def test_other_commands_say_it_in_one_line_too(tmp_path: Path, command: str) -> None:
    said = await forager(command, "--home", str(tmp_path / "nowhere"))
    assert said.code == 2, said
    assert said.err.count("\n") == 1, said.err
    assert not (tmp_path / "nowhere").exists()
