"""Proofs as JSON: bytes are 0x-text in lower case, and nothing that is not of the form is read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from eth_utils.address import to_checksum_address

from chain.permit import Domain
from chain.types import Address
from telemetry.checkpoint import Head
from telemetry.errors import BadProof
from telemetry.proving.proof import Consistency, Inclusion, Log, Proof, Seal
from telemetry.record import MAX_BYTES, SAFE_INTEGER

VERSION: Final = 1
MAX_TEXT: Final = 256 * 1024
MAX_PATH: Final = 64
_HASH: Final = 32
_SIG: Final = 65
_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_WHOSE: Final = ("v", "proves", "agent", "chain", "registry", "log_key", "path")
_SEAL: Final = ("epoch", "size", "root", "prev", "digest", "sig")


def plain(proof: Proof) -> dict[str, Any]:
    """Return a proof as JSON has it."""
    whose = {
        "v": VERSION,
        "proves": "inclusion" if isinstance(proof, Inclusion) else "consistency",
        "agent": proof.seals[0].head.agent,
        "chain": proof.log.domain.chain_id,
        "registry": proof.log.domain.contract,
        "log_key": proof.log.log_key,
    }
    path = {"path": [_hex(node) for node in proof.path]}
    if isinstance(proof, Inclusion):
        record = {"seq": proof.seq, "bytes": _hex(proof.record)}
        return whose | {"checkpoint": _plain_seal(proof.seal), "record": record} | path
    seals = {"older": _plain_seal(proof.older), "newer": _plain_seal(proof.newer)}
    return whose | seals | path


def written(proof: Proof) -> str:
    """Return a proof as a file holds it."""
    return json.dumps(plain(proof), indent=1) + "\n"


def read(text: bytes) -> Proof:
    """Read a proof that a stranger wrote; raises `BadProof` for whatever is not of the form."""
    if len(text) > MAX_TEXT:
        raise BadProof(why="too long", limit=MAX_TEXT)
    try:
        said = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadProof(why="not JSON") from error
    proves = said.get("proves") if isinstance(said, dict) else None
    if proves == "inclusion":
        return _inclusion(_fields(said, "proof", *_WHOSE, "checkpoint", "record"))
    if proves == "consistency":
        return _consistency(_fields(said, "proof", *_WHOSE, "older", "newer"))
    raise BadProof(why="it does not say what it proves", field="proves")


def _inclusion(said: dict[str, Any]) -> Inclusion:
    log, path = _whose(said)
    record = _fields(said["record"], "record", "seq", "bytes")
    return Inclusion(
        log=log,
        seal=_seal(said, "checkpoint"),
        seq=_counter(record, "seq"),
        record=_bytes(record["bytes"], "bytes", range(1, MAX_BYTES + 1)),
        path=path,
    )


def _consistency(said: dict[str, Any]) -> Consistency:
    log, path = _whose(said)
    return Consistency(log, _seal(said, "older"), _seal(said, "newer"), path)


def _whose(said: dict[str, Any]) -> tuple[Log, tuple[bytes, ...]]:
    if _counter(said, "v") != VERSION:
        raise BadProof(why="unknown version", field="v")
    domain = Domain(_counter(said, "chain"), _address(said, "registry"))
    path = said["path"]
    if type(path) is not list or len(path) > MAX_PATH:
        raise BadProof(why="not a list, or too long", field="path")
    nodes = tuple(_bytes(node, "path", [_HASH]) for node in path)
    return Log(_address(said, "log_key"), domain), nodes


def _seal(said: dict[str, Any], name: str) -> Seal:
    seal = _fields(said[name], name, *_SEAL)
    head = Head(
        agent=_counter(said, "agent"),
        epoch=_counter(seal, "epoch"),
        size=_counter(seal, "size"),
        root=_bytes(seal["root"], "root", [_HASH]),
        prev=_bytes(seal["prev"], "prev", [_HASH]),
    )
    digest, sig = _bytes(seal["digest"], "digest", [_HASH]), _bytes(seal["sig"], "sig", [_SIG])
    return Seal(head, digest, sig)


def _plain_seal(seal: Seal) -> dict[str, Any]:
    head = seal.head
    return {
        "epoch": head.epoch,
        "size": head.size,
        "root": _hex(head.root),
        "prev": _hex(head.prev),
        "digest": _hex(seal.digest),
        "sig": _hex(seal.sig),
    }


def _fields(value: Any, name: str, *keys: str) -> dict[str, Any]:
    if type(value) is not dict or value.keys() != set(keys):
        raise BadProof(why=f"not a map of {', '.join(keys)}", field=name)
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers must not take two proofs from one text."""
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _counter(said: dict[str, Any], name: str) -> int:
    value = said[name]
    if type(value) is not int or not 0 <= value < SAFE_INTEGER:
        raise BadProof(why="not a counter", field=name)
    return value


def _bytes(value: Any, name: str, lengths: Sequence[int]) -> bytes:
    if type(value) is not str or not _HEX.fullmatch(value) or (len(value) - 2) // 2 not in lengths:
        raise BadProof(why="not so many bytes in hex", field=name)
    return bytes.fromhex(value[2:])


def _address(said: dict[str, Any], name: str) -> Address:
    value = said[name]
    if type(value) is not str or not _ADDRESS.fullmatch(value):
        raise BadProof(why="not an address", field=name)
    return Address(to_checksum_address(value))


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
