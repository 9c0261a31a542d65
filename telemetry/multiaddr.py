"""An HTTP address, written as IPFS writes where something is to be had."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit


def multiaddr_of(url: str) -> str:
    """`http://127.0.0.1:8420` is `/ip4/127.0.0.1/tcp/8420/http`; raises ValueError if it is no URL.

    There is no `/p2p/…` at its end: who serves over HTTP alone has no peer's name.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http address: {url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    way = "/tls/http" if parts.scheme == "https" else "/http"
    below = parts.path.strip("/")
    path = f"/http-path/{quote(below, safe='')}" if below else ""
    return f"/{_kind(parts.hostname)}/{parts.hostname}/tcp/{port}{way}{path}"


def _kind(host: str) -> str:
    try:
        return f"ip{ip_address(host).version}"
    except ValueError:
        return "dns"
