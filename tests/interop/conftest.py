"""One IPFS daemon for all tests of a session, empty at the start of each."""

from __future__ import annotations

import pytest
from ipfsd import Ipfsd


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    found = Ipfsd(tmp_path_factory.mktemp("ipfs") / "repo")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def ipfs(daemon):
    daemon.forget()
    return daemon
