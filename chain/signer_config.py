"""`signer.toml`: what the signer is told, by the operator and never by the agent."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_address, to_checksum_address

from chain.errors import BadSettings
from chain.types import Address

ASK_S: Final = 30.0
SILENCE_S: Final = 300.0
FOR_ONE: Final = 0o600
FOR_GROUP: Final = 0o660


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """Paths are absolute once read; in the file they are relative to it."""

    rpc: tuple[str, ...]
    chain_id: int
    registry: Address
    operator: Address
    wallet_key: Path
    log_key: Path
    passphrase_file: Path
    limits: Path
    ledger: Path
    socket: Path
    allowed_uid: int
    ask_s: float = ASK_S
    """How often the chain is asked; never more rarely than every 30 s."""
    silence_s: float = SILENCE_S
    """How long no answer is taken for a good sign; never more than 300 s."""
    socket_mode: int = FOR_ONE
    """FOR_GROUP where signer and agent are two users; `allowed_uid` decides all the same."""


def read(path: Path) -> SignerConfig:
    """Raises `BadSettings` that names the key."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings("signer.toml cannot be read", path=str(path), why=str(error)) from None
    try:
        return _parse(data, path.resolve().parent)
    except KeyError as missing:
        raise BadSettings("signer.toml lacks a key", path=str(path), key=missing.args[0]) from None
    except (TypeError, ValueError) as error:
        raise BadSettings("signer.toml has a bad value", path=str(path), why=str(error)) from None


def to_toml(config: SignerConfig) -> str:
    """The file's text; JSON's strings and numbers are TOML's."""
    lines = []
    for name in SignerConfig.__slots__:
        value = getattr(config, name)
        if isinstance(value, tuple):
            lines.append(f"{name} = [{', '.join(_quoted(item) for item in value)}]")
        elif isinstance(value, Path | str):
            lines.append(f"{name} = {_quoted(str(value))}")
        else:
            lines.append(f"{name} = {value}")
    return "\n".join(lines) + "\n"


def _parse(data: dict[str, Any], base: Path) -> SignerConfig:
    if unknown := data.keys() - set(SignerConfig.__slots__):
        raise ValueError(f"unknown key {min(unknown)}")
    rpc = data["rpc"]
    if not isinstance(rpc, list) or not rpc or not all(_is_http(url) for url in rpc):
        raise ValueError("rpc is a list of http addresses")
    return SignerConfig(
        rpc=tuple(rpc),
        chain_id=int(data["chain_id"]),
        registry=_address(data["registry"]),
        operator=_address(data["operator"]),
        wallet_key=base / data["wallet_key"],
        log_key=base / data["log_key"],
        passphrase_file=base / data["passphrase_file"],
        limits=base / data["limits"],
        ledger=base / data["ledger"],
        socket=base / data["socket"],
        allowed_uid=int(data.get("allowed_uid", os.getuid())),
        ask_s=min(ASK_S, float(data.get("ask_s", ASK_S))),
        silence_s=min(SILENCE_S, float(data.get("silence_s", SILENCE_S))),
        socket_mode=_mode(data.get("socket_mode", FOR_ONE)),
    )


def _is_http(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("http://", "https://"))


def _mode(value: object) -> int:
    if value not in (FOR_ONE, FOR_GROUP) or not isinstance(value, int):
        raise ValueError("socket_mode is 0o600 or 0o660")
    return value


def _address(text: str) -> Address:
    if not is_address(text):
        raise ValueError(f"not an address: {text}")
    return Address(to_checksum_address(text))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
