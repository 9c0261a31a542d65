"""The signer's one question to the chain: is this wallet's agent halted? Asked over plain HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from chain.calldata import selector
from chain.desk import Answer
from chain.errors import Unreachable, WrongChain
from chain.types import Address

DEADLINE_S: Final = 5.0
"""For a whole answer: one that comes byte by byte must not keep the others unasked."""
REPLY_MAX: Final = 65_536
WORD: Final = 32
COUNT_MAX: Final = 2**53
"""The registry's numbers lie below; one above would leave no room for a later halt's."""
HALT_OF: Final = selector("haltOf(address)")


NONSENSE: Final = (
    OSError,
    http.client.HTTPException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""All the ways in which an endpoint can fail to answer."""


class Question:
    """Asks the endpoints in turn, another one first each time, until one answers sensibly."""

    def __init__(
        self, endpoints: Sequence[str], chain_id: int, registry: Address, wallet: Address
    ) -> None:
        self._endpoints = list(endpoints)
        self._chain_id = chain_id
        self._call = {
            "to": registry,
            "data": "0x" + (HALT_OF + bytes(12) + bytes.fromhex(wallet[2:])).hex(),
        }

    def ask(self) -> Answer:
        """Raises `Unreachable`, or `WrongChain` when that is all that any endpoint serves."""
        fault: Unreachable | WrongChain = Unreachable()
        self._endpoints.append(self._endpoints.pop(0))
        for endpoint in self._endpoints:
            try:
                return self._ask_one(endpoint)
            except WrongChain as wrong:
                fault = wrong
            except NONSENSE:
                continue
        raise fault

    def _ask_one(self, endpoint: str) -> Answer:
        if (served := int(_rpc(endpoint, "eth_chainId", []), 16)) != self._chain_id:
            raise WrongChain(served=served, expected=self._chain_id)
        words = bytes.fromhex(_rpc(endpoint, "eth_call", [self._call, "latest"])[2:])
        if len(words) != 4 * WORD:
            raise ValueError("not four words")
        agent, halted, halt_id, ended = (
            int.from_bytes(words[at : at + WORD], "big") for at in range(0, 4 * WORD, WORD)
        )
        if max(agent, halt_id) >= COUNT_MAX:
            raise ValueError("not numbers of a registry")
        return Answer(agent, bool(halted), halt_id, bool(ended))


def _rpc(endpoint: str, method: str, params: list[Any]) -> str:
    at = urlsplit(endpoint)
    secure = at.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(at.hostname or "", at.port, timeout=DEADLINE_S)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    path = (at.path or "/") + (f"?{at.query}" if at.query else "")
    late = threading.Timer(DEADLINE_S, _hang_up, (connection,))
    late.daemon = True
    try:
        connection.connect()
        late.start()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        result = json.loads(connection.getresponse().read(REPLY_MAX))["result"]
    finally:
        late.cancel()
        connection.close()
    if not isinstance(result, str):
        raise TypeError("result")
    return result


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Whoever reads from it sees its end."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
