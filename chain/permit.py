"""What operators, wallets and log keys sign as EIP-712 typed data: one table, three functions.

Light on purpose: neither web3 nor any secret is needed to check a signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from chain.keys import Key, NotASignature, recover
from chain.types import Address, Json

DOMAIN_TYPE: Final = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one contract on one chain."""

    chain_id: int
    contract: Address
    name: str = "Forager"
    version: str = "1"


@dataclass(frozen=True, slots=True)
class Birth:
    """The operator lets this wallet be born, once."""

    wallet: Address
    operator: Address
    log_key: Address
    genome: bytes
    parents: tuple[int, ...]
    seed: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class Resume:
    """The operator lifts exactly this halt."""

    agent: int
    halt_id: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator sets limits; `digest` is the SHA-256 of their canonical text."""

    agent: int
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log key signs the head over all records so far."""

    agent: int
    epoch: int
    size: int
    root: bytes
    prev: bytes


@dataclass(frozen=True, slots=True)
class Access:
    """The wallet tells a provider, at a wall time in seconds, that a request is its tenant's."""

    lease: int
    provider: Address
    at: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """EIP-3009: whoever `to` is may take `value` from `from` until `valid_before`, once."""

    payer: Address
    to: Address
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Transfer:
    """EIP-3009: whoever likes may bring `value` from `from` to `to` until `valid_before`, once."""

    payer: Address
    to: Address
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes


Message = Birth | Resume | Limits | Checkpoint | Access | Receive | Transfer

TYPES: Final[Mapping[type[Message], str]] = {
    Birth: "Birth(address wallet,address operator,address logKey,bytes32 genome,uint64[] parents,"
    "bytes32 seed,uint256 nonce,uint64 deadline)",
    Resume: "Resume(uint256 agent,uint256 haltId)",
    Limits: "Limits(uint256 agent,uint64 version,bytes32 digest)",
    Checkpoint: "Checkpoint(uint256 agent,uint64 epoch,uint64 size,bytes32 root,bytes32 prev)",
    Access: "Access(uint256 lease,address provider,uint64 at,bytes32 digest)",
    Receive: "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
    "uint256 validBefore,bytes32 nonce)",
    Transfer: "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
    "uint256 validBefore,bytes32 nonce)",
}


def digest(domain: Domain, message: Message) -> bytes:
    """The 32 bytes that are signed."""
    return keccak(b"\x19\x01" + separator(domain) + _struct_hash(message))


def sign(key: Key, domain: Domain, message: Message) -> bytes:
    return key.sign(digest(domain, message))


def signed_by(domain: Domain, message: Message, signature: bytes) -> Address | None:
    """Who signed this message, or None when nobody did."""
    try:
        return recover(digest(domain, message), signature)
    except NotASignature:
        return None


def birth_args(permit: Birth, signature: bytes) -> tuple[Json, ...]:
    """The arguments of the registry's `birth`."""
    return (
        [
            permit.wallet,
            permit.operator,
            permit.log_key,
            _hex(permit.genome),
            list(permit.parents),
            _hex(permit.seed),
            permit.nonce,
            permit.deadline,
        ],
        _hex(signature),
    )


def birth_from_args(args: Sequence[Json]) -> tuple[Birth, bytes]:
    """The inverse of `birth_args`; raises ValueError, KeyError or TypeError for anything else."""
    body, signature = args
    if not isinstance(body, list | tuple):
        raise TypeError("birth")
    names = ("wallet", "operator", "log_key", "genome", "parents", "seed", "nonce", "deadline")
    return birth_from_json({**dict(zip(names, body, strict=True)), "signature": signature})


def birth_to_json(permit: Birth, signature: bytes) -> dict[str, Json]:
    """What `birth.json` holds; numbers as text, because some readers have no big integers."""
    return {
        "wallet": permit.wallet,
        "operator": permit.operator,
        "log_key": permit.log_key,
        "genome": _hex(permit.genome),
        "parents": list(permit.parents),
        "seed": _hex(permit.seed),
        "nonce": str(permit.nonce),
        "deadline": str(permit.deadline),
        "signature": _hex(signature),
    }


def birth_from_json(data: Mapping[str, Json]) -> tuple[Birth, bytes]:
    """Raises ValueError, KeyError or TypeError when this is no permit."""
    if not isinstance(parents := data["parents"], list):
        raise TypeError("parents")
    permit = Birth(
        wallet=_address(data["wallet"]),
        operator=_address(data["operator"]),
        log_key=_address(data["log_key"]),
        genome=_bytes32(data["genome"]),
        parents=tuple(int(str(parent)) for parent in parents),
        seed=_bytes32(data["seed"]),
        nonce=int(str(data["nonce"])),
        deadline=int(str(data["deadline"])),
    )
    return permit, bytes.fromhex(str(data["signature"]).removeprefix("0x"))


def separator(domain: Domain) -> bytes:
    """What a contract calls its DOMAIN_SEPARATOR."""
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=DOMAIN_TYPE),
                keccak(text=domain.name),
                keccak(text=domain.version),
                domain.chain_id,
                domain.contract,
            ],
        )
    )


def _struct_hash(message: Message) -> bytes:
    kind = TYPES[type(message)]
    members = [member.split(" ")[0] for member in kind[kind.index("(") + 1 : -1].split(",")]
    values = [getattr(message, field.name) for field in fields(message)]
    words = [_word(kind_, value) for kind_, value in zip(members, values, strict=True)]
    return keccak(keccak(text=kind) + b"".join(words))


def _word(kind: str, value: object) -> bytes:
    if kind.endswith("[]") and isinstance(value, tuple):
        return keccak(b"".join(_word(kind[:-2], item) for item in value))
    if kind == "bytes32" and (not isinstance(value, bytes) or len(value) != 32):  # noqa: PLR2004 - what its name says
        raise ValueError("bytes32")
    return encode([kind], [value])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _address(value: Json) -> Address:
    if not is_address(text := str(value)):
        raise ValueError("address")
    return Address(to_checksum_address(text))


def _bytes32(value: Json) -> bytes:
    if len(data := bytes.fromhex(str(value).removeprefix("0x"))) != 32:  # noqa: PLR2004 - what its name says
        raise ValueError("bytes32")
    return data
