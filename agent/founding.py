"""Makes a home: keys, config, genome. Nothing is born yet; that takes the operator's permit.

The genome is made here of what the person says, or was bred: then it is taken as it is, and only
what it leaves open, where something stands and with whom it is dealt, is the person's to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import genome
from agent.config import parse
from agent.errors import UsedWrongly
from agent.home import Home
from agent.models import USUAL, generation_of, resolve
from agent.prompt import prompt_digest
from chain import keystore
from chain.keys import Key
from chain.types import Address
from compute.manifest import digest_file

if TYPE_CHECKING:
    from agent.inheriting import Inheritance


@dataclass(frozen=True, slots=True)
class Founding:
    """What a person says about the agent to be; the rest has sane defaults in the config."""

    operator: Address
    passphrase_file: Path
    chain: Mapping[str, Any]
    """The config's [chain] table."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other tables of the config."""
    use: tuple[str, ...] = ("thrift", "keeper")
    strategies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    generation: int = 0
    """Of a genome that is made here; what was bred knows its own."""
    ask_s: float = 30.0
    """How often the signer asks the chain whether it is halted."""
    inherits: Inheritance | None = None
    """What was bred, and is to be born here."""


@dataclass(frozen=True, slots=True)
class Founded:
    """Who lives here now, unborn."""

    wallet: Address
    log_key: Address
    genome: str


MakeKey = Callable[[Path, bytes], Key]
"""Makes a key and writes its file, which names the address."""


def found(root: Path, plan: Founding, make_key: MakeKey = keystore.make) -> Founded:
    """Write the home's files; a home that has keys is left alone."""
    home = Home(root)
    passphrase = judge(home, plan)
    if plan.inherits is None:
        born_as = _made_of(plan)
    else:
        born_as, plan = plan.inherits.genome, _as_inherited(home, plan, plan.inherits)
    config = _config(plan)
    parse(config, home.config)  # what would be refused later is refused before anything is made
    home.root.mkdir(parents=True, exist_ok=True)
    if plan.inherits is not None:
        home.models.mkdir(exist_ok=True)
        plan.inherits.model.replace(_place(home, born_as))
    home.keys.mkdir(mode=0o700)
    home.signer.mkdir(mode=0o700)
    wallet = make_key(home.keys / "wallet.json", passphrase)
    log_key = make_key(home.keys / "log.json", passphrase)
    genome.save(home.genome, born_as)
    home.make_folders()
    home.config.write_text(config, "utf-8")
    home.signer_config.write_text(_signer(plan, home), "utf-8")
    return Founded(wallet.address, log_key.address, born_as.digest())


def judge(home: Home, plan: Founding) -> bytes:
    """Refuse what cannot be, before anything is fetched or made; gives the passphrase."""
    if home.keys.exists() or home.config.exists():
        raise UsedWrongly(
            f"{home.root} is not empty", "name another home; keys are never overwritten"
        )
    passphrase = keystore.read_passphrase(plan.passphrase_file)
    if not passphrase:
        raise UsedWrongly(f"{plan.passphrase_file} begins with an empty line", "write one in it")
    return passphrase


def _made_of(plan: Founding) -> genome.Genome:
    model = str(plan.tables.get("mind", {}).get("model", USUAL))
    return genome.Genome(
        generation=plan.generation or generation_of(model),
        gguf=digest_file(resolve(model)),
        adapter="",
        prompt=prompt_digest(),
        strategies={name: dict(plan.strategies.get(name, {})) for name in plan.use},
    )


def _as_inherited(home: Home, plan: Founding, bred: Inheritance) -> Founding:
    """The same plan with the genome's model and strategies; what contradicts them is refused."""
    mind = plan.tables.get("mind", {})
    if "model" in mind:
        raise UsedWrongly("mind.model is inherited", "leave it out, or leave out --genome")
    inherited = bred.genome.strategies
    for name, options in plan.strategies.items():
        if name in inherited and (said := genome.figures(options)):
            raise UsedWrongly(
                f"strategies.{name}.{next(iter(said))} is inherited", "leave it out of the settings"
            )
    model = str(_place(home, bred.genome).absolute())
    strategies = {
        name: {**inherited.get(name, {}), **plan.strategies.get(name, {})}
        for name in (*inherited, *plan.strategies)  # one that is not inherited is not in use
    }
    return replace(
        plan,
        use=tuple(inherited),
        strategies={name: options for name, options in strategies.items() if options},
        tables={**plan.tables, "mind": {**mind, "model": model}},
    )


def _place(home: Home, born_as: genome.Genome) -> Path:
    return home.models / f"{born_as.gguf.removeprefix('0x')}.gguf"


def _config(plan: Founding) -> str:
    lines = [
        "# An agent's config. Every key and its unit: docs/operating.md. Unknown keys are refused.",
        f"use = {_toml(list(plan.use))}",
        "",
        *_table("chain", plan.chain),
        *_table("keys", {"operator": plan.operator, **plan.tables.get("keys", {})}),
    ]
    for name, table in plan.tables.items():
        if name != "keys":
            lines += _table(name, table)
    for name, options in plan.strategies.items():
        lines += _table(f"strategies.{name}", options)
    return "\n".join(lines)


def _signer(plan: Founding, home: Home) -> str:
    return "\n".join(
        [
            "# What the signer believes. In containers this file is not writable by the agent.",
            f"rpc = {_toml(list(plan.chain['rpc']))}",
            f"chain_id = {plan.chain['chain_id']}",
            f"registry = {_toml(plan.chain['registry'])}",
            f"operator = {_toml(plan.operator)}",
            'wallet_key = "keys/wallet.json"',
            'log_key = "keys/log.json"',
            f"passphrase_file = {_toml(str(plan.passphrase_file.resolve()))}",
            'limits = "limits.json"',
            'ledger = "signer/ledger.sqlite"',
            f"socket = {_toml(str(_socket(home)))}",
            f"ask_s = {plan.ask_s}",
            "",
        ]
    )


def _socket(home: Home) -> Path:
    from chain.sockets import socket_path

    return socket_path(home.run.resolve(), "signer.sock")


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    nested = {
        k: v for k, v in values.items() if isinstance(v, list) and v and isinstance(v[0], dict)
    }
    lines = [f"[{name}]"]
    lines += [f"{k} = {_toml(v)}" for k, v in values.items() if v is not None and k not in nested]
    for key, rows in nested.items():
        for row in rows:
            lines += ["", f"[[{name}.{key}]]", *(f"{k} = {_toml(v)}" for k, v in row.items())]
    return [*lines, ""]


def _toml(value: object) -> str:
    """The JSON forms of texts, numbers, booleans and flat lists are TOML too."""
    return json.dumps(value, ensure_ascii=False)  # TOML knows no halves of characters
