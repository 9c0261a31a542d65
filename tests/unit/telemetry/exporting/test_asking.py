"""Which lives are asked for, when a registry that may be anybody's counts them."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from telemetry.errors import SourceError
from telemetry.exporting import asking
from telemetry.exporting.asking import MOST_LIVES, lives_asked

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@pytest.fixture
def registry(monkeypatch):
    """A chain whose registry says that so many were born."""

    def says(count):
        class Chain:
            async def view(self, address, function):
                assert (address, function) == (REGISTRY, asking.COUNT)
                return [count]

        @asynccontextmanager
        async def connect(_url):
            yield Chain()

        monkeypatch.setattr(asking, "connect", connect)

    return says


async def asked(agents=()):
    return await lives_asked([], agents, "http://chain", REGISTRY)


async def test_a_registry_says_who_was_born(registry):
    registry(3)
    assert [each.agent for each in await asked()] == [1, 2, 3]
    registry(0)
    assert await asked() == []
    registry(3)
    assert [each.agent for each in await asked([7, 2])] == [7, 2]  # those that were named


@pytest.mark.parametrize("count", [MOST_LIVES + 1, 2**256 - 1])
async def test_no_registry_is_believed_to_hold_more_lives_than_can_be(registry, count):
    registry(count)
    with pytest.raises(SourceError, match="more lives were born than can be"):
        await asked()


async def test_somebody_must_know_of_lives():
    for rpc, address in ((None, None), ("http://chain", None), (None, REGISTRY)):
        with pytest.raises(SourceError, match="name a source"):
            await lives_asked([], [], rpc, address)
