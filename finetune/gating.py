"""What `evaluate` and `gate` do: a child lives beside its parent, to be looked at or judged.

`evaluate` compares and decides nothing. `gate` decides, once, and only what was registered before.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import NoPromise, WorkError

if TYPE_CHECKING:
    from finetune.plan import Generation, Notary, Plan, Tell


def plan_of(scenario: list[Path] | None, worlds: int, workers: int, **more: Any) -> Plan:
    from finetune.plan import Plan

    return Plan(
        files=tuple(shipped(scenario or [])),
        judge_seeds=worlds,
        workers=workers or os.cpu_count() or 1,
        **more,
    )


def shipped(named: list[Path]) -> list[Path]:
    """Those named, or the shipped ones for which a bound is known."""
    from world.arena.plan import scenarios
    from world.clairvoyant import foreseen
    from world.scenario import load_scenario

    found = scenarios(named)
    return found if named else [path for path in found if foreseen(load_scenario(path))]


def evaluated(
    child: Path, parent: Path, out: Path, first_seed: int, plan: Plan, tell: Tell
) -> dict[str, Any]:
    """Both, and the rules, in the same worlds: a report, and no verdict."""
    from world.arena.judging import judge as report
    from world.arena.plan import Policy, cases
    from world.arena.running import run

    who = [Policy("child", str(there(child))), Policy("parent", str(there(parent)))]
    who += [Policy(rule) for rule in ("passive", "random", "reflex", "heuristic")]
    asked = list(cases(plan.files, who, range(first_seed, first_seed + plan.judge_seeds), 0.0))
    tell(f"{len(asked)} lives in {len(plan.files) * plan.judge_seeds} worlds")
    ran = run(asked, plan.files, out, workers=plan.workers)
    return {
        "lives": ran.lives,
        "failed": len(ran.failed),
        **report(out, asked, workers=plan.workers),
    }


def gated(
    child: Generation,
    parent: Generation,
    out: Path,
    plan: Plan,
    notary: Notary,
    tries: int,
    tell: Tell,
    *,
    register: bool,
) -> dict[str, Any]:
    """With `register` only the promise; without it all the rest, if there is a promise."""
    from finetune.gate import PROMISE, gate, promise_for, promised

    if register:
        kept = promised(out, promise_for(parent, child, tries, plan), notary, tell)
        return {"promise": kept.digest, "hypothesis": kept.hypothesis}
    if not (out / PROMISE).exists():
        raise NoPromise(folder=out)
    return asdict(gate(out, parent, child, tries, plan, notary, tell))


def notary_of(out: Path, rpc: str | None, keystore: Path | None, passphrase: Path | None) -> Notary:
    """A chain that was named, with a key of one's own, or a small one in the folder."""
    from chain import keystore as keys
    from finetune.notary import notary
    from finetune.plan import Registrar

    if rpc is None:
        return lambda: notary(out / "notary")
    if keystore is None or passphrase is None:
        raise WorkError("to promise on that chain, name a keystore and a passphrase file", rpc=rpc)
    key = keys.open_key(keystore, keys.read_passphrase(passphrase))
    return lambda: nullcontext(Registrar(rpc, key))


def there(path: Path) -> Path:
    """A model's file, by a name that any process finds."""
    if not path.is_file():
        raise WorkError("there is no such model", file=path)
    return path.resolve()
