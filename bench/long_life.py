"""A life of any length as epoch files: what an agent would have written, without having lived it.

Decisions are of the size and shape of the demo's; two ticks in five act, and what they do is sent
and settled. Nothing is on any chain, so it can be audited in itself only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any, Final

from cbrrr import encode_dag_cbor

from agent.prompt import prompt_digest, render
from chain.keys import Key
from chain.permit import Domain
from chain.permit import digest as typed_digest
from chain.types import Address
from strategies import samples
from strategies.hold import WAIT
from strategies.plain import to_plain
from strategies.port import Action
from telemetry.car import car_bytes, car_name
from telemetry.checkpoint import FIRST_PREV, Checkpoint, Head
from telemetry.cid import digest_of
from telemetry.draw import draw, log_probabilities
from telemetry.record import NO_PREV, BlockRef, Record
from telemetry.tree import Tree, leaf_hash

CHAIN: Final = 31337
REGISTRY: Final = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
WALLET, LOG_KEY, OPERATOR = (Key(bytes([n]) * 32) for n in (1, 2, 3))
SEED: Final = sha256(b"a long life").digest()
BEGAN_MS: Final = 1_700_000_000_000
TICK_MS: Final = 30_000
EPOCH: Final = 1024
BEAT_TICKS: Final = 10
TOP_UP: Final = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"
MENU: Final = (
    WAIT,
    Action(
        "thrift.extend",
        {"paid_s": 28704, "longer_s": 14400, "deposit_micro": 4_000_000},
        "pay for 4 hours more where we live",
    ),
    Action(
        "thrift.extend",
        {"paid_s": 28704, "longer_s": 28800, "deposit_micro": 8_000_000},
        "pay for 8 hours more where we live",
    ),
    Action("keeper.work", {"job": 7, "reward_micro": 1_500_000, "gas": 200_000}, "perform job 7"),
)
LOGITS: Final = (log(0.6), log(0.15), log(0.1), log(0.15))


def write(folder: Path, records: int, epoch: int = EPOCH) -> Path:
    """Write at least so many records, to the end of a life, epoch by epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    tree, prev, number = Tree(), FIRST_PREV, 0
    batch: list[bytes] = []
    for data, last in _records(records):
        batch.append(data)
        tree = tree.append(leaf_hash(data))
        if len(batch) < epoch and not last:
            continue
        head = Head(1, number, tree.size, tree.root, prev)
        sig = LOG_KEY.sign(typed_digest(Domain(CHAIN, REGISTRY), head))
        checkpoint = Checkpoint(head, tuple(sha256(data).digest() for data in batch), sig)
        path = folder / car_name(number, checkpoint.cid)
        path.write_bytes(b"".join(car_bytes(checkpoint.cid, [checkpoint.encode(), *batch])))
        prev, number, batch = digest_of(checkpoint.cid), number + 1, []
    return folder


def _records(count: int) -> Iterator[tuple[bytes, bool]]:
    """Encoded records, and whether each is the last."""
    prev = NO_PREV
    for seq, (kind, body, tick) in enumerate(_story(count)):
        block = BlockRef(CHAIN, 100 + tick, f"0x{tick:064x}")
        data = Record(1, seq, BEGAN_MS + tick * TICK_MS, block, prev, kind, body).encode()
        prev = leaf_hash(data)
        yield data, kind == "end"


def _story(count: int) -> Iterator[tuple[str, dict[str, Any], int]]:
    yield "birth", _birth(), 0
    seq, nonce, tick = 1, 1, 0
    seen = to_plain(samples.snapshot())
    prompt = render(samples.snapshot(), MENU)
    menu = [{"key": a.key, "params": dict(a.params), "summary": a.summary} for a in MENU]
    chances = list(log_probabilities(LOGITS, 1.0, 0.05))
    while seq < count - 1:
        tick += 1
        chosen = draw(SEED, seq, chances)
        yield "decision", _decision(seen, prompt, menu, chances, chosen), tick
        if chosen:
            yield "effect", _sent(seq, nonce), tick
            yield "effect", _settled(seq, nonce, tick), tick
            seq, nonce = seq + 2, nonce + 1
        seq += 1
        if tick % BEAT_TICKS == 0:
            yield "heartbeat", _heartbeat(), tick
            seq += 1
    intents = [
        {"intent": name, "nonce": nonce + more, "purpose": "end"}
        for more, name in enumerate(("end", "sweep.wei"))
    ]
    yield "end", {"reason": "horizon", "cause": "its time was up", "intents": intents}, tick


def _birth() -> dict[str, Any]:
    genome = {"v": 1, "prompt": prompt_digest(), "parents": []}
    return {
        "wallet": WALLET.address,
        "operator": OPERATOR.address,
        "log_key": LOG_KEY.address,
        "genome": genome,
        "genome_digest": "0x" + sha256(encode_dag_cbor(genome)).hexdigest(),
        "seed": "0x" + SEED.hex(),
        "parents": [],
        "registry": REGISTRY,
        "places": asdict(samples.PLACES),
        "placing": "embodied",
        "limits": {"version": 1, "digest": "0x" + "00" * 32},
        "horizon_s": 86_400,
        "hibernate_max_s": 86_400,
        "silence_ms": 1_200_000,
        "speed": 1.0,
        "birth": {"intent": "birth", "nonce": 0, "hash": "0x" + "00" * 32},
    }


def _decision(
    seen: Any, prompt: str, menu: list[Any], chances: list[float], chosen: int
) -> dict[str, Any]:
    return {
        "observation": seen,
        "prompt": prompt,
        "menu": menu,
        "logprobs": chances,
        "chosen": chosen,
        "epsilon": 0.05,
        "temperature": 1.0,
        "model": {"gguf": "0x" + "ab" * 32, "adapter": "", "engine": "0x" + "cd" * 32},
        "thought": None,
        "latency_ms": 7,
    }


def _sent(seq: int, nonce: int) -> dict[str, Any]:
    return {
        "stage": "sent",
        "intent": f"{seq}.0",
        "because": seq,
        "purpose": "act",
        "nonce": nonce,
        "hash": f"0x{nonce:064x}",
        "call": {
            "to": samples.PLACES.lease_market,
            "function": TOP_UP,
            "args": ["$wallet", 1, 4_000_000, "$salt"],
            "value": "0",
            "gas": 250_000,
        },
        "pull": {"token": samples.PLACES.token, "value": "4000000", "valid_before": 1_768_000_000},
    }


def _settled(seq: int, nonce: int, tick: int) -> dict[str, Any]:
    return {
        "stage": "settled",
        "intent": f"{seq}.0",
        "nonce": nonce,
        "hash": f"0x{nonce:064x}",
        "block": {"number": 100 + tick, "hash": f"0x{tick:064x}", "at": 1_700_000_000 + tick},
        "ok": True,
        "gas_used": 51_610,
        "fee": "103220000000000",
    }


def _heartbeat() -> dict[str, Any]:
    return {
        "vitals": "steady",
        "runway_h": 28.0,
        "wei": "11513312000000000",
        "micro": "12000000",
        "stale": False,
    }


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])))
