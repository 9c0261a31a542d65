"""`forager doctor`: is everything here that a life needs, and is it safe?"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from agent.commands.said import DEFAULT_HOME, HomeOption, JsonOption, write_line
from agent.home import Home

if TYPE_CHECKING:
    from agent.config import Config

LEAST_FREE: Final = 256 * 1024 * 1024


class Finding(NamedTuple):
    """One thing that was looked at."""

    about: str
    level: str
    """ok, note or fault."""
    detail: str


Check = Callable[[Home, "Config"], Awaitable[Finding]]


def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Look at config, keys, strangers, limits, model, chain, money and port; change nothing."""
    import json

    from agent.config import load

    place = Home(home)
    config = load(place.root)
    findings = asyncio.run(_look(place, config))
    if as_json:
        sys.stdout.write(json.dumps({"findings": [f._asdict() for f in findings]}) + "\n")
    else:
        marks = {"ok": "✓", "note": "·", "fault": "✗"}
        for found in findings:
            write_line(f"{marks[found.level]} {found.about:<10} {found.detail}")
    raise typer.Exit(1 if any(found.level == "fault" for found in findings) else 0)


async def _look(place: Home, config: Config) -> list[Finding]:
    found = []
    for check in CHECKS:
        try:
            found.append(await check(place, config))
        except Exception as fault:  # noqa: BLE001  # one thing amiss hides nothing about the others
            found.append(Finding(check.__name__.strip("_"), "fault", _told(fault)))
    return found


def _told(fault: Exception) -> str:
    text = " ".join(str(fault).split()) or type(fault).__name__
    if not hasattr(fault, "consequence"):
        return f"{type(fault).__name__}: {text}"
    advice = getattr(fault, "advice", "")
    return text if advice in text else f"{text}; {advice}"


async def _keys(place: Home, config: Config) -> Finding:
    from chain import keystore
    from chain.signer_config import read

    if config.keys.signer == "socket":
        return await _signer_apart(Path(config.keys.socket))
    signer = read(place.signer_config)
    passphrase = keystore.read_passphrase(signer.passphrase_file)
    wallet = await asyncio.to_thread(keystore.open_key, signer.wallet_key, passphrase)
    await asyncio.to_thread(keystore.open_key, signer.log_key, passphrase)
    return Finding("keys", "ok", f"wallet {wallet.address} opens")


async def _signer_apart(path: Path) -> Finding:
    from chain.signer_client import SignerClient

    client = SignerClient(path)
    try:
        state = await client.state()
    finally:
        await client.close()
    return Finding("keys", "ok", f"the signer at {path} answers for wallet {state.wallet}")


async def _isolation(place: Home, config: Config) -> Finding:
    from chain.signer_config import read

    if config.keys.signer == "socket":
        return Finding("isolation", "ok", "the signer is apart; this user cannot read its keys")
    mode = stat.S_IMODE(read(place.signer_config).passphrase_file.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "isolation", "fault", f"others may read the passphrase file; chmod 600 it (is {mode:o})"
        )
    user = os.getuid()
    return Finding(
        "isolation", "note", f"the wallet's key is not isolated from other programs of user {user}"
    )


async def _strangers(place: Home, config: Config) -> Finding:
    """Which strategies are not Forager's own, and what keeps each from everything else."""
    del place
    from agent import plugins
    from agent.apart import ALLOW, Apart

    strangers = plugins.strangers(config.use)
    allowed = config.plugins.allow_unconfined
    found = [
        (name, await Apart(name, {}, {"compute": config.compute}).confinement())
        for name in strangers
    ]
    told = "; ".join(f"{name} runs apart: {confinement.told()}" for name, confinement in found)
    open_ = [name for name, confinement in found if confinement.lacks]
    if any(name not in allowed for name in open_):
        return Finding("strangers", "fault", f"{told}; it is not run; {ALLOW}")
    level = "note" if open_ else "ok"
    return Finding("strangers", level, told or "every strategy in use is Forager's own")


async def _permit(place: Home, config: Config) -> Finding:
    from agent import genome
    from agent.birth import read_permit
    from agent.life import Phase
    from agent.life import load as load_notes
    from agent.permitting import address_in
    from chain.limits_file import read as read_limits
    from chain.types import Address

    notes = load_notes(place.notes)
    if notes.phase is not Phase.UNBORN:
        return Finding("permit", "ok", f"born as agent {notes.agent}, {notes.phase}")
    found = read_permit(place)
    apart = config.keys.signer == "socket"  # then the key files are another user's
    wallet = found["wallet"] if apart else address_in(place.keys / "wallet.json")
    if found["wallet"] != wallet:
        return Finding("permit", "fault", f"it is for {found['wallet']}, the wallet is {wallet}")
    if found["genome"] != genome.load(place.genome).digest():
        return Finding("permit", "fault", "it is for another genome; make a new one")
    if not place.limits.exists():
        return Finding("permit", "fault", "limits.json is missing; make it with forager permit")
    limits = read_limits(place.limits.read_text("utf-8"), Address(config.keys.operator))
    return Finding("permit", "ok", f"permit for {found['wallet']}, limits version {limits.version}")


async def _model(place: Home, config: Config) -> Finding:
    from agent import genome
    from agent.models import resolve
    from compute.engine_client import Engine, EngineConfig
    from strategies.port import Placing

    path = resolve(config.mind.model)
    wanted = genome.load(place.genome).gguf
    if config.placing.mode is Placing.REMOTE:
        return Finding("model", "ok", f"rented; its digest is {wanted}")
    engine = Engine(EngineConfig(model=path, digest=wanted, context=config.mind.context))
    try:
        await engine.start()
        scores = await engine.score("state\nA hold\nB work\nchoose:\n", ("A", "B"))
    finally:
        await engine.close()
    return Finding("model", "ok", f"{path.name} loads and scores ({len(scores.logits)} labels)")


async def _chain(place: Home, config: Config) -> Finding:
    del place
    from chain.client import ChainClient

    async with ChainClient(config.chain.rpc, config.chain.chain_id) as client:
        head = await client.head()
        code = await client.rpc("eth_getCode", config.chain.registry, "latest")
    if code == "0x":
        return Finding("chain", "fault", f"no contract at the registry {config.chain.registry}")
    return Finding("chain", "ok", f"chain {config.chain.chain_id} at block {head.block.number}")


async def _money(place: Home, config: Config) -> Finding:
    from agent.birth import FIRST_HOURS_GAS, read_permit
    from agent.life import Phase
    from agent.life import load as load_notes
    from agent.permitting import address_in
    from chain.client import ChainClient
    from chain.contracts import BALANCE_OF
    from chain.fees import offer
    from chain.reader import BlockReader
    from chain.types import Address, Wei

    apart = config.keys.signer == "socket"
    wallet = (
        Address(read_permit(place)["wallet"]) if apart else address_in(place.keys / "wallet.json")
    )
    async with ChainClient(config.chain.rpc, config.chain.chain_id) as client:
        read = await BlockReader.latest(client)
        wei = await read.balance(wallet)
        [micro] = await read.call(Address(config.chain.token), BALANCE_OF, [wallet])
        needed = FIRST_HOURS_GAS * offer(await read.base_fee(), Wei(10**12)).max_fee
    held = f"{int(str(micro)) / 1e6:.2f} USD and {wei / 1e18:.6f} ETH"
    if wei < needed and load_notes(place.notes).phase is Phase.UNBORN:
        return Finding("money", "fault", f"{held}; a birth needs {needed / 1e18:.6f} ETH")
    return Finding("money", "ok", held)


async def _port(place: Home, config: Config) -> Finding:
    from agent import ports
    from agent.control import ask

    host, port = config.telemetry.gateway_host, config.telemetry.gateway_port
    if port == 0:
        return Finding("port", "ok", "any free port will serve the telemetry")
    if ask(place.run, {"op": "status"}) is not None:
        return Finding("port", "ok", f"{host}:{port} is served by this agent, which is running")
    ports.check(host, port)
    return Finding("port", "ok", f"{host}:{port} is free")


async def _disk(place: Home, config: Config) -> Finding:
    del config
    free = shutil.disk_usage(_existing(place.root)).free
    level = "ok" if free >= LEAST_FREE else "fault"
    return Finding("disk", level, f"{free / 2**30:.1f} GiB free")


async def _telemetry(place: Home, config: Config) -> Finding:
    from strategies.port import Placing

    targets = config.telemetry.targets
    if not targets and config.placing.mode is Placing.EMBODIED:
        return Finding(
            "telemetry",
            "fault",
            "an embodied agent needs a target off its machine; name one in telemetry.targets",
        )
    tokens = [place.root / target.token_file for target in targets if target.kind == "pinning"]
    for token in tokens:
        if (mode := stat.S_IMODE(token.stat().st_mode)) & 0o077:
            told = f"others may read {token}, a service's token; chmod 600 it (is {mode:o})"
            return Finding("telemetry", "note", told)
    if tokens and not config.telemetry.serve_uri:
        told = "a pinning service must reach the gateway; say where it is in telemetry.serve_uri"
        return Finding("telemetry", "note", told)
    return Finding(
        "telemetry", "ok", ", ".join(target.url for target in targets) or "own gateway only"
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


CHECKS: Final[tuple[Check, ...]] = (
    _keys,
    _isolation,
    _strangers,
    _permit,
    _model,
    _chain,
    _money,
    _port,
    _disk,
    _telemetry,
)
