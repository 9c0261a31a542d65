"""What a tenant and its provider say to each other over HTTP: the request, the reply, the proof.

    POST /score            {prompt, labels, model, once} → {logits, model: {gguf, adapter, engine}}
    GET  /models/{digest}  {digest, state}
    GET  /health           {ok, block}

`labels` are letters from A to Z, `model` in a request is the lease's manifest digest. The proof
travels in the header `Forager-Access: {lease}.{at}.{signature}`: the tenant's wallet signs lease,
provider, wall time in seconds and the SHA-256 of the body. `once` is different in every body, so a
proof is good for one request to one provider.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from compute.errors import BadReply, BadRequest
from compute.port import ModelId, Scores
from compute.scoring import LABELS

ACCESS: Final = "Forager-Access"
MAX_REQUEST: Final = 64 * 1024
MAX_REPLY: Final = 16 * 1024
MAX_LABELS: Final = len(LABELS)
_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class Access:
    """The tenant's proof; `at` is wall time in seconds."""

    lease: int
    at: int
    signature: bytes

    def header(self) -> str:
        return f"{self.lease}.{self.at}.0x{self.signature.hex()}"


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Score these labels after this prompt with the model of this manifest."""

    prompt: str
    labels: tuple[str, ...]
    model: str
    once: str

    def body(self) -> bytes:
        fields = asdict(self)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def parse_access(header: str) -> Access | None:
    lease, _, rest = header.partition(".")
    at, _, signature = rest.partition(".")
    if not (_is_number(lease) and _is_number(at) and signature.startswith("0x")):
        return None
    try:
        raw = bytes.fromhex(signature[2:])
    except ValueError:
        return None
    return Access(int(lease), int(at), raw) if len(raw) == _SIGNATURE_BYTES else None


def parse_request(body: bytes) -> ScoreRequest:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    match fields:
        case {
            "prompt": str(prompt),
            "labels": [*labels],
            "model": str(model),
            "once": str(once),
        } if labels:
            pass
        case _:
            raise BadRequest("the body lacks prompt, labels, model or once")
    if len(labels) > MAX_LABELS or not all(map(_is_label, labels)):
        raise BadRequest("the labels are not 1 to 26 letters from A to Z")
    if not _is_unicode(prompt):
        raise BadRequest("the prompt is not Unicode")
    return ScoreRequest(prompt, tuple(labels), model, once)


def reply_body(scores: Scores) -> bytes:
    return json.dumps(asdict(scores), separators=(",", ":")).encode()


def parse_reply(body: bytes, labels: Sequence[str], expected: ModelId) -> Scores:
    """Believe a reply only if it scores each label, finitely, with the model that was leased."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):  # a thousand brackets are a valid beginning
        raise BadReply("the reply is not JSON") from None
    match fields:
        case {
            "logits": [*logits],
            "model": {"gguf": str(gguf), "adapter": str(adapter), "engine": str(engine)},
        }:
            pass
        case _:
            raise BadReply("the reply lacks logits or model")
    if len(logits) != len(labels) or not all(map(_is_finite, logits)):
        raise BadReply("the reply is not one finite logit for each label")
    if (gguf, adapter) != (expected.gguf, expected.adapter):
        raise BadReply("another model answered", gguf=gguf[:80], adapter=adapter[:80])
    return Scores(tuple(map(float, logits)), ModelId(gguf, adapter, engine[:80]))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20  # noqa: PLR2004  # a uint64


def _is_label(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value in LABELS


def _is_unicode(text: str) -> bool:
    """Half a character is none, and JSON lets it pass."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
