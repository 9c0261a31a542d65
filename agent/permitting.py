"""The operator's side of a birth: a permit for one wallet, and limits for what it may sign."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from agent import genome, plugins
from agent.config import Config, load
from agent.errors import UsedWrongly
from agent.home import Home
from chain import limits_file
from chain import permit as typed
from chain.errors import BadKeystore
from chain.keys import Key
from chain.types import WALLET, Address
from strategies.needs import OtherToken, Rule

FIRST_VERSION: Final = 1
LARGEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Caps:
    """What the operator lets the agent spend, over sliding windows of wall time."""

    usd_per_action: float = 5.0
    usd_per_hour: float = 10.0
    usd_per_day: float = 50.0
    eth_per_action: float = 0.05
    eth_per_hour: float = 0.1
    eth_per_day: float = 0.3
    eth_reserve: float = 0.01
    gas_max: int = 2_000_000
    gwei_fee_max: float = 200.0


@dataclass(frozen=True, slots=True)
class Permission:
    """What the operator decides about one birth."""

    deadline: int
    """Chain seconds."""
    token_name: str
    token_version: str
    seed: bytes | None = None
    caps: Caps = Caps()


def grant(root: Path, operator: Key, terms: Permission) -> typed.Birth:
    """Write birth.json and limits.json into the home, both signed by the operator.

    Asked again, the limits get the next version: a signer never goes back to an older one.
    """
    home, config = Home(root), load(root)
    _judge(terms.caps)
    if config.keys.operator != operator.address:
        raise UsedWrongly(
            f"this agent's operator is {config.keys.operator}, the key is {operator.address}",
            "use the operator's keystore",
        )
    domain = typed.Domain(config.chain.chain_id, Address(config.chain.registry))
    permit = typed.Birth(
        wallet=address_in(home.keys / "wallet.json"),
        operator=operator.address,
        log_key=address_in(home.keys / "log.json"),
        genome=bytes.fromhex(genome.load(home.genome).digest()[2:]),
        parents=(),
        seed=terms.seed or secrets.token_bytes(32),
        nonce=secrets.randbits(64),
        deadline=terms.deadline,
    )
    signature = typed.sign(operator, domain, permit)
    _write(home.permit, typed.birth_to_json(permit, signature))
    body = {**limits_body(config, permit, terms), "version": _next_version(home.limits)}
    _write(home.limits, limits_file.sign(body, operator))
    return permit


def limits_body(config: Config, permit: typed.Birth, terms: Permission) -> dict[str, Any]:
    """Only what the strategies in use do, with the contracts that the config names."""
    chain, caps = config.chain, terms.caps
    needed = [
        plugins.needs(name, config.strategies.get(name, {}), chain.places) for name in config.use
    ]
    rules = dict.fromkeys(rule for need in needed for rule in need.rules)
    return {
        "version": FIRST_VERSION,
        "wallet": permit.wallet,
        "agent": 0,
        "chain_id": chain.chain_id,
        "registry": chain.registry,
        "operator": permit.operator,
        "rules": [_rule(rule, permit.wallet) for rule in rules],
        "payees": [permit.operator],
        "tokens": {
            **{other.address: _other(other) for need in needed for other in need.tokens},
            chain.token: {
                "name": terms.token_name,
                "version": terms.token_version,
                "per_action": _units(caps.usd_per_action, 6),
                "per_hour": _units(caps.usd_per_hour, 6),
                "per_day": _units(caps.usd_per_day, 6),
                "reserve": "0",
            },
        },
        "wei": {
            "per_action": _units(caps.eth_per_action, 18),
            "per_hour": _units(caps.eth_per_hour, 18),
            "per_day": _units(caps.eth_per_day, 18),
            "reserve": _units(caps.eth_reserve, 18),
        },
        "gas_max": str(caps.gas_max),
        "fee_max": _units(caps.gwei_fee_max, 9),
    }


def _rule(rule: Rule, wallet: Address) -> dict[str, Any]:
    said: dict[str, Any] = {"to": rule.to, "function": rule.function}
    if rule.payee is not None:
        said["payee"] = rule.payee
    if rule.payees:
        said["payees"] = [wallet if each == WALLET else each for each in rule.payees]
    return said


def _other(token: OtherToken) -> dict[str, str]:
    return {
        "name": token.name,
        "version": token.version,
        "per_action": str(token.per_action),
        "per_hour": str(token.per_hour),
        "per_day": str(token.per_day),
        "reserve": "0",
    }


def address_in(keystore: Path) -> Address:
    """A keystore names its address in the clear."""
    from eth_utils.address import to_checksum_address

    try:
        return Address(to_checksum_address(json.loads(keystore.read_text("ascii"))["address"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise BadKeystore(path=str(keystore)) from None


def _judge(caps: Caps) -> None:
    for field in fields(caps):
        value = getattr(caps, field.name)
        if not 0 <= value <= LARGEST:  # not a number compares as false
            raise UsedWrongly(f"{field.name} cannot be {value}", "give an amount from 0 up")
    if caps.eth_reserve > min(caps.eth_per_hour, caps.eth_per_day):
        raise UsedWrongly(
            f"{caps.eth_reserve} ether an hour and a day are kept for the ending",
            "give eth_per_hour and eth_per_day above that",
        )


def _next_version(limits: Path) -> int:
    try:
        return int(json.loads(limits.read_text("utf-8"))["limits"]["version"]) + 1
    except FileNotFoundError:
        return FIRST_VERSION
    except (OSError, ValueError, KeyError, TypeError):
        raise UsedWrongly(f"{limits} is damaged", "restore it: its version must be known") from None


def _units(amount: float, decimals: int) -> str:
    """A person's figure, exact to its sixth decimal, as decimal text of the smallest unit."""
    return str(int(Decimal(str(amount)).quantize(Decimal("0.000001")) * 10**decimals))


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
