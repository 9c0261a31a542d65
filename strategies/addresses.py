"""Addresses among a strategy's options: there, and written as the signer writes them."""

from __future__ import annotations

from eth_utils.address import is_hex_address, to_checksum_address

from chain.types import Address
from strategies.errors import BadOptions


def address_of(option: str, given: str) -> Address:
    """Raises `BadOptions` for what is missing or none."""
    if not given:
        raise BadOptions("missing option", option=option)
    if not is_hex_address(given):
        raise BadOptions("wrong kind of option", option=option, wants="an address")
    return Address(to_checksum_address(given))
