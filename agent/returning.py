"""Taking a life up where it was left: is this its log, what was missed, where is it served."""

from __future__ import annotations

from agent.body import Body
from chain.contracts import URI_OF, Life
from chain.reader import BlockReader
from chain.types import Intent
from telemetry.anchor import serve_call
from telemetry.cid import digest_of
from telemetry.errors import LogBehind
from telemetry.log import Log


def judge_log(log: Log, registered: Life | None) -> int | None:
    """What the chain holds of this log must be in it; gives the epoch that is anchored."""
    if registered is None or not registered.anchored:
        return None
    epoch = registered.epoch
    if epoch >= log.sealed_epochs or registered.size > log.next_seq:
        raise LogBehind(why="an epoch is anchored that is not in it", epoch=epoch)
    [info] = log.epochs(log.agent, epoch, 1)
    if "0x" + digest_of(info.cid).hex() != registered.digest.lower():
        raise LogBehind(why="another epoch is anchored than the one in it", epoch=epoch)
    return epoch


def admit_absence(body: Body, read: BlockReader, *, stopped: bool) -> None:
    """The log shows how long nobody wrote in it, and why."""
    if body.log.found and not body.log.ended:
        since = body.log.record(body.log.next_seq - 1).at
        reason = "stopped" if stopped else "killed"
        body.log.append("gap", {"since_ms": since, "reason": reason}, read.block)


async def say_where(body: Body, read: BlockReader) -> None:
    """Tell the registry where the log is served, unless it knows or is being told."""
    [known] = await read.call(body.who.places.registry, URI_OF, [body.who.agent])
    if known == body.serves or any(intent.startswith("serve") for intent in body.hands.open):
        return
    because = body.log.next_seq - 1
    name = f"serve.{because}" if because else "serve"
    call = serve_call(body.who.places.registry, body.who.agent, body.serves)
    intent = Intent(name, because, "serve", call)
    await body.hands.ask(intent, "serve", read.block, await read.base_fee())
