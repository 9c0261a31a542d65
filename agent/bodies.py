"""What the daemon's own records say, in the forms that docs/telemetry-format.md fixes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.mind import Choice
from chain.types import Entry, SignerState
from compute.port import REFLEX, Lease
from strategies.plain import EXACT, to_plain
from strategies.port import Action, Snapshot


def birth(
    state: SignerState,
    entry: Entry,
    permit: Mapping[str, Any],
    genome: Mapping[str, Any],
    limits_digest: str,
    bounds: Mapping[str, Any],
) -> dict[str, Any]:
    """Record 0: who was born, from what, and by which transaction."""
    return {
        "wallet": state.wallet,
        "operator": state.operator,
        "log_key": state.log_key,
        "genome": dict(genome),
        "genome_digest": permit["genome"],
        "seed": permit["seed"],
        "parents": list(permit["parents"]),
        "registry": state.registry,
        "birth": {
            "intent": entry.intent.id,
            "nonce": entry.nonce,
            "hash": entry.attempts[-1].hash,
        },
        "limits": {"version": state.limits_version, "digest": limits_digest},
        **bounds,
    }


def decision(seen: Snapshot, menu: Sequence[Action], choice: Choice) -> dict[str, Any]:
    model = choice.model
    return {
        "observation": to_plain(seen),
        "prompt": choice.prompt,
        "menu": [
            {"key": action.key, "params": _params(action), "summary": action.summary}
            for action in menu
        ],
        "logprobs": list(choice.logprobs),
        "chosen": choice.index,
        "epsilon": choice.epsilon,
        "temperature": choice.temperature,
        "model": "reflex"
        if model == REFLEX
        else {"gguf": model.gguf, "adapter": model.adapter, "engine": model.engine},
        "thought": choice.thought,
        "latency_ms": round(choice.latency_ms),
    }


def _params(action: Action) -> dict[str, int | str]:
    """Numbers that every reader keeps exact, and decimal text beyond, as in all plain data."""
    return {n: v if abs(v) <= EXACT else str(v) for n, v in action.params.items()}


def heartbeat(seen: Snapshot) -> dict[str, Any]:
    return {
        "vitals": str(seen.vitals),
        "runway_h": seen.runway_h,
        "wei": str(seen.holdings.wei),
        "micro": str(seen.holdings.micro),
        "stale": seen.holdings.stale,
    }


def lease(found: Lease | None, before: Lease | None) -> dict[str, Any] | None:
    """What is new about the lease, or None when nothing is."""
    if found is None:
        if before is None:
            return None
        return {"lease": before.id, "network": before.network, "state": "gone"}
    same = before is not None and (before.id, before.state, before.ends_at) == (
        found.id,
        found.state,
        found.ends_at,
    )
    if same:
        return None
    return {
        "lease": found.id,
        "network": found.network,
        "state": str(found.state),
        "offer": found.offer,
        "provider": found.provider,
        "rate": str(found.rate),
        "balance": str(found.balance),
        "paid_until": found.paid_until,
        "ends_at": found.ends_at,
    }
