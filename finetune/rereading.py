"""Lives that counted, read again from their logs: sound, ended as told, and chosen by whom it says.

What a log's own chain said went with that chain, and was looked at when the life ended. What is
left is enough to see that nobody wrote the choices afterwards: each is drawn from a seed that was
committed to at birth, by chances that the promised model gives again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.replay import Replay
from finetune.choosing import agree
from finetune.gate import PROMISE
from finetune.plan import Tell
from finetune.promise import Promise, load
from finetune.witnessing import Gathered, Said, witness
from telemetry.auditing.audit import Asked, examine
from telemetry.auditing.epoch import Epoch
from telemetry.errors import SourceError
from world.arena.results import Results

if TYPE_CHECKING:
    from world.lived import Lived

SHOWN: Final = 5
"""So many faults are told of; the rest are counted."""
OFTEN: Final = 50


class Step(NamedTuple):
    """What was looked at, what was found, and all that is wrong with it."""

    what: str
    found: str
    wrong: tuple[str, ...] = ()


class Reread(NamedTuple):
    """When a life began by its own log, and what is wrong with it."""

    began_ms: int
    wrong: list[str]


def reread(folder: Path, lived: Path, models: Mapping[str, Path], again: int, tell: Tell) -> Step:
    """Every life of one evaluation; `again` of each model's are asked their questions once more."""
    promise, anchored = load(folder / PROMISE)
    results = Results(lived)
    rows, policies = results.rows(), results.asked().get("policies", {})
    thinking = {name: who["sha256"] for name, who in policies.items() if who["sha256"]}
    wrong = [f"{whose} is not what was promised" for whose in _others(thinking, promise, models)]
    if results.asked().get("worlds") != promise.worlds:
        wrong.append("these are other worlds than were promised")
    left = dict.fromkeys(thinking.values(), again)
    for place, row in enumerate(rows):
        if place % OFTEN == 0:
            tell(f"{folder.name}: {place} of {len(rows)} logs read")
        if row.seed not in promise.seeds or row.scenario not in promise.worlds:
            wrong.append(f"{_name(row)} is of a world that was not promised")
        model = thinking.get(row.policy, "")
        ask = left.get(model, 0) > 0
        left[model] = left.get(model, 0) - ask
        told = asyncio.run(_life(lived / "logs", row, model, models if ask else {}))
        if told.began_ms and told.began_ms < 1000 * anchored.at:
            told.wrong.append("it began before anything was promised")
        wrong += [f"{_name(row)}: {why}" for why in told.wrong]
    more = len(wrong) - SHOWN
    asked = sum(again - left[model] for model in thinking.values())
    return Step(
        f"lives of {folder.name}",
        f"{len(rows)} logs are sound and end as told; {asked} chose again as they did",
        (*wrong[:SHOWN], *([f"and {more} more"] if more > 0 else [])),
    )


def _others(thinking: Mapping[str, str], promise: Promise, models: Mapping[str, Path]) -> list[str]:
    """Child, parent and all that was promised must live, and nobody from elsewhere."""
    promised = {promise.child, promise.parent, *promise.others.values()}
    missing = [f"{model}, which did not live," for model in promised - set(thinking.values())]
    return missing + [name for name, model in thinking.items() if model not in models]


async def _life(logs: Path, row: Lived, model: str, models: Mapping[str, Path]) -> Reread:
    """`models` are asked again, if there are any."""
    replay, gathered = Replay(), Gathered()

    def gather(epoch: Epoch, said: Said) -> None:
        gathered.gather(epoch, said)
        replay.gather(epoch, said.sample)

    asked = Asked(str(logs / row.scenario / f"{row.seed}-{row.policy}"), head=row.head)
    try:
        audited = await examine(asked, harvest=witness, gather=gather)
    except SourceError as fault:
        return Reread(0, [str(fault)])
    wrong: list[str] = []
    if not audited.verdict.ok:
        wrong.append("its audit finds a fault")
    elif not agree(gathered.hours, row.paid_h):
        wrong.append(f"it says that it lived {gathered.hours:.1f} h, {row.paid_h:.1f} were told")
    thought = {_hex(each) for each in gathered.models}
    if thought - {model}:
        wrong.append(f"it thought with {min(thought - {model})}")
    if models and audited.verdict.ok:
        _, findings = await replay.run(list(models.values()))
        wrong += [finding.detail for finding in findings]
    return Reread(gathered.began_ms, wrong)


def _hex(digest: str) -> str:
    return "0x" + digest.removeprefix("0x")


def _name(row: Lived) -> str:
    return f"{row.policy} in {row.scenario} {row.seed}"
