"""The gate: what will count is promised on chain, then child and parent are tried, then judged.

In order, and the first three may end it before a life is spent: the promise, a backtest, the probe
for halts, the anchors, the worlds to be judged in. Each leaves its finding in the round's folder.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from finetune.errors import AnchorDrifted
from finetune.plan import ANCHOR, JUDGE, VETO, Generation, Notary, Plan, Tell, seeds
from finetune.probe import Probed, probe
from finetune.promise import Promise, confirm, load, register, save
from finetune.stage import digest, put
from finetune.verdict import DRIFT, Verdict, judge
from world.arena.foretelling import can_foretell, foretell
from world.arena.judging import judge as report
from world.arena.plan import Case, Policy, cases
from world.arena.results import Results
from world.arena.running import run
from world.evidence import BLOCK
from world.freeze import figures_digest
from world.lived import Lived
from world.scenario import load_scenario

ANCHORS: Final = ("passive", "heuristic")
ENOUGH_LIVES: Final = 200
"""A backtest of fewer says nothing."""
PROMISE: Final = "promise.json"
VERDICT: Final = "verdict.json"


def gate(
    out: Path,
    parent: Generation,
    child: Generation,
    tries: int,
    plan: Plan,
    notary: Notary,
    tell: Tell,
) -> Verdict:
    """Judged once; asked again, the verdict is read."""
    if (out / VERDICT).exists():
        told = json.loads((out / VERDICT).read_text("utf-8"))
        told["against"] = tuple(told["against"])
        return Verdict(**told)
    promise = promise_for(parent, child, tries, plan)
    kept = promised(out, promise, notary, tell)
    if veto := backtest(out, parent, child, plan, tell):
        return _remember(out, Verdict(False, 0.0, 0.0, 0.0, 0, (veto,), promise.child))
    found = probe(out / "probe", plan, child, tell)
    put(out / "probe.json", asdict(found))
    if found.vetoes:
        return _remember(out, Verdict(False, 0.0, 0.0, 0.0, 0, found.vetoes, promise.child))
    hold_anchors(out, plan, tell)
    verdict = _lived(out / "judged", parent, child, kept, plan, tell)
    return _remember(out, verdict)


def _lived(
    out: Path,
    parent: Generation,
    child: Generation,
    kept: Promise,
    plan: Plan,
    tell: Tell,
) -> Verdict:
    """Block by block of the promised worlds, until the evidence is enough or there are no more.

    An e-value may be looked at whenever one likes, and one may stop when it is enough.
    """
    for upto in range(BLOCK, len(kept.seeds) + BLOCK, BLOCK):
        asked = _cases(plan, (parent, child), kept.seeds[:upto])
        tell(f"{child.name}: judged in {len(asked) // 2} worlds")
        run(asked, plan.files, out, workers=plan.workers)
        verdict = judge(
            Results(out).rows(),
            child.name,
            parent.name,
            e_value=kept.e_value,
            least_effect=kept.least_effect,
            model=kept.child,
        )
        if verdict.e >= kept.e_value:
            break
    report(out, asked, workers=plan.workers)
    return verdict


def promise_for(parent: Generation, child: Generation, tries: int, plan: Plan) -> Promise:
    return Promise(
        hypothesis=f"{child.name} lives longer than {parent.name}",
        child=digest(child.model),
        parent=digest(parent.model),
        worlds={(made := load_scenario(path)).name: made.digest for path in plan.files},
        heuristic=figures_digest(),
        seeds=list(seeds(child.number, JUDGE, plan.judge_seeds)),
        tries=tries,
    )


def promised(out: Path, promise: Promise, notary: Notary, tell: Tell) -> Promise:
    """Put on chain before anything is tried; afterwards it is only looked up."""
    out.mkdir(parents=True, exist_ok=True)
    path, began = out / PROMISE, out / "began"
    if not path.exists():
        with notary() as at:
            anchored = asyncio.run(register(promise, at.rpc, at.key))
        save(path, promise, anchored)
    if not began.exists():
        began.write_text(f"{time.time() + 1:.3f}\n", "utf-8")
    kept, anchored = load(path)
    kept.hold(promise)
    with notary() as at:
        asyncio.run(confirm(kept, anchored, at.rpc, float(began.read_text("utf-8"))))
    tell(f"promised on chain in block {anchored.block}: {kept.hypothesis}")
    return kept


def backtest(out: Path, parent: Generation, child: Generation, plan: Plan, tell: Tell) -> str:
    """A reason against the child, or none; nothing here can be a reason for it."""
    path = out / "backtest.json"
    if not path.exists():
        asked = _cases(plan, (parent, child), seeds(0, VETO, plan.veto_seeds))
        asked = [case for case in asked if can_foretell(case)]
        tell(f"{child.name}: foretold in {len(asked) // 2} worlds")
        told: dict[str, list[float]] = {parent.name: [], child.name: []}
        for case, hours in foretell(asked, plan.workers):
            told[case.policy].append(hours)
        put(path, told)
    lived: Mapping[str, list[float]] = json.loads(path.read_text("utf-8"))
    return veto(lived[child.name], lived[parent.name])


def veto(child_h: Sequence[float], parent_h: Sequence[float]) -> str:
    """World by world; only a backtest of enough lives, and only by more than its error."""
    more = [ours - theirs for ours, theirs in zip(child_h, parent_h, strict=True)]
    if len(more) < ENOUGH_LIVES:
        return ""
    least = mean(more) + DRIFT * stdev(more) / len(more) ** 0.5
    return f"a backtest foretells {mean(more):.1f} h a life" if least < 0 else ""


def hold_anchors(out: Path, plan: Plan, tell: Tell) -> None:
    """The same policies in the same worlds as in the first round: they may not live otherwise."""
    tell("living the anchors again")
    asked = list(
        cases(
            plan.files,
            [Policy(name) for name in ANCHORS],
            seeds(0, ANCHOR, plan.anchor_seeds),
            0.0,
        )
    )
    run(asked, plan.files, out / "anchors", workers=plan.workers, quiet=True)
    now = Results(out / "anchors").rows()
    first = out.parent / "anchors.json"
    if not first.exists():
        put(first, [_lasted(row) for row in now])
    still(json.loads(first.read_text("utf-8")), [_lasted(row) for row in now])


def still(before: Sequence[Sequence[Any]], now: Sequence[Sequence[Any]]) -> None:
    """Raises `AnchorDrifted` when a policy that never changes lives otherwise than it did.

    World by world: the same case makes the same choices, so there is hardly a difference to expect.
    """
    known = {tuple(key): hours for *key, hours in before}
    for anchor in ANCHORS:
        moved = [
            hours - known[tuple(key)]
            for *key, hours in now
            if key[0] == anchor and tuple(key) in known
        ]
        if len(moved) < 2 or not any(moved):
            continue
        if abs(mean(moved)) > DRIFT * stdev(moved) / len(moved) ** 0.5:
            raise AnchorDrifted(anchor=anchor, by_h=round(mean(moved), 3), worlds=len(moved))


def _lasted(row: Lived) -> list[Any]:
    return [row.policy, row.scenario, row.seed, row.paid_h]


def _cases(plan: Plan, who: Sequence[Generation], its: Sequence[int]) -> list[Case]:
    policies = [Policy(each.name, str(each.model), generation=each.number) for each in who]
    return list(cases(plan.files, policies, its, 0.0))


def _remember(out: Path, verdict: Verdict) -> Verdict:
    put(out / VERDICT, asdict(verdict))
    return verdict


def probed(out: Path) -> Probed | None:
    path = out / "probe.json"
    return Probed(**json.loads(path.read_text("utf-8"))) if path.exists() else None
