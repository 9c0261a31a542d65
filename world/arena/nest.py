"""An agent that is to be in an arena: what it is born as, and its home before its birth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.founding import Founding, found
from agent.genome import Genome, figures
from agent.home import Home
from agent.inheriting import Inheritance
from chain.desk import Keys
from chain.keys import Key
from world.deploy import Deployment, role
from world.scenario import Scenario
from world.settling import CONTEXT
from world.townsfolk import Townsman, tables
from world.townsfolk import options as known

if TYPE_CHECKING:
    from world.devnet import Devnet

TICK_S: Final = 1.0
WILL_BLOCKS: Final = 2
HEARTBEAT_S: Final = 900.0
"""Only a promise: bells toll by blocks here."""
EPOCH_RECORDS: Final = 256
FOR_EVER_S: Final = 1e9
ANCHOR_EVERY: Final = 1


@dataclass(frozen=True, slots=True)
class Born:
    """What somebody is to be born as; the same life whoever lives it, but for its choices."""

    policy: str
    """What it is called in results."""
    model: Path
    use: tuple[str, ...] | None = None
    """Strategies; the scenario's by default."""
    strategies: Mapping[str, Mapping[str, Any]] | None = None
    genome: Genome | None = None
    """What was bred, and is born as it is; one is made of the rest where there is none."""
    generation: int = 0
    epsilon: float = 0.0
    temperature: float = 1.0


def keys_of(scenario: Scenario, seed: int, born: Born) -> Keys:
    """Another wallet for each life, and the same one when it is lived again."""
    who = f"{scenario.name}/{seed}/{born.policy}"
    return Keys(role(f"wallet {who}"), role(f"log {who}"))


def founded_home(
    devnet: Devnet,
    at: Deployment,
    scenario: Scenario,
    born: Born,
    folder: Path,
    operator: Key,
    keys: Keys,
    folk: Sequence[Townsman],
) -> Home:
    """Its genome, its config and its keys, which guard nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    passphrase = folder / "passphrase"
    passphrase.write_text("these keys guard nothing\n", "utf-8")
    made = {"wallet.json": keys.wallet, "log.json": keys.log}

    def make_key(path: Path, _passphrase: bytes) -> Key:
        key = made[path.name]
        path.write_text(json.dumps({"address": key.address}) + "\n", "utf-8")
        return key

    use = scenario.use if born.use is None else born.use
    options = _options(scenario, born, use, folk)
    found(
        folder / "agent",
        Founding(
            operator=operator.address,
            passphrase_file=passphrase,
            chain={
                "rpc": [devnet.url],
                "chain_id": at.chain_id,
                "registry": at.registry,
                "token": at.token,
                "lease_market": at.lease_market,
                "job_board": at.job_board,
                "gas_station": at.gas_station,
                "chain_seconds_per_wall_second": float(scenario.time.block_s),
            },
            tables={
                "life": {
                    "tick_s": TICK_S,
                    "heartbeat_s": HEARTBEAT_S,
                    "horizon_h": scenario.time.horizon_h,
                    "will_s": float(WILL_BLOCKS),
                    "hibernate_max_h": scenario.endowment.hibernate_max_h,
                },
                "placing": {"mode": str(scenario.endowment.placing)},
                "mind": {
                    **({} if born.genome else {"model": str(born.model)}),
                    "context": CONTEXT,
                    "epsilon": born.epsilon,
                    "temperature": born.temperature,
                },
                "telemetry": {
                    "epoch_records": EPOCH_RECORDS,
                    "epoch_s": FOR_EVER_S,
                    "anchor_every": ANCHOR_EVERY,
                    "gateway_port": 0,
                },
                **tables(folk),
            },
            use=use,
            strategies={name: table for name, table in options.items() if table},
            generation=born.generation,
            inherits=_inheritance(born, folder),
        ),
        make_key,
    )
    home = Home(folder / "agent")
    home.make_folders()
    return home


def _options(
    scenario: Scenario, born: Born, use: Sequence[str], folk: Sequence[Townsman]
) -> dict[str, dict[str, Any]]:
    """The world's own, the scenario's, and those that somebody is born with; the last one counts.

    A genome's own figures are not for a world to say again.
    """
    told = known(folk, scenario, use)
    if born.genome is not None:
        for name, table in told.items():
            said = figures(table)
            told[name] = {key: value for key, value in table.items() if key not in said}
    for name, more in (born.strategies or {}).items():
        told.setdefault(name, {}).update(more)
    return told


def _inheritance(born: Born, folder: Path) -> Inheritance | None:
    """The model's file stays where it is; its home holds a link to it."""
    if born.genome is None:
        return None
    link = folder / "inherited.gguf"
    link.symlink_to(born.model.absolute())
    return Inheritance(born.genome, link)
