"""`forager demo` as a newcomer starts it, and what an auditor finds afterwards, honest or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from canaries import forms_of, in_files
from lifetime import Said, forager

from agent.permitting import address_in
from chain import keystore
from chain.contracts import APPROVE, TRANSFERRED
from chain.events import indexed
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Call, Wei
from telemetry.auditing.audit import audit as verify
from telemetry.car import epoch_files
from telemetry.cid import Cid
from world.deploy import Deployment
from world.devnet import GENESIS_AT, Devnet
from world.events import Posting, events
from world.scenario import load_scenario

pytestmark = [
    pytest.mark.anvil,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

SEED = 1
JOB = "(address,uint256,uint64,uint64,uint32,bytes32,address,bool)"
ENDS = {"died", "horizon", "halted", "lost"}
KEYS = {
    *("agent", "outcome", "cause", "ticks", "records", "epochs", "transactions", "head"),
    *("chain_id", "registry", "gateway", "home", "cars", "page", "chain_state", "audit"),
}


@dataclass(frozen=True)
class Shown:
    """What the command printed, and how it ended."""

    report: dict[str, Any]
    said: Said

    @property
    def root(self) -> Path:
        return Path(self.report["home"])

    @property
    def cars(self) -> Path:
        return Path(self.report["cars"])

    @property
    def wallet(self) -> Address:
        return address_in(self.root / "agent" / "keys" / "wallet.json")

    @property
    def deployment(self) -> Deployment:
        return Deployment.load(self.root / "deployment.json")


async def demo(folder: Path, seconds: int) -> Shown:
    said = await forager(
        *("demo", "--seconds", str(seconds), "--seed", str(SEED), "--json", "--home", str(folder)),
        patience_s=200,
    )
    assert said.out.count("\n") == 1, said
    return Shown(said.json, said)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return await demo(tmp_path_factory.mktemp("demo"), 25)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def again(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Devnet]:
    """The chain of the demo, taken up from its saved state."""
    state = Path(shown.report["chain_state"])
    async with Devnet.running(
        tmp_path_factory.mktemp("again"), genesis_at=GENESIS_AT, state=state
    ) as devnet:
        yield devnet


@pytest.fixture
def copy(shown: Shown, tmp_path: Path) -> Path:
    """The epoch files, to be spoiled."""
    return shutil.copytree(shown.cars, tmp_path / "cars")


async def audit(cars: Path, devnet: Devnet, registry: str) -> Said:
    return await forager("audit", str(cars), "--rpc", devnet.url, "--registry", registry, "--json")


async def test_the_demo_is_one_whole_life_and_its_audit_is_clean(shown: Shown) -> None:
    report = shown.report
    assert shown.said.code == 0
    assert shown.said.err == ""
    assert report.keys() >= KEYS
    assert report["outcome"] in ENDS
    assert report["audit"]["ok"] is True
    assert report["audit"]["verified"] == "chain"
    assert report["audit"]["findings"] == []
    assert report["ticks"] > 3
    assert report["records"] > report["ticks"]
    assert len(epoch_files(shown.cars)) == report["epochs"] > 0
    assert Cid(report["head"]) == epoch_files(shown.cars)[-1].cid
    assert Path(report["chain_state"]).is_file()
    assert "This log holds against the chain" in Path(report["page"]).read_text("utf-8")
    assert json.loads((shown.root / "agent" / "life.json").read_text())["phase"] == "ended"


async def test_it_can_be_audited_again_from_its_files(shown: Shown, again: Devnet) -> None:
    said = await audit(shown.cars, again, shown.report["registry"])
    assert said.code == 0, said
    assert (said.json["ok"], said.json["verified"]) == (True, "chain")
    assert said.json["head"] == shown.report["head"]
    alone = await forager("audit", str(shown.cars), "--json")
    assert (alone.code, alone.json["verified"]) == (0, "internal"), alone


async def test_its_life_can_be_learned_from(shown: Shown, again: Devnet, tmp_path: Path) -> None:
    """What came and went, decision by decision, leaves exactly what went home in the end."""
    asked = ("--rpc", again.url, "--registry", shown.report["registry"])
    for new in (True, False):
        said = await forager("export", str(shown.cars), "--out", str(tmp_path), *asked, "--json")
        assert said.code == 0, said
        [life] = pq.read_table(tmp_path / "lives").to_pylist()
        assert said.json["transitions"] == life["decisions"]
        assert said.json["new"] == life["decisions"] * new
    rows = pq.read_table(tmp_path / "transitions").to_pylist()
    assert [row["t"] for row in rows] == list(range(life["decisions"]))
    moved = sum(row["income_micro"] + row["gift_micro"] - row["cost_micro"] for row in rows)
    home = await sent_home(again, shown.deployment.token, life["wallet"], life["operator"])
    assert life["first_micro"] + moved == home > 0
    assert sum(len(row["txs"]) for row in rows) > 0


async def sent_home(devnet: Devnet, token: Address, wallet: str, operator: str) -> int:
    read = await BlockReader.latest(devnet.client)
    logs = await read.logs(token, [TRANSFERRED, indexed(wallet), indexed(operator)], 0)
    return sum(int(log.data, 16) for log in logs)


def flip(at: Callable[[int], int]) -> Callable[[bytes], bytes]:
    def spoil(data: bytes) -> bytes:
        place = at(len(data))
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    return spoil


PLACES = {
    "header": flip(lambda size: 8),
    "first CID": flip(lambda size: 70),
    "checkpoint": flip(lambda size: 180),
    "a record": flip(lambda size: size // 2),
    "last byte": flip(lambda size: size - 1),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("which", [0, -1], ids=["first epoch", "last epoch"])
async def test_one_flipped_bit_is_found(
    shown: Shown, again: Devnet, copy: Path, place: str, which: int
) -> None:
    spoiled = epoch_files(copy)[which].path
    spoiled.write_bytes(PLACES[place](spoiled.read_bytes()))
    verdict = await verify(str(copy), rpc=again.url, registry=shown.report["registry"])
    assert not verdict.ok
    faults = [finding for finding in verdict.findings if finding.level == "fault"]
    assert any(spoiled.name in f.detail or "epoch" in f.detail for f in faults), faults


@pytest.mark.parametrize("which", [0, -1], ids=["first epoch", "last epoch"])
async def test_a_missing_epoch_is_named(
    shown: Shown, again: Devnet, copy: Path, which: int
) -> None:
    lost = epoch_files(copy)[which]
    lost.path.unlink()  # told by the command itself, as the others could be
    said = await audit(copy, again, shown.report["registry"])
    assert said.code == 1, said
    kinds = {f["kind"] for f in said.json["findings"] if f["level"] == "fault"}
    assert kinds & {"missing", "ending", "anchor"}, said.json["findings"]


async def test_the_same_seed_is_the_same_world(shown: Shown, again: Devnet, tmp_path: Path) -> None:
    """What the chain holds is what the seed says, up to where the shorter of two demos ended."""
    second = await demo(tmp_path / "demo", 8)
    assert second.report["outcome"] in ENDS
    first_jobs = await jobs(again, shown.deployment)
    async with Devnet.running(
        tmp_path / "chain", state=Path(second.report["chain_state"])
    ) as devnet:
        second_jobs = await jobs(devnet, second.deployment)
    many = min(len(first_jobs), len(second_jobs)) - 2  # the last may have come in another order
    assert many > 5
    assert first_jobs[:many] == second_jobs[:many]
    happening = events(load_scenario().lasting(25), SEED)
    assert happening == events(load_scenario().lasting(25), SEED)
    told = sorted(
        (e.deadline_s, e.not_before_s, e.reward, e.work)
        for e in happening
        if isinstance(e, Posting)
    )
    start = told[0][0]
    assert first_jobs[:many] == [
        (deadline - start, due - start, reward, work) for deadline, due, reward, work in told[:many]
    ]


async def jobs(devnet: Devnet, at: Deployment) -> list[tuple[int, ...]]:
    """Every job ever posted: deadline and due time after the first deadline, reward, work."""
    read = await BlockReader.latest(devnet.client)
    [count] = await read.call(at.job_board, "jobCount()(uint256)")
    found = []
    for job in range(1, int(str(count)) + 1):
        [row] = await read.call(at.job_board, f"jobOf(uint256)({JOB})", [job])
        _, reward, due, deadline, work, *_ = row
        found.append((deadline, due, reward, work))
    found.sort()
    start = found[0][0]
    return [(deadline - start, due - start, reward, work) for deadline, due, reward, work in found]


async def test_no_file_of_the_demo_holds_a_key(shown: Shown) -> None:
    passphrase = shown.root / "operator" / "passphrase"
    forms = forms_of(shown.root / "agent", passphrase)
    assert list(in_files(forms, shown.root, {passphrase})) == []


async def test_one_transaction_that_no_record_names_is_found(shown: Shown, again: Devnet) -> None:
    """The last of these tests: it spoils the chain for the others."""
    passphrase = keystore.read_passphrase(shown.root / "operator" / "passphrase")
    key = keystore.open_key(shown.root / "agent" / "keys" / "wallet.json", passphrase)
    await again.give_wei(key.address, Wei(10**17))
    async with again.hurrying():
        call = Call(shown.deployment.token, APPROVE, (shown.deployment.job_board, 1))
        sent = await Purse(again.client, key).send(call)
    nonce = await again.client.nonce(key.address) - 1
    said = await audit(shown.cars, again, shown.report["registry"])
    assert said.code == 1, said
    faults = [finding for finding in said.json["findings"] if finding["level"] == "fault"]
    [fault] = [fault for fault in faults if fault["kind"] in ("unnamed", "unseen")]
    assert str(nonce) in fault["detail"] or sent.hash in fault["detail"]
