"""Whether the gateway will be able to listen, asked before anything depends on it."""

from __future__ import annotations

import socket

from agent.errors import PortTaken


def check(host: str, port: int) -> None:
    """Raises `PortTaken`; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise taken(host, port, fault) from None


def taken(host: str, port: int, fault: OSError) -> PortTaken:
    return PortTaken(
        f"the gateway cannot listen on {host}:{port} ({fault.strerror})",
        "name another telemetry.gateway_port, or 0 for any free one",
    )
