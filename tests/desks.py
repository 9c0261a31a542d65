"""A life's signer side for tests: keys, limits, a desk, or a whole home with a signer in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chain import keystore, limits_file, permit, signer_config
from chain.clock import Reading
from chain.contracts import ANCHOR, BIRTH, END, TRANSFER
from chain.desk import Answer, Desk, Keys
from chain.halt import Who
from chain.keys import Key
from chain.ledger import Ledger
from chain.signer_config import SignerConfig
from chain.types import Address, Call, Fees, Intent, Json, Wei

SECRETS = {name: bytes([n]) * 32 for n, name in enumerate(("operator", "wallet", "log"), 1)}
OPERATOR, WALLET, LOG = (Key(secret) for secret in SECRETS.values())
STRANGER = Key(b"\x04" * 32)
CHAIN = 31337
REGISTRY = Key(b"\x05" * 32).address
TOKEN = Key(b"\x06" * 32).address
MARKET = Key(b"\x07" * 32).address
PAYEE = Key(b"\x08" * 32).address
DOMAIN = permit.Domain(CHAIN, REGISTRY)
FEES = Fees(Wei(10), Wei(1))
PING = "ping(uint256,bytes32)"
TAKE = "take(address,uint256,uint256,uint256,bytes)"
WHO = Who(WALLET.address, LOG.address, OPERATOR.address, REGISTRY, CHAIN, 1)


def caps(action: int, hour: int, day: int, reserve: int = 0) -> dict[str, Json]:
    names = ("per_action", "per_hour", "per_day", "reserve")
    return dict(zip(names, map(str, (action, hour, day, reserve)), strict=True))


def body(**changes: Json) -> dict[str, Json]:
    """Limits that leave room; change what a test is about."""
    dollar = {"name": "Test Dollar", "version": "1", **caps(10**9, 10**12, 10**12)}
    plain: dict[str, Json] = {
        "version": 1,
        "wallet": WALLET.address,
        "agent": 0,
        "chain_id": CHAIN,
        "registry": REGISTRY,
        "operator": OPERATOR.address,
        "rules": [
            {"to": MARKET, "function": PING},
            {"to": MARKET, "function": TAKE},
            {"to": TOKEN, "function": TRANSFER, "payee": 0, "spend": {"token": TOKEN, "arg": 1}},
            {"to": PAYEE, "function": ""},
        ],
        "payees": [PAYEE],
        "tokens": {TOKEN: dollar},
        "wei": caps(10**20, 10**24, 10**24),
        "gas_max": "1000000",
        "fee_max": str(10**12),
    }
    return {**plain, **changes}


def signed(**changes: Json) -> str:
    return json.dumps(limits_file.sign(body(**changes), OPERATOR))


@dataclass
class Machine:
    """Clocks that stand still until a test moves them."""

    wall: int = 1_700_000_000_000
    uptime: int = 1_000_000
    boot: str = "boot-1"

    def __call__(self) -> Reading:
        return Reading(self.wall, self.uptime, self.boot)

    def monotonic(self) -> float:
        return self.uptime / 1000

    def passes(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.uptime += milliseconds


@dataclass
class Life:
    """A desk over a real ledger file; `again` is a restart."""

    folder: Path
    limits: Mapping[str, Json] = field(default_factory=body)
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        text = json.dumps(limits_file.sign(self.limits, OPERATOR))
        limits = limits_file.read(text, OPERATOR.address)
        self.ledger = Ledger(self.folder / "ledger.sqlite", self.machine)
        try:
            keys, monotonic = Keys(WALLET, LOG), self.machine.monotonic
            self.desk = Desk(self.ledger, keys, limits, silence_s=300, monotonic=monotonic)
        except BaseException:
            self.ledger.close()
            raise

    def hear(self, agent: int = 1, *, halted=False, halt_id: int = 0, ended=False) -> None:
        self.desk.learn(Answer(agent, halted, halt_id, ended))

    def born(self) -> Life:
        self.hear(agent=0)
        self.desk.admit(birth(), FEES)
        self.hear()
        return self

    def again(self, **changes: Json) -> Life:
        self.ledger.close()
        return Life(self.folder, {**self.limits, **changes}, self.machine)


def birth(signer: Key = OPERATOR, registry: Address = REGISTRY, **changes: object) -> Intent:
    genome, seed = b"g" * 32, b"s" * 32
    whose = (WALLET.address, OPERATOR.address, LOG.address)
    allowed = replace(permit.Birth(*whose, genome, (), seed, 7, 2**40), **changes)
    signature = permit.sign(signer, permit.Domain(CHAIN, registry), allowed)
    args = permit.birth_args(allowed, signature)
    return Intent("birth", 0, "birth", Call(registry, BIRTH, args, gas=500_000))


def act(number: int, call: Call | None = None) -> Intent:
    call = call or Call(MARKET, PING, (number, "$salt"), gas=100_000)
    return Intent(f"{number}.0", number, "act", call)


def pays(number: int, to: str = PAYEE, amount: int = 5, purpose: str = "act") -> Intent:
    return Intent(f"{number}.0", number, purpose, Call(TOKEN, TRANSFER, (to, amount), gas=60_000))


def anchor(epoch: int, size: int, root: str, agent: int = 1) -> Intent:
    call = Call(REGISTRY, ANCHOR, (agent, epoch, size, root, "0x" + "dd" * 32), gas=100_000)
    return Intent(f"anchor.{epoch}", size, "anchor", call)


def end(epoch: int = 0, size: int = 0, root: str = "0x" + "00" * 32) -> Intent:
    call = Call(REGISTRY, END, (1, 2, epoch, size, root, "0x" + "dd" * 32), gas=100_000)
    return Intent("end", size, "end", call)


def resume(halt_id: int, agent: int = 1, by: Key = OPERATOR) -> bytes:
    return permit.sign(by, DOMAIN, permit.Resume(agent, halt_id))


def make_home(
    folder: Path,
    rpc: str,
    *,
    registry: Address = REGISTRY,
    ask_s: float = 30.0,
    allowed_uid: int | None = None,
    **changes: Json,
) -> SignerConfig:
    """Key files, limits and `signer.toml`, ready for a signer process."""
    (folder / "passphrase").write_text("open sesame\n")
    for name in ("wallet", "log"):
        keystore.make(folder / f"{name}.json", b"open sesame", SECRETS[name])
    (folder / "limits.json").write_text(signed(registry=registry, **changes))
    config = SignerConfig(
        rpc=(rpc,),
        chain_id=CHAIN,
        registry=registry,
        operator=OPERATOR.address,
        wallet_key=folder / "wallet.json",
        log_key=folder / "log.json",
        passphrase_file=folder / "passphrase",
        limits=folder / "limits.json",
        ledger=folder / "ledger.sqlite",
        socket=folder / "signer.sock",
        allowed_uid=os.getuid() if allowed_uid is None else allowed_uid,
        ask_s=ask_s,
    )
    (folder / "signer.toml").write_text(signer_config.to_toml(config))
    return config
