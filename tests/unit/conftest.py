"""What unit tests of several parts share."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def shallow():
    """Our processes' own recursion limit: web3 raises it for all tests, and no daemon loads it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)
