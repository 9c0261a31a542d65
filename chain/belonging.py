"""Whether a ledger, its limits and the keys belong together, asked once when a signer starts."""

from __future__ import annotations

from typing import Final

from chain.errors import BadLimits, BadSettings
from chain.keys import Key
from chain.limits import Limits
from chain.transaction import Transaction
from chain.wire import hexed

COPIED: Final = "this ledger is a copy or a restored backup"
UNKNOWN_BIRTH: Final = "this ledger does not know the agent's birth"


def accept(tx: Transaction, limits: Limits, wallet: Key) -> None:
    """A ledger serves one wallet on one registry, and limits only ever move on."""
    if limits.wallet != wallet.address:
        raise BadLimits("the limits are for another wallet", wallet=wallet.address)
    ours = f"{wallet.address} {limits.chain_id} {limits.registry}"
    if (tx.recall("wallet") or ours) != ours:
        raise BadSettings("this ledger belongs to another wallet or registry", ours=ours)
    version, digest = (tx.recall("limits") or "-1 none").split(" ")
    offered = f"{limits.version} {hexed(limits.digest)}"
    same = limits.version == int(version)
    if limits.version < int(version) or (same and offered != f"{version} {digest}"):
        raise BadLimits("other limits were accepted before", accepted=int(version))
    tx.remember("wallet", ours)
    tx.remember("limits", offered)


def recognize(tx: Transaction, file: str) -> None:
    """A copied or restored ledger may lack what was signed since: only the operator knows."""
    known = tx.recall("file") or file
    tx.remember("file", known)
    halt = tx.newest_halt()
    if known != file and (halt is None or halt.resumed):
        tx.add_halt(COPIED, tx.now())


def meet(tx: Transaction, agent: int) -> None:
    """The chain names the agent; a ledger that did not bear it was lost and made anew."""
    if not agent or str(agent) == tx.recall("agent"):
        return
    tx.remember("agent", str(agent))
    if tx.entry("birth") is None:
        tx.add_halt(UNKNOWN_BIRTH, tx.now())
