"""HTTP addresses as IPFS writes them, and back."""

from __future__ import annotations

import pytest
from pinservice import url_of

from telemetry.multiaddr import multiaddr_of


@pytest.mark.parametrize(
    ("url", "multiaddr"),
    [
        ("http://127.0.0.1:8420", "/ip4/127.0.0.1/tcp/8420/http"),
        ("http://127.0.0.1:8420/", "/ip4/127.0.0.1/tcp/8420/http"),
        ("http://[::1]:80", "/ip6/::1/tcp/80/http"),
        ("http://logs.example", "/dns/logs.example/tcp/80/http"),
        ("https://logs.example", "/dns/logs.example/tcp/443/tls/http"),
        ("https://logs.example:8443/a/b", "/dns/logs.example/tcp/8443/tls/http/http-path/a%2Fb"),
    ],
)
def test_an_address_is_written_as_ipfs_writes_it(url, multiaddr):
    assert multiaddr_of(url) == multiaddr
    with_port = url.rstrip("/")
    if with_port.count(":") == 1:
        with_port += ":443" if url.startswith("https") else ":80"
    assert url_of(multiaddr) == with_port


@pytest.mark.parametrize("url", ["", "logs.example", "ftp://logs.example", "http://", "http://a:b"])
def test_what_is_no_http_address_is_refused(url):
    with pytest.raises(ValueError):
        multiaddr_of(url)
