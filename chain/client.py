"""The connection to a chain. web3 is loaded when it is asked for: it takes most of a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chain import answers, replies
from chain.answers import Header
from chain.endpoints import Endpoints
from chain.errors import NodeRefused, Unreachable
from chain.line import Line
from chain.replies import Reply
from chain.types import Address, Receipt, Wei

if TYPE_CHECKING:
    from web3 import AsyncWeb3

    from chain.face import Face


class ChainClient:
    """One chain behind one or more endpoints; it holds no keys and remembers nothing."""

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        line: Line | None = None,
    ) -> None:
        """With a `line` it is asked instead of the URLs."""
        self.chain_id = chain_id
        self._endpoints: Endpoints | Line = line or Endpoints(urls, chain_id, timeout_s, clock)

    async def __aenter__(self) -> Self:
        """Raise `WrongChain` or `Unreachable` now rather than later."""
        try:
            await self.check()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @cached_property
    def web3(self) -> AsyncWeb3[Face]:
        """The same endpoints behind web3's own face, for tools; nothing that lives uses it."""
        from chain.face import face

        return face(self._endpoints)

    async def close(self) -> None:
        await self._endpoints.disconnect()

    async def check(self) -> None:
        """Ask which chain this is, whatever was known."""
        await self.rpc("eth_chainId")

    async def rpc(self, method: str, *params: object) -> Any:
        """Ask one endpoint; raises `Unreachable`, `WrongChain` or `NodeRefused`."""
        return _result(method, await self._endpoints.make_request(method, params))

    async def head(self) -> Header:
        return answers.header(
            await self._must("eth_getBlockByNumber", "latest", False), self.chain_id
        )

    async def header(self, block: int | str) -> Header | None:
        """A block by number, if there is one yet, or by hash, wherever it now lies."""
        if isinstance(block, int):
            raw = await self._must("eth_getBlockByNumber", hex(block), False)
        else:
            raw = await self._must("eth_getBlockByHash", block, False)
        return answers.header(raw, self.chain_id) if raw else None

    async def receipt(self, transaction: str) -> Receipt | None:
        """How a transaction ended, provided its block is part of the chain."""
        raw = await self._must("eth_getTransactionReceipt", transaction)
        if raw is None:
            return None
        number, block_hash = answers.place(raw)
        found = await self.header(number)
        if found is None or found.block.hash != block_hash:
            return None
        return answers.receipt(raw, found.block)

    async def nonce(self, of: Address, at: int | str = "latest") -> int:
        """How many transactions an account has sent, at a block number or tag."""
        tag = hex(at) if isinstance(at, int) else at
        return answers.quantity(await self._must("eth_getTransactionCount", of, tag))

    async def balance(self, of: Address) -> Wei:
        return Wei(answers.quantity(await self._must("eth_getBalance", of, "latest")))

    async def broadcast(self, raw: str, transaction: str) -> Reply:
        """Hand signed bytes to every endpoint: a single one may lie, or swallow them."""
        said = await self._endpoints.ask_each("eth_sendRawTransaction", (raw,))
        return replies.best([_reply(response, transaction) for response in said])

    async def _must(self, method: str, *params: object) -> Any:
        """Ask what every node knows; one that refuses is as good as silent."""
        try:
            return await self.rpc(method, *params)
        except NodeRefused as refusal:
            raise Unreachable(method=method, causes=[refusal.words]) from None


def _result(method: str, response: Mapping[str, Any]) -> Any:
    if "result" in response:
        return response["result"]
    error = response.get("error")
    if not isinstance(error, dict):
        raise Unreachable("A node's answer makes no sense", cause=method)
    data = error.get("data")
    raise NodeRefused(
        method,
        code=error["code"] if isinstance(error.get("code"), int) else 0,
        words=str(error.get("message", "")),
        data=data if isinstance(data, str) else "",
    )


def _reply(response: Mapping[str, Any], transaction: str) -> Reply:
    try:
        taken = _result("eth_sendRawTransaction", response)
    except NodeRefused as refusal:
        return replies.classify(refusal.words)
    except Unreachable:
        return Reply.SILENT
    honest = isinstance(taken, str) and taken.lower() == transaction.lower()
    return Reply.ACCEPTED if honest else Reply.SILENT
