"""Logs that were changed after they were told, and linked and signed again as well as can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cbrrr import decode_dag_cbor, encode_dag_cbor
from lives import LOG_KEY, Teller

from chain.keys import Key
from chain.permit import Domain
from chain.permit import sign as sign_typed
from telemetry.car import car_name, write_car
from telemetry.checkpoint import FIRST_PREV, Checkpoint, Head
from telemetry.cid import cid_of, digest_of
from telemetry.record import NO_PREV
from telemetry.tree import Tree, leaf_hash

Fields = dict[str, Any]


@dataclass
class Forgery:
    """The records of a log, epoch by epoch, and what is to be odd about how they are sealed."""

    epochs: list[list[Fields]]
    chain: int
    registry: Any
    key: Key = LOG_KEY
    heads: dict[int, Callable[[Head], Head]] = field(default_factory=dict)
    sigs: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    blocks: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    """By seq: what becomes of a record's bytes before they are a leaf."""
    loose: bool = False
    """Whether records keep the seq and prev that they had."""

    @classmethod
    def of(cls, teller: Teller) -> Forgery:
        told = [[decode_dag_cbor(data) for data in records] for _, records in teller.epochs]
        return cls(told, teller.chain, teller.registry)

    @property
    def records(self) -> list[Fields]:
        return [record for epoch in self.epochs for record in epoch]

    def change(self, seq: int, **changes: Any) -> None:
        """Of the record itself."""
        self.records[seq].update(changes)

    def say(self, seq: int, **changes: Any) -> None:
        """Of its body."""
        self.records[seq]["body"].update(changes)

    def kind(self, name: str, **match: Any) -> int:
        """The seq of the first record of a kind whose body has these."""
        return next(
            seq
            for seq, record in enumerate(self.records)
            if record["kind"] == name and match.items() <= record["body"].items()
        )

    def write(self, folder: Path) -> Path:
        tree, leaf, prev = Tree(), NO_PREV, FIRST_PREV
        for number, records in enumerate(self.epochs):
            blocks = []
            for record in records:
                told = record if self.loose else record | {"seq": tree.size, "prev": leaf}
                data = self.blocks.get(tree.size, bytes)(encode_dag_cbor(told))
                leaf = leaf_hash(data)
                tree = tree.append(leaf)
                blocks.append(data)
            honest = Head(records[0]["agent"], number, tree.size, tree.root, prev)
            head = self.heads.get(number, lambda same: same)(honest)
            sealed = self._seal(head, blocks)
            prev = digest_of(sealed.cid)
            path = folder / car_name(head.epoch, sealed.cid)
            write_car(path, sealed.cid, [sealed.encode(), *blocks])
        return folder

    def _seal(self, head: Head, blocks: Sequence[bytes]) -> Checkpoint:
        digests = tuple(digest_of(cid_of(data)) for data in blocks)
        sig = sign_typed(self.key, Domain(self.chain, self.registry), head)
        changed = self.sigs.get(head.epoch, bytes)(sig)
        return replace(Checkpoint(head, digests, bytes(65)), sig=changed)
