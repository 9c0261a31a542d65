"""The chain's plain data as JSON and back, strictly: for the socket and for the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eth_utils.address import is_address, to_checksum_address

from chain.errors import BadRequest
from chain.types import (
    Address,
    Admission,
    Admitted,
    Attempt,
    Call,
    Entry,
    Fees,
    Intent,
    Json,
    Micro,
    Pull,
    Refused,
    SignerState,
    Wei,
)

PURPOSES: Final = frozenset({"birth", "serve", "act", "anchor", "end", "drain"})
ID_MAX: Final = 128
UINT_MAX: Final = 2**256 - 1
COUNT_MAX: Final = 2**63 - 1


class Fields:
    """A JSON map that is read by type; anything else about it is a `BadRequest`."""

    def __init__(self, data: Json) -> None:
        if not isinstance(data, Mapping):
            raise BadRequest("a map was expected")
        self._data = data

    def has(self, name: str) -> bool:
        return name in self._data

    def of(self, name: str) -> Json:
        if name not in self._data:
            raise BadRequest("a field is missing", field=name)
        return self._data[name]

    def text(self, name: str) -> str:
        if not isinstance(value := self.of(name), str):
            raise BadRequest("text was expected", field=name)
        return value

    def uint(self, name: str) -> int:
        value = self.of(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= UINT_MAX:
            raise BadRequest("a whole number was expected", field=name)
        return value

    def count(self, name: str) -> int:
        """A number that SQLite's integers hold."""
        if (value := self.uint(name)) > COUNT_MAX:
            raise BadRequest("the number is too large", field=name)
        return value

    def address(self, name: str) -> Address:
        if not is_address(value := self.text(name)):
            raise BadRequest("an address was expected", field=name)
        return Address(to_checksum_address(value))

    def raw(self, name: str, size: int | None = None) -> bytes:
        value = self.text(name)
        try:
            data = bytes.fromhex(value[2:]) if value.startswith("0x") else None
        except ValueError:
            data = None
        if data is None or (size is not None and len(data) != size):
            raise BadRequest("bytes as 0x and hex were expected", field=name)
        return data

    def array(self, name: str) -> list[Json]:
        if not isinstance(value := self.of(name), list):
            raise BadRequest("a list was expected", field=name)
        return value

    def truth(self, name: str) -> bool:
        if not isinstance(value := self.of(name), bool):
            raise BadRequest("true or false was expected", field=name)
        return value


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def call_to_json(call: Call) -> dict[str, Json]:
    pull: Json = None
    if call.pull:
        pull = {
            "token": call.pull.token,
            "value": call.pull.value,
            "valid_before": call.pull.valid_before,
        }
    return {
        "to": call.to,
        "function": call.function,
        "args": list(call.args),
        "value": call.value,
        "gas": call.gas,
        "pull": pull,
    }


def call_from_json(data: Json) -> Call:
    of = Fields(data)
    pull = None if of.of("pull") is None else _pull(of.of("pull"))
    return Call(
        to=of.address("to"),
        function=of.text("function"),
        args=tuple(of.array("args")),
        value=Wei(of.uint("value")),
        gas=of.uint("gas"),
        pull=pull,
    )


def _pull(data: Json) -> Pull:
    of = Fields(data)
    return Pull(of.address("token"), Micro(of.uint("value")), of.uint("valid_before"))


def intent_to_json(intent: Intent) -> dict[str, Json]:
    return {
        "id": intent.id,
        "because": intent.because,
        "purpose": intent.purpose,
        "call": call_to_json(intent.call),
    }


def intent_from_json(data: Json) -> Intent:
    of = Fields(data)
    if not 0 < len(identity := of.text("id")) <= ID_MAX:
        raise BadRequest("an id has 1 to 128 characters", field="id")
    if (purpose := of.text("purpose")) not in PURPOSES:
        raise BadRequest("no such purpose", field="purpose")
    return Intent(identity, of.count("because"), purpose, call_from_json(of.of("call")))


def fees_to_json(fees: Fees) -> dict[str, Json]:
    return {"max_fee": fees.max_fee, "priority": fees.priority}


def fees_from_json(data: Json) -> Fees:
    of = Fields(data)
    return Fees(Wei(of.uint("max_fee")), Wei(of.uint("priority")))


def attempt_to_json(attempt: Attempt) -> dict[str, Json]:
    return {"hash": attempt.hash, "raw": attempt.raw, "fees": fees_to_json(attempt.fees)}


def attempt_from_json(data: Json) -> Attempt:
    of = Fields(data)
    return Attempt(of.text("hash"), of.text("raw"), fees_from_json(of.of("fees")))


def entry_to_json(entry: Entry) -> dict[str, Json]:
    return {
        "intent": intent_to_json(entry.intent),
        "nonce": entry.nonce,
        "attempts": [attempt_to_json(attempt) for attempt in entry.attempts],
    }


def entry_from_json(data: Json) -> Entry:
    of = Fields(data)
    attempts = tuple(attempt_from_json(attempt) for attempt in of.array("attempts"))
    return Entry(intent_from_json(of.of("intent")), of.uint("nonce"), attempts)


def refused_to_json(refused: Refused) -> dict[str, Json]:
    return {"refused": {"reason": refused.reason, "facts": dict(refused.facts)}}


def refused_from_json(data: Json) -> Refused | None:
    """The refusal in a reply, if it is one."""
    if not isinstance(data, Mapping) or "refused" not in data:
        return None
    of = Fields(data["refused"])
    facts = of.of("facts")
    return Refused(of.text("reason"), facts if isinstance(facts, Mapping) else {})


def admission_to_json(admission: Admission) -> dict[str, Json]:
    if isinstance(admission, Refused):
        return refused_to_json(admission)
    return {"entry": entry_to_json(admission.entry), "fresh": admission.fresh}


def admission_from_json(data: Json) -> Admission:
    if refused := refused_from_json(data):
        return refused
    of = Fields(data)
    return Admitted(entry_from_json(of.of("entry")), of.truth("fresh"))


def state_to_json(state: SignerState) -> dict[str, Json]:
    return {name: getattr(state, name) for name in SignerState.__slots__}


def state_from_json(data: Json) -> SignerState:
    of = Fields(data)
    return SignerState(
        wallet=of.address("wallet"),
        log_key=of.address("log_key"),
        operator=of.address("operator"),
        chain_id=of.uint("chain_id"),
        registry=of.address("registry"),
        agent=of.uint("agent"),
        halted=of.truth("halted"),
        halt_id=of.uint("halt_id"),
        halt_reason=of.text("halt_reason"),
        ended=of.truth("ended"),
        limits_version=of.uint("limits_version"),
        next_nonce=of.uint("next_nonce"),
    )
