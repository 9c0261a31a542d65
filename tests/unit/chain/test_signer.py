"""The signer as a process: who may speak to it, and what survives its death at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from desks import (
    CHAIN,
    DOMAIN,
    FEES,
    LOG,
    REGISTRY,
    SECRETS,
    WALLET,
    act,
    anchor,
    birth,
    make_home,
    resume,
)

from chain import permit
from chain.desk import Answer
from chain.errors import (
    BadLimits,
    BadRequest,
    BadSettings,
    LedgerHeld,
    SignerGone,
    SignerSilent,
    WrongPassphrase,
)
from chain.question import Question
from chain.signer import Server
from chain.signer_client import SignerClient, SignerProcess, start_signer
from chain.signer_config import read as read_config
from chain.types import Address, Admitted, Call, Fees, Intent, Refused, Wei

RSS_MAX_KB = 80_000


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(answer: Answering) -> AsyncIterator[str]:
    """A server whose every conversation is over when the block is."""
    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await answer(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in filter(None, talks):
            task.cancel()
        await asyncio.gather(*filter(None, talks), return_exceptions=True)
        await server.wait_closed()


class Registry:
    """The chain's one answer over HTTP; a test sets it."""

    def __init__(self) -> None:
        self.agent, self.halted, self.halt_id, self.ended = 0, False, 0, False
        self.chain_id = CHAIN
        self.asked = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            method = json.loads(await reader.readexactly(size))["method"]
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": self._result(method)}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    def _result(self, method: str) -> str:
        if method == "eth_chainId":
            return hex(self.chain_id)
        self.asked += 1
        words = (self.agent, self.halted, self.halt_id, self.ended)
        return "0x" + b"".join(int(word).to_bytes(32, "big") for word in words).hex()


@pytest.fixture
async def registry() -> AsyncIterator[tuple[Registry, str]]:
    registry = Registry()
    async with listening(registry.answer) as url:
        yield registry, url


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[SignerClient, SignerProcess]]:
    process = await start_signer(folder / "signer.toml")
    client = SignerClient(folder / "signer.sock")
    try:
        yield client, process
    finally:
        await client.close()
        await process.stop()


async def be_born(client: SignerClient, chain: Registry) -> None:
    await client.admit(birth(), FEES)
    chain.agent = 1
    assert (await client.state()).agent == 1


async def test_a_life_over_the_socket(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, process):
        assert process.wallet == WALLET.address
        await be_born(client, chain)
        admitted = await client.admit(act(1), FEES)
        assert isinstance(admitted, Admitted)
        assert admitted.fresh
        assert list(await client.entries(1)) == [admitted.entry]
        bumped = await client.bump("1.0", Fees(Wei(20), Wei(2)))
        assert (await client.entries(1))[0].attempts[-1] == bumped
        signature = await client.checkpoint(0, 5, b"r" * 32, bytes(32))
        head = permit.Checkpoint(1, 0, 5, b"r" * 32, bytes(32))
        assert permit.signed_by(DOMAIN, head, signature) == LOG.address
        assert isinstance(await client.checkpoint(0, 6, b"r" * 32, bytes(32)), Refused)
        assert isinstance(await client.admit(anchor(0, 5, "0x" + "72" * 32), FEES), Admitted)
        assert isinstance(await client.access(1, Address(WALLET.address), 5, b"d" * 32), bytes)
        assert await client.halt("by hand") == 1
        assert await client.admit(act(2), FEES) == Refused(
            "standing", {"standing": "halted", "purpose": "act"}
        )
        assert await client.resume(resume(1))
        assert not (await client.state()).halted


async def test_a_signer_stays_small(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, process):
        await be_born(client, chain)
        for number in range(1, 30):
            await client.admit(act(number), FEES)
        status = Path(f"/proc/{process.process.pid}/status").read_text()
        rss = int(status.partition("VmRSS:")[2].split()[0])
        assert rss < RSS_MAX_KB, rss


async def test_big_integers_cross_the_socket_whole(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, _):
        await be_born(client, chain)
        huge = 2**256 - 1
        call = Call(act(1).call.to, act(1).call.function, (huge, "$salt"), gas=50_000)
        admitted = await client.admit(act(1, call), FEES)
        assert isinstance(admitted, Admitted)
        assert f"{huge:064x}" in admitted.entry.attempts[0].raw
        assert admitted.entry.intent.call == call


# ------------------------------------------------------------------------------ who may speak


async def test_another_user_is_not_answered(tmp_path, registry):
    make_home(tmp_path, registry[1], allowed_uid=os.getuid() + 1)
    process = await start_signer(tmp_path / "signer.toml")
    client = SignerClient(tmp_path / "signer.sock")
    with pytest.raises(SignerGone):
        await client.state()
    await process.stop()


async def test_socket_and_ledger_are_for_one_user(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path):
        for name in ("signer.sock", "ledger.sqlite", "ledger.sqlite-wal"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o077 == 0, name


async def test_the_socket_opens_to_a_group_when_told_and_the_ledger_does_not(tmp_path, registry):
    make_home(tmp_path, registry[1])
    file = tmp_path / "signer.toml"
    file.write_text(file.read_text().replace("socket_mode = 384", "socket_mode = 0o660"))
    async with serving(tmp_path) as (client, _):
        assert stat.S_IMODE((tmp_path / "signer.sock").stat().st_mode) == 0o660
        assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) & 0o077 == 0
        assert (await client.state()).next_nonce == 0


NONSENSE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"op": 5}',
    b'{"op": "sign"}',
    b'{"op": "admit"}',
    b'{"op": "halt", "reason": 5}',
    b'{"op": "entries", "from_nonce": -1}',
    b'{"op": "entries", "from_nonce": true}',
    b'{"op": "resume", "signature": "zz"}',
    b'{"op": []}',
    b'{"op": "entries", "from_nonce": 9223372036854775808}',
    b'{"op": "checkpoint", "epoch": 1e3, "size": 1, "root": "0x", "prev": "0x"}',
    b"[" * 50_000,
    b"\xff\xfe",
)


async def test_nonsense_is_answered_as_such_and_harms_nothing(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path) as (client, _):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "signer.sock"))
        for line in NONSENSE:
            writer.write(line + b"\n")
            assert json.loads(await reader.readline())["fault"]["kind"] == "BadRequest", line
        writer.close()
        assert (await client.state()).next_nonce == 0


async def test_a_line_without_end_is_cut_off(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path) as (client, _):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "signer.sock"))
        with contextlib.suppress(ConnectionError):
            writer.write(b"x" * 3_000_000)
            await writer.drain()
            assert await reader.read() == b""
        writer.close()
        assert (await client.state()).next_nonce == 0


async def test_a_bad_request_is_the_same_fault_on_this_side(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path) as (client, _):
        with pytest.raises(BadRequest):
            await client.admit(Intent("", 0, "act", act(1).call), FEES)
        with pytest.raises(BadRequest):
            await client.admit(Intent("x", 0, "steal", act(1).call), FEES)


# ------------------------------------------------------------------------------ start and end


async def test_a_second_signer_for_one_ledger_is_refused(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path) as (client, _):
        with pytest.raises(LedgerHeld) as caught:
            await start_signer(tmp_path / "signer.toml")
        assert "another" in caught.value.reason.lower()
        assert (await client.state()).next_nonce == 0


async def test_sigterm_ends_it_cleanly(tmp_path, registry):
    make_home(tmp_path, registry[1])
    process = await start_signer(tmp_path / "signer.toml", log=asyncio.subprocess.PIPE)
    client = SignerClient(tmp_path / "signer.sock")
    await client.state()
    await process.stop()
    assert process.process.returncode == 0
    assert process.process.stderr is not None
    assert await process.process.stderr.read() == b""
    assert not (tmp_path / "signer.sock").exists()
    with pytest.raises(SignerGone):
        await client.state()


@pytest.mark.parametrize(
    ("spoil", "want"),
    [
        (lambda home: (home / "passphrase").write_text("wrong"), WrongPassphrase),
        (lambda home: (home / "limits.json").write_text("{}"), BadLimits),
        (lambda home: (home / "limits.json").unlink(), BadLimits),
        (lambda home: (home / "signer.toml").write_text("rpc = 5"), BadSettings),
        (lambda home: (home / "signer.toml").unlink(), BadSettings),
    ],
)
async def test_what_stops_it_from_starting_is_said_in_one_line(tmp_path, registry, spoil, want):
    make_home(tmp_path, registry[1])
    spoil(tmp_path)
    with pytest.raises(want) as caught:
        await start_signer(tmp_path / "signer.toml", log=asyncio.subprocess.DEVNULL)
    assert caught.value.reason
    assert caught.value.consequence == "stop"
    assert "open sesame" not in str(caught.value.facts)


async def test_it_ends_with_the_process_that_started_it(tmp_path, registry):
    make_home(tmp_path, registry[1])
    script = (
        "import asyncio, pathlib, sys\n"
        "from chain.signer_client import start_signer\n"
        "async def main():\n"
        "    signer = await start_signer(pathlib.Path(sys.argv[1]))\n"
        "    print(signer.process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "signer.toml"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or not (tmp_path / "signer.sock").exists():
            break
        await asyncio.sleep(0.05)
    async with serving(tmp_path) as (client, _):
        assert (await client.state()).next_nonce == 0


async def test_a_signer_that_hangs_is_silent_not_gone(tmp_path, registry):
    make_home(tmp_path, registry[1])
    async with serving(tmp_path) as (_, process):
        client = SignerClient(tmp_path / "signer.sock", deadline_s=0.3)
        await client.state()
        process.process.send_signal(signal.SIGSTOP)
        with pytest.raises(SignerSilent):
            await client.state()
        process.process.send_signal(signal.SIGCONT)
        assert (await client.state()).next_nonce == 0
        await client.close()


# --------------------------------------------------------------------------------- the chain


async def test_the_chains_halt_is_found_by_asking(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url, ask_s=0.05)
    async with serving(tmp_path) as (client, _):
        await be_born(client, chain)
        chain.halted, chain.halt_id = True, 1
        for _ in range(100):
            if (await client.state()).halted:
                break
            await asyncio.sleep(0.02)
        assert (await client.state()).halt_reason == "halted on chain"


async def test_another_chain_behind_the_address_is_no_answer(tmp_path, registry):
    chain, url = registry
    chain.chain_id = 1
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, _):
        assert await client.admit(birth(), FEES) == Refused("chain_silent", {"never": True})
        assert chain.asked == 0


async def test_sigusr1_halts(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, process):
        await be_born(client, chain)
        process.process.send_signal(signal.SIGUSR1)
        for _ in range(100):
            if (await client.state()).halted:
                break
            await asyncio.sleep(0.02)
        assert (await client.state()).halt_reason == "signal"
    async with serving(tmp_path) as (client, _):
        assert (await client.state()).halted


# --------------------------------------------------------------------------------- sudden death


async def test_ten_clients_asking_for_one_intent_get_one_fresh_entry(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, _):
        await be_born(client, chain)
        clients = [SignerClient(tmp_path / "signer.sock") for _ in range(10)]
        found = await asyncio.gather(*(each.admit(act(1), FEES) for each in clients))
        assert sorted(admission.fresh for admission in found) == [False] * 9 + [True]
        assert len({admission.entry.nonce for admission in found}) == 1
        for each in clients:
            await each.close()


@pytest.mark.slow
async def test_killed_in_the_midst_it_gives_no_nonce_twice_and_the_same_bytes_again(
    tmp_path, registry
):
    chain, url = registry
    make_home(tmp_path, url)
    answered: dict[str, Admitted] = {}
    asked = 0
    for round_ in range(6):
        async with serving(tmp_path) as (client, process):
            if not asked:
                await be_born(client, chain)
            known = {entry.intent.id: entry for entry in await client.entries()}
            assert [entry.nonce for entry in known.values()] == list(range(len(known)))
            for intent, admission in answered.items():
                assert known[intent] == admission.entry, "what was said once stays said"
            asyncio.get_running_loop().call_later(0.05 + 0.03 * round_, process.process.kill)
            with contextlib.suppress(SignerGone):
                while True:
                    asked += 1
                    admission = await client.admit(act(asked), FEES)
                    assert isinstance(admission, Admitted)
                    answered[act(asked).id] = admission
    async with serving(tmp_path) as (client, _):
        entries = await client.entries()
        for number in range(1, asked + 1):
            admission = await client.admit(act(number), FEES)
            earlier = answered.get(act(number).id)
            assert earlier is None or admission.entry == earlier.entry
        final = await client.entries()
        assert [entry.nonce for entry in final] == list(range(asked + 1))
        assert list(final[: len(entries)]) == list(entries)
        assert len({attempt.hash for entry in final for attempt in entry.attempts}) == asked + 1


async def test_nothing_is_signed_after_a_halt_was_answered(tmp_path, registry):
    chain, url = registry
    make_home(tmp_path, url)
    async with serving(tmp_path) as (client, _):
        await be_born(client, chain)
        numbers = iter(range(1, 10_000))
        done = asyncio.Event()

        async def stream() -> None:
            mine = SignerClient(tmp_path / "signer.sock")
            while not done.is_set():
                await mine.admit(act(next(numbers)), FEES)
            await mine.close()

        streams = [asyncio.create_task(stream()) for _ in range(4)]
        await asyncio.sleep(0.2)
        await client.halt("race")
        after = (await client.state()).next_nonce
        await asyncio.sleep(0.2)
        done.set()
        await asyncio.gather(*streams)
        assert (await client.state()).next_nonce == after


async def test_no_key_is_ever_written_down_or_said(tmp_path, registry):
    """Nor is the passphrase: neither in what it stores, nor in what it says, nor in its faults."""
    chain, url = registry
    make_home(tmp_path, url)
    (tmp_path / "passphrase").rename(tmp_path.parent / "passphrase-of-canary")
    settings = (tmp_path / "signer.toml").read_text()
    (tmp_path / "signer.toml").write_text(
        settings.replace(
            str(tmp_path / "passphrase"), str(tmp_path.parent / "passphrase-of-canary")
        )
    )
    said = tmp_path / "said.log"
    with said.open("wb") as log:
        process = await start_signer(tmp_path / "signer.toml", log=log.fileno())
    client = SignerClient(tmp_path / "signer.sock")
    await be_born(client, chain)
    await client.admit(act(1), FEES)
    with pytest.raises(BadRequest):
        await client.admit(Intent("", 0, "act", act(1).call), FEES)
    command = Path(f"/proc/{process.process.pid}/cmdline").read_bytes()
    await client.close()
    await process.stop()
    for secret in (*SECRETS.values(), b"open sesame"):
        for told in (command, *(file.read_bytes() for file in tmp_path.iterdir())):
            assert secret not in told
            assert secret.hex().encode() not in told.lower()


# ------------------------------------------------------------------------------- its settings


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text.replace("chain_id", "chainid"), "chain"),
        (lambda text: text.replace('rpc = ["http', 'rpc = ["ftp'), "rpc"),
        (lambda text: text.replace('registry = "0x', 'registry = "0'), "address"),
        (lambda text: text + "\nmore = 1", "more"),
        (lambda text: text.replace("socket_mode = 384", "socket_mode = 0o666"), "socket_mode"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path, change, named):
    make_home(tmp_path, "http://127.0.0.1:1")
    file = tmp_path / "signer.toml"
    file.write_text(change(file.read_text()))
    with pytest.raises(BadSettings) as caught:
        read_config(file)
    assert named in str(caught.value.facts)


def test_settings_survive_their_file_and_never_weaken_the_watch(tmp_path):
    config = make_home(tmp_path, "http://127.0.0.1:1", ask_s=0.5)
    assert read_config(tmp_path / "signer.toml") == config
    file = tmp_path / "signer.toml"
    file.write_text(file.read_text().replace("ask_s = 0.5", "ask_s = 1e9"))
    assert read_config(file).ask_s == 30.0


@pytest.mark.parametrize("halt_id", [2**53, 2**63, 2**256 - 1])
async def test_a_number_that_no_registry_gives_is_no_answer(tmp_path, registry, halt_id):
    """Taken for a halt's, no later halt could be given a higher one."""
    chain, url = registry
    make_home(tmp_path, url, ask_s=0.05)
    async with serving(tmp_path) as (client, _):
        await be_born(client, chain)
        chain.halted, chain.halt_id = True, halt_id
        asked = chain.asked
        while chain.asked < asked + 3:
            await asyncio.sleep(0.02)
        assert not (await client.state()).halted
        chain.halt_id = 1
        while not (await client.state()).halted:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("said", [b"[" * 9_000, b"x", None], ids=["deep", "odd", "slow"])
async def test_whatever_an_endpoint_says_the_question_is_asked_again(
    tmp_path, registry, said, monkeypatch, shallow
):
    """One that answers nonsense, or a byte now and then, must not keep a halt unheard."""
    monkeypatch.setattr("chain.question.DEADLINE_S", 0.3)
    chain, url = registry

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + (said or b""))
            while said is None:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
            await writer.drain()

    async with listening(lie) as lies:
        config = replace(make_home(tmp_path, url), rpc=(url, lies), ask_s=0.05)
        chain.agent = 1
        learned: list[Answer] = []
        desk = SimpleNamespace(learn=learned.append)
        question = Question(config.rpc, CHAIN, REGISTRY, WALLET.address)
        server = Server(desk, question, config)
        asking = asyncio.create_task(server.keep_asking())
        async with asyncio.timeout(10):
            while len(learned) < 3:
                await asyncio.sleep(0.02)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
