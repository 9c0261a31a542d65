"""What a life looks like from outside, as plain data: for `forager status` and the live view."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import TYPE_CHECKING, Any, Final

from agent.body import Body
from agent.life import Notes
from compute.port import Lease
from strategies.port import Snapshot

if TYPE_CHECKING:
    from agent.living import Living

HOUR_S: Final = 3600
EPOCHS_SHOWN: Final = 6


def status(
    body: Body, living: Living, notes: Notes, faults: Mapping[str, str], anchored: int | None
) -> dict[str, Any]:
    config = body.tools.config
    publishing = body.publisher.status()
    sent = min(publishing.sent.values(), default=publishing.epochs)
    first = max(0, publishing.epochs - EPOCHS_SHOWN)
    epochs = body.log.epochs(body.log.agent, first, EPOCHS_SHOWN)
    return {
        "agent": body.who.agent,
        "wallet": body.who.wallet,
        "operator": body.who.guardian,
        "phase": str(notes.phase),
        "reason": notes.reason,
        "cause": notes.cause,
        "placing": str(body.who.placing),
        "model": config.mind.model,
        "gateway": body.gateway,
        "serves": body.serves,
        "ticks": living.ticks,
        "records": body.log.next_seq,
        "waiting_epochs": publishing.waiting,
        **_seen(living.seen, body),
        "decisions": [_decision(decision) for decision in living.decisions],
        "transactions": body.hands.shown(),
        "epochs": [
            {
                "epoch": epoch.epoch,
                "cid": epoch.cid,
                "size": epoch.size,
                "sent": bool(publishing.sent) and epoch.epoch < sent,
                "anchored": anchored is not None and epoch.epoch <= anchored,
            }
            for epoch in epochs
        ],
        "faults": {
            **faults,
            **body.senses.faults,
            **living.faults,
            **publishing.troubles,
            **body.trade.troubles,
        },
    }


def _seen(seen: Snapshot | None, body: Body) -> dict[str, Any]:
    if seen is None:
        return {
            "block": 0,
            "vitals": "unknown",
            "runway_h": 0.0,
            "wei": "0",
            "micro": "0",
            "stale": True,
            "burn": "0",
            "age_h": 0.0,
            "horizon_h": body.who.horizon_s / HOUR_S,
            "unleased_h": 0.0,
            "lease": None,
            "offers": [],
        }
    return {
        "block": seen.block.number,
        "vitals": str(seen.vitals),
        "runway_h": seen.runway_h,
        "wei": str(seen.holdings.wei),
        "micro": str(seen.holdings.micro),
        "stale": seen.holdings.stale,
        "burn": str(seen.burn),
        "age_h": seen.age_s / HOUR_S,
        "horizon_h": seen.horizon_s / HOUR_S,
        "unleased_h": seen.unleased_s / HOUR_S,
        "lease": None if seen.lease is None else _lease(seen.lease, seen.block.at),
        "offers": [str(offer.micro_per_hour) for offer in seen.offers],
    }


def _lease(lease: Lease, now: int) -> dict[str, Any]:
    return {
        "id": lease.id,
        "state": str(lease.state),
        "micro_per_hour": str(lease.micro_per_hour),
        "balance": str(lease.balance),
        "paid_h": max(0, lease.paid_until - now) / HOUR_S,
        "ends_h": max(0, lease.ends_at - now) / HOUR_S,
    }


def _decision(decision: Mapping[str, Any]) -> dict[str, Any]:
    menu = [
        {"key": entry["key"], "summary": entry["summary"], "p": exp(entry["logprob"])}
        for entry in decision["menu"]
    ]
    return {**decision, "menu": menu}
