"""Whatever tells the demo to end, and however often: what it started is ended first."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from world.leaving import until_told

WORK = """
import asyncio
from world.leaving import until_told
async def work():
    try:
        print("begun", flush=True)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.4)
        print("tidy", flush=True)
asyncio.run(until_told(work()))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_ends_it_and_no_other_hurries_it(number):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORK),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    for _ in range(3):
        process.send_signal(number)
        await asyncio.sleep(0.05)
    said, complaint = await process.communicate()
    assert (said, complaint, process.returncode) == (b"tidy\n", b"", 128 + number)


async def test_what_is_not_told_to_end_gives_its_result():
    async def work():
        return 7

    assert await until_told(work()) == 7
