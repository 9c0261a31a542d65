"""A port that is kept: for whoever asks by number, and for nobody else."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from world.ports import HERE, KeptPort

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is promised")
MANY = 300


def given(share):
    """Ports that the kernel gives to others, all in use at once."""
    others = [socket.socket() for _ in range(MANY)]
    try:
        for other in others:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, share)
            other.bind((HERE, 0))
            other.listen()
        return {other.getsockname()[1] for other in others}
    finally:
        for other in others:
            other.close()


def test_what_is_kept_is_given_to_nobody_else():
    kept = [KeptPort() for _ in range(MANY)]
    numbers = {port.number for port in kept}
    assert len(numbers) == MANY
    assert not numbers & given(share=1)
    assert not numbers & given(share=0)
    for port in kept:
        port.close()


async def test_a_server_listens_on_a_kept_port_and_a_second_one_does_not():
    kept, loop = KeptPort(), asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, HERE, kept.number)
    _, writer = await asyncio.open_connection(HERE, kept.number)
    writer.close()
    with pytest.raises(OSError, match="in use"):
        await loop.create_server(asyncio.Protocol, HERE, kept.number)
    server.close()
    kept.close()


async def test_nobody_answers_there_before():
    kept = KeptPort()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HERE, kept.number)
    kept.close()
