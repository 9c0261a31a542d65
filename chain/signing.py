"""One EIP-1559 transaction as bytes: pure, and the same bytes whenever it is asked again."""

from __future__ import annotations

from typing import Final

import rlp  # type: ignore[import-untyped] # it ships no type hints
from eth_utils.crypto import keccak

from chain.keys import ELECTRUM, Key
from chain.types import Address, Attempt, Fees

TYPE: Final = b"\x02"


def sign_transaction(
    key: Key, chain_id: int, nonce: int, fees: Fees, gas: int, to: Address, value: int, data: bytes
) -> Attempt:
    fields = [
        chain_id,
        nonce,
        fees.priority,
        fees.max_fee,
        gas,
        bytes.fromhex(to[2:]),
        value,
        data,
        [],
    ]
    signature = key.sign(keccak(TYPE + rlp.encode(fields)))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    raw = TYPE + rlp.encode([*fields, signature[64] - ELECTRUM, r, s])
    return Attempt("0x" + keccak(raw).hex(), "0x" + raw.hex(), fees)
