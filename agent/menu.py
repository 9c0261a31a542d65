"""Makes the menu: hold first, then the best of what the strategies offer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, MutableMapping, Sequence
from typing import Final, Protocol

import structlog

from agent import bounds
from strategies.hold import WAIT
from strategies.port import Action, Snapshot

log = structlog.get_logger(__name__)

PROPOSE_S: Final = 2.0


class Proposer(Protocol):
    """A strategy here, or one in a process of its own that answers later."""

    @property
    def name(self) -> str: ...

    def propose(self, seen: Snapshot) -> Sequence[Action] | Awaitable[Sequence[Action]]: ...


async def propose(
    strategies: Sequence[Proposer],
    seen: Snapshot,
    most: int,
    faults: MutableMapping[str, str],
) -> tuple[Action, ...]:
    """At most `most` actions; a strategy that fails is noted and skipped."""
    offered = await asyncio.gather(*(_ask(strategy, seen, faults) for strategy in strategies))
    actions = {_name(action): action for actions in offered for action in actions}
    actions.pop(_name(WAIT), None)
    best = sorted(actions.items(), key=lambda item: (-item[1].score, item[0]))[: most - 1]
    return (WAIT, *(action for _, action in best))


async def _ask(
    strategy: Proposer, seen: Snapshot, faults: MutableMapping[str, str]
) -> Sequence[Action]:
    place = f"propose {strategy.name}"
    try:
        answer = strategy.propose(seen)
        if isinstance(answer, Awaitable):
            answer = await asyncio.wait_for(answer, PROPOSE_S)
        offered = bounds.actions(strategy.name, answer)
    except Exception as fault:  # noqa: BLE001  # a strategy that fails is skipped, not obeyed
        told = str(fault) or type(fault).__name__
        if place not in faults:  # the first of a row
            log.warning("strategy.failed", strategy=strategy.name, says=told)
        faults[place] = told
        return ()
    faults.pop(place, None)
    return offered


def _name(action: Action) -> str:
    return f"{action.key} {sorted(action.params.items())}"
