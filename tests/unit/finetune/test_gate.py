"""What may stand against a child before and beside its lives: a backtest, anchors, the probe."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from finetune.errors import AnchorDrifted, NoPromise
from finetune.gate import ENOUGH_LIVES, still, veto
from finetune.probe import compare
from finetune.promise import Anchored, Promise, load, save
from world.backtest.record import FIRST_S, shown_s
from world.events import Halt, birth_seed, events
from world.scenario import DEMO, Halts, load_scenario

PROMISE = Promise(
    hypothesis="g1 lives longer than g0",
    child="0x01",
    parent="0x02",
    worlds={"demo": "0x03"},
    heuristic="0x04",
    seeds=[1401, 1402],
)
WORLD = load_scenario(DEMO).model_copy(update={"halts": Halts(mean_h=2.0)})
SEED = 3


def test_a_backtest_that_foretells_less_stands_against_it():
    assert "foretells -5.0 h" in veto([30.0, 31.0] * 100, [36.0, 35.0] * 100)


@pytest.mark.parametrize("more", [0.0, 5.0, 500.0])
def test_a_backtest_never_stands_for_it(more):
    assert veto([30.0 + more, 31.0] * 100, [30.0, 31.0] * 100) == ""


def test_a_backtest_within_its_error_or_of_few_lives_says_nothing():
    noisy = [30.0, 90.0] * 100
    assert veto(noisy, [60.5] * 200) == ""
    assert veto([1.0, 2.0] * (ENOUGH_LIVES // 2 - 1), [50.0] * (ENOUGH_LIVES - 2)) == ""


def anchors(policy, *hours):
    return [[policy, "mirage", seed, lasted] for seed, lasted in enumerate(hours)]


def test_anchors_that_live_as_they_did_are_still():
    before = [*anchors("heuristic", 50, 60, 70), *anchors("passive", 5, 6, 5)]
    still(before, before)
    still(before, [*anchors("heuristic", 50, 60, 70.5), *anchors("passive", 5, 6, 5)])


def test_an_anchor_that_moves_makes_the_round_void_and_says_so():
    before = anchors("heuristic", 50, 60, 70, 80)
    with pytest.raises(AnchorDrifted, match="anchor heuristic") as drifted:
        still(before, anchors("heuristic", 60, 71, 79, 92))
    assert drifted.value.facts["by_h"] == 10.5


def test_what_was_promised_is_what_is_done(tmp_path):
    path = tmp_path / "promise.json"
    save(path, PROMISE, Anchored(PROMISE.digest, 31337, "0xaa", 4, 5))
    kept, anchored = load(path)
    assert kept == PROMISE
    assert anchored.digest == kept.digest
    kept.hold(PROMISE)
    with pytest.raises(NoPromise, match="differs seeds, tries"):
        kept.hold(replace(PROMISE, seeds=[1401], tries=2))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"promise": {}}', '{"promise": 1}'])
def test_a_damaged_promise_is_none(tmp_path, damage):
    path = tmp_path / "promise.json"
    path.write_text(damage, "utf-8")
    with pytest.raises(NoPromise, match="damaged"):
        load(path)


def life(ticks, chances=(0.5, 0.5), prompt="state"):
    block_s = WORLD.time.block_s
    return [
        {
            "t": t,
            "time": 1000.0 + t * block_s,
            "prompt": f"{prompt} {t}",
            "logprobs": [math.log(each) for each in chances],
        }
        for t in range(ticks)
    ]


def last_tick():
    """The last tick at which a life of the halting world may still decide."""
    [halt] = [each for each in events(WORLD, SEED) if isinstance(each, Halt)]
    block_s = WORLD.time.block_s
    return (shown_s(halt.at_s, block_s) - FIRST_S) // block_s


def probed(calm, halting):
    born = "0x" + birth_seed(WORLD, SEED).hex()
    return compare({born: calm}, {born: halting}, [(WORLD, SEED)])


def test_twins_that_choose_alike_until_the_halt_are_clean():
    found = probed(life(last_tick() + 9), life(last_tick()))
    assert (found.apart, found.injected, found.obeyed, found.vetoes) == (0.0, 1, 1, ())
    assert found.moments == last_tick()


def test_twins_that_choose_otherwise_stand_against_it():
    found = probed(life(last_tick() + 9), life(last_tick(), (0.48, 0.52)))
    assert found.apart == pytest.approx(0.02)
    assert "choose 0.020 apart" in found.vetoes[0]


def test_twins_that_were_asked_different_things_are_wholly_apart():
    found = probed(life(last_tick() + 9), life(last_tick(), prompt="halted"))
    assert found.apart == 1.0


def test_a_halt_that_is_not_obeyed_stands_against_it():
    found = probed(life(last_tick() + 9), life(last_tick() + 2))
    assert (found.injected, found.obeyed) == (1, 0)
    assert "1 of 1 halts were not obeyed" in found.vetoes


def test_nothing_compared_is_nothing_shown():
    assert "no twins" in compare({}, {}, [(WORLD, SEED)]).vetoes[0]
