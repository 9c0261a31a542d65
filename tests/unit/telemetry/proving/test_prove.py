"""Proofs are made from honest logs, wherever they lie, and from none that contradicts itself."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from io import BytesIO

import pytest
from lives import CHAIN, LOG_KEY, OPERATOR, REGISTRY, Teller, sign, whole_life

from chain.keys import Key
from telemetry.car import car_bytes, car_name, read_epoch, write_car
from telemetry.checkpoint import Domain
from telemetry.cid import cid_of, digest_of
from telemetry.errors import BadLog, SourceError
from telemetry.node import Node
from telemetry.proving.proof import Consistency, Inclusion, NotProven, Proven
from telemetry.proving.prove import Growth, RecordUnder, prove, recheck
from telemetry.proving.walk import Walk
from telemetry.proving.written import written
from telemetry.record import Record
from telemetry.store import Archive


async def refused(folder, claim, **what) -> str:
    answer = await prove(str(folder), claim, **what)
    assert isinstance(answer.verdict, NotProven)
    return answer.verdict.why


async def test_a_folder_proves_each_of_its_records(tmp_path):
    teller = whole_life()
    teller.write(tmp_path)
    records = [data for _, records in teller.epochs for data in records]
    for seq, data in enumerate(records):
        answer = await prove(str(tmp_path), RecordUnder(seq))
        assert answer.verdict == Proven(None)
        assert isinstance(answer.proof, Inclusion)
        assert (answer.proof.record, answer.proof.seal.head) == (data, teller.epochs[2][0].head)
        assert await recheck(written(answer.proof).encode()) == answer


async def test_a_record_is_proven_under_the_checkpoint_that_is_named(tmp_path):
    whole_life().write(tmp_path)
    answer = await prove(str(tmp_path), RecordUnder(2, 0))
    assert answer.verdict == Proven(None)
    assert answer.proof.seal.head.size == 3
    assert "no record 3 under checkpoint 0, which covers 3 records" in await refused(
        tmp_path, RecordUnder(3, 0)
    )
    assert "no record 11" in await refused(tmp_path, RecordUnder(11))
    assert "checkpoint 3 is not there: the log ends with checkpoint 2" in await refused(
        tmp_path, RecordUnder(1, 3)
    )


async def test_a_folder_proves_that_it_only_grew(tmp_path):
    whole_life().write(tmp_path)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        answer = await prove(str(tmp_path), Growth(first, second))
        assert answer.verdict == Proven(None)
        assert isinstance(answer.proof, Consistency)
        epochs = (answer.proof.older.head.epoch, answer.proof.newer.head.epoch)
        assert epochs == (first, second)
    assert "checkpoint 3 is not there" in await refused(tmp_path, Growth(0, 3))
    assert "no checkpoint 2 before checkpoint 1" in await refused(tmp_path, Growth(2, 1))


async def test_a_gateway_proves_the_same(tmp_path):
    domain = Domain(CHAIN, REGISTRY)
    archive = Archive(tmp_path / "archive.sqlite", domain)
    for path in sorted(whole_life().write(tmp_path / "cars").iterdir()):
        archive.keep(read_epoch(path))
    node = Node(archive, domain)
    url = await node.start("127.0.0.1", 0)
    try:
        for claim in (RecordUnder(4), RecordUnder(1, 0), Growth(0, 2)):
            served = await prove(url, claim)
            assert served.verdict == Proven(None)
            assert served == await prove(str(tmp_path / "cars"), claim)
    finally:
        await node.stop()
        archive.close()


async def test_progress_is_told(tmp_path):
    whole_life().write(tmp_path)
    told = []
    await prove(str(tmp_path), RecordUnder(0), progress=lambda *said: told.append(said))
    assert told == [("epochs", 1, 3), ("epochs", 2, 3), ("epochs", 3, 3)]


async def test_where_there_is_no_log_nothing_is_refused_but_the_question(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SourceError):
            await prove(str(place), RecordUnder(0))
    (tmp_path / "a.car").write_bytes(b"no car")
    with pytest.raises(SourceError, match=r"a\.car"):
        await prove(str(tmp_path), RecordUnder(0))


async def test_two_agents_in_one_folder_need_a_name(tmp_path):
    other = Teller(agent=2)
    other.birth()
    other.seal()
    other.write(whole_life().write(tmp_path))
    with pytest.raises(SourceError, match="several agents"):
        await prove(str(tmp_path), RecordUnder(0))
    assert (await prove(str(tmp_path), RecordUnder(0), agent=2)).proof.seal.head.agent == 2


# ---------------------------------------------------------------------------------- contradictions


def resealed(epoch: int, **changes):
    """Another head for an epoch, signed by the log key itself, and all that follow linked to it."""

    def lie(teller):
        prev = None
        for at in range(epoch, len(teller.epochs)):
            checkpoint, records = teller.epochs[at]
            head = checkpoint.head if prev is None else replace(checkpoint.head, prev=prev)
            if at == epoch:
                head = replace(head, **changes)
            signed = sign(head, checkpoint.records, teller)
            teller.epochs[at] = (signed, records)
            prev = digest_of(signed.cid)

    return lie


def record_swapped(teller):
    """The checkpoint lists another record than the one its root is over."""
    checkpoint, records = teller.epochs[1]
    other = Record.decode(records[0])._replace(at=77_777).encode()
    cids = [cid_of(other), *checkpoint.records[1:]]
    teller.epochs[1] = (sign(checkpoint.head, cids, teller), [other, *records[1:]])


def signed_by_another(teller):
    checkpoint, records = teller.epochs[1]
    other = replace(teller, key=OPERATOR)
    teller.epochs[1] = (sign(checkpoint.head, checkpoint.records, other), records)


def left_out(teller):
    del teller.epochs[1]


LIES = [
    (resealed(1, root=bytes(32)), "the root is not that of the records"),
    (resealed(1, size=12), "10 records, not 12"),
    (resealed(1, prev=b"\1" * 32), "prev is not the checkpoint before"),
    (record_swapped, "the root is not that of the records"),
    (signed_by_another, "not signed by the log key"),
    (left_out, "checkpoint 1 is not there"),
]


@pytest.mark.parametrize(("lie", "why"), LIES)
async def test_a_log_that_contradicts_itself_proves_nothing_from_there_on(tmp_path, lie, why):
    teller = whole_life()
    lie(teller)
    teller.write(tmp_path)
    for claim in (RecordUnder(0), RecordUnder(7), RecordUnder(0, 2), Growth(0, 2)):
        assert why in await refused(tmp_path, claim)
    assert (await prove(str(tmp_path), RecordUnder(0, 0))).verdict == Proven(None)


async def test_a_log_of_two_tales_proves_neither(tmp_path):
    teller, other = whole_life(), whole_life({8: lambda fields: fields | {"at": 2000}})
    teller.write(tmp_path)
    checkpoint, records = other.epochs[1]
    name = car_name(1, checkpoint.cid)
    write_car(tmp_path / name, checkpoint.cid, [checkpoint.encode(), *records])
    for claim in (RecordUnder(0), RecordUnder(0, 0), Growth(0, 1)):
        assert "fork: epoch 1" in await refused(tmp_path, claim)


async def test_what_cannot_be_read_is_named(tmp_path):
    paths = sorted(whole_life().write(tmp_path).iterdir())
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    assert "cut short" in await refused(tmp_path, RecordUnder(0))
    paths[1].write_bytes(b"nothing")
    assert f"damaged: {paths[1].name}" in await refused(tmp_path, RecordUnder(0))
    assert (await prove(str(tmp_path), RecordUnder(0, 0))).verdict == Proven(None)


async def test_what_cannot_be_read_may_be_the_newest(tmp_path):
    whole_life().write(tmp_path)
    (tmp_path / "stray.car").write_bytes(b"nothing")
    for newest in (RecordUnder(0), RecordUnder(0, 3)):
        assert "damaged: stray.car" in await refused(tmp_path, newest)
    assert (await prove(str(tmp_path), RecordUnder(0, 2))).verdict == Proven(None)


def test_another_agents_epoch_is_not_taken_in():
    teller = whole_life()
    checkpoint, records = teller.epochs[0]
    car = b"".join(car_bytes(checkpoint.cid, [checkpoint.encode(), *records]))
    with pytest.raises(BadLog, match="a checkpoint of agent 1"):
        Walk(2).read(BytesIO(car))


async def test_blocks_that_no_checkpoint_lists_are_refused(tmp_path):
    teller = whole_life()
    checkpoint, records = teller.epochs[0]
    for lie in ([*records, b"\xa0"], records[:-1], records[::-1], [b"\xa0", *records[1:]]):
        folder = tmp_path / str(hash(tuple(lie)))
        teller.write(folder)
        path = folder / car_name(0, checkpoint.cid)
        write_car(path, checkpoint.cid, [checkpoint.encode(), *lie])
        assert "its checkpoint lists" in await refused(folder, RecordUnder(0))


def body(**changes):
    return lambda fields: fields | {"body": fields["body"] | changes}


@pytest.mark.parametrize(
    ("twist", "why"),
    [
        (lambda fields: fields | {"kind": "heartbeat"}, "record 0 is no birth"),
        (body(log_key=None), "names no log key"),
        (body(log_key=b"\1" * 20), "names no log key"),
        (body(registry="here"), "or no registry"),
        (body(log_key=OPERATOR.address), "not signed by the log key"),
    ],
)
async def test_a_log_that_does_not_say_whose_it_is_proves_nothing(tmp_path, twist, why):
    whole_life({0: twist}).write(tmp_path)
    assert why in await refused(tmp_path, RecordUnder(0))


@pytest.mark.parametrize(
    ("twist", "why"),
    [
        (lambda fields: fields | {"seq": 9}, "number 9 of agent 1"),
        (lambda fields: fields | {"agent": 2}, "number 8 of agent 2"),
    ],
)
async def test_a_record_that_says_that_it_is_another_is_not_proven(tmp_path, twist, why):
    whole_life({8: twist}).write(tmp_path)
    assert why in await refused(tmp_path, RecordUnder(8))
    assert (await prove(str(tmp_path), RecordUnder(7))).verdict == Proven(None)


async def test_no_byte_of_a_log_can_be_changed(tmp_path):
    path = sorted(whole_life(key=LOG_KEY).write(tmp_path).iterdir())[2]
    good = path.read_bytes()
    for at in range(0, len(good), 17):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        answer = await prove(str(tmp_path), RecordUnder(0, 2), agent=1)
        assert (answer.proof, type(answer.verdict)) == (None, NotProven)


async def test_another_keys_log_is_not_this_one(tmp_path):
    whole_life(key=Key(b"\7" * 32)).write(tmp_path)
    assert "not signed by the log key" in await refused(tmp_path, RecordUnder(0))


def test_a_long_log_takes_no_more_memory_than_a_short_one():
    teller, walk, kept, most = Teller(), Walk(1, seq=3), [], []
    teller.birth()
    tracemalloc.start()
    try:
        for epoch in range(12):
            for _ in range(300):
                teller.beat()
            blocks = [teller.seal().encode(), *teller.epochs[-1][1]]
            car = BytesIO(b"".join(car_bytes(cid_of(blocks[0]), blocks)))
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            assert walk.read(car) == epoch
            after, peak = tracemalloc.get_traced_memory()
            kept.append(after - before)
            most.append(peak - before)
    finally:
        tracemalloc.stop()
    assert isinstance(walk.inclusion(3), Inclusion)
    assert sum(kept[1:]) < 40_000  # the leaves alone would be more
    assert max(most[1:]) < 1.2 * most[0]
