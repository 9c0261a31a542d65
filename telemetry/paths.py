"""Follows a path below a CID, through maps, lists and links, as IPFS gateways do. Pure.

{checkpoint}/records/0/kind    the checkpoint's block, then the first record's
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from cbrrr import CID, decode_dag_cbor

from telemetry.cid import Cid, from_binary
from telemetry.errors import BadCid

_INDEX: Final = re.compile(r"0|[1-9]\d{0,15}")


def trail(
    block: Callable[[Cid], bytes | None], root: bytes, path: Sequence[str]
) -> list[bytes] | None:
    """The blocks crossed from the root's to the one the path ends in; None if it leads nowhere."""
    crossed = [root]
    here: Any = decode_dag_cbor(root) if path else None
    for name in path:
        found, here = _member(here, name)
        if not found:
            return None
        if isinstance(here, CID):
            try:
                data = block(from_binary(here.cid_bytes))
            except BadCid:
                data = None
            if data is None:
                return None
            crossed.append(data)
            here = decode_dag_cbor(data)
    return crossed


def _member(value: Any, name: str) -> tuple[bool, Any]:
    if isinstance(value, dict) and name in value:
        return True, value[name]
    if isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
        return True, value[int(name)]
    return False, None
