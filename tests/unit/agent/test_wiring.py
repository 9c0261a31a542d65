"""A config that may change under a life, and what may not change with it."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from agent.config import Life
from agent.errors import BadConfig
from agent.wiring import _keep_promise


@pytest.mark.parametrize(
    ("born_s", "now_s", "fits"),
    [(300, 300, True), (300, 10, True), (5, 15, True), (5, 16, False), (15, 300, False)],
)
def test_a_heartbeat_is_never_slower_than_was_promised_at_birth(born_s, now_s, fits):
    config = SimpleNamespace(life=Life(heartbeat_s=now_s))
    log = SimpleNamespace(silence_ms=Life(heartbeat_s=born_s).silence_ms)
    refusal = pytest.raises(BadConfig, match="at most 15 for this life")
    with nullcontext() if fits else refusal:
        _keep_promise(config, log)
