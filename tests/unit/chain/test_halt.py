"""What may be signed when: the whole table, and what each purpose must look like."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desks import MARKET, OPERATOR, REGISTRY, STRANGER, TOKEN, WHO, act, anchor, birth, end, pays

from chain.contracts import SERVE, TRANSFER
from chain.halt import MAY_SIGN, Standing, fits, is_end, may_sign, pays_operator, standing
from chain.types import Call, Intent, Micro, Pull, Wei
from chain.wire import PURPOSES

ROOT = "0x" + "ab" * 32
HOME = pays(1, to=OPERATOR.address, purpose="drain")


def test_the_table_covers_every_standing_and_knows_every_purpose():
    assert MAY_SIGN.keys() == set(Standing)
    assert set().union(*MAY_SIGN.values()) == PURPOSES


@pytest.mark.parametrize(
    ("at", "may"),
    [
        (Standing.UNBORN, {"birth"}),
        (Standing.LIVING, {"serve", "act", "anchor", "end"}),
        (Standing.ENDING, {"end"}),
        (Standing.ENDED, {"end", "drain"}),
        (Standing.HALTED, {"anchor", "end", "drain"}),
        (Standing.HALTED_UNBORN, {"drain"}),
    ],
)
def test_each_standing_allows_these_purposes_and_no_others(at, may):
    assert {purpose for purpose in PURPOSES if may_sign(at, purpose) is None} == may


@pytest.mark.parametrize(
    ("agent", "halted", "ending", "ended", "want"),
    [
        (0, False, False, False, Standing.UNBORN),
        (0, True, False, False, Standing.HALTED_UNBORN),
        (1, False, False, False, Standing.LIVING),
        (1, True, False, False, Standing.HALTED),
        (1, False, True, False, Standing.ENDING),
        (1, True, True, False, Standing.HALTED),
        (1, False, True, True, Standing.ENDED),
        (1, True, True, True, Standing.ENDED),
    ],
)
def test_a_halt_outweighs_everything_but_the_end(agent, halted, ending, ended, want):
    assert standing(agent, halted=halted, ending=ending, ended=ended) == want


@pytest.mark.parametrize(
    ("intent", "want"),
    [
        (birth(), None),
        (anchor(0, 5, ROOT), None),
        (end(), None),
        (HOME, None),
        (act(1), None),
        (Intent("serve", 1, "serve", Call(REGISTRY, SERVE, (1, "http://x"))), None),
        (anchor(0, 5, ROOT, agent=2), "agent"),
        (replace(anchor(0, 5, ROOT), purpose="serve"), "purpose"),
        (replace(end(), purpose="anchor"), None),
        (replace(anchor(0, 5, ROOT), purpose="end"), "purpose"),
        (replace(act(1), purpose="anchor"), "purpose"),
        (replace(act(1), purpose="drain"), "purpose"),
        (replace(birth(), purpose="serve"), "purpose"),
        (pays(1, to=STRANGER.address, purpose="drain"), "purpose"),
        (pays(1, to="$wallet", purpose="drain"), "purpose"),
        (replace(anchor(0, 5, ROOT), call=replace(end().call, value=Wei(1))), "value"),
        (
            replace(end(), call=replace(end().call, pull=Pull(TOKEN, Micro(1), 1))),
            "value",
        ),
        (replace(end(), call=replace(end().call, to=MARKET)), "purpose"),
        (replace(end(), call=replace(end().call, args=())), "agent"),
    ],
)
def test_a_call_is_what_its_purpose_says(intent, want):
    refusal = fits(intent, WHO)
    assert (refusal and refusal.reason) == want


@pytest.mark.parametrize(
    ("intent", "want"),
    [
        (HOME, True),
        (replace(HOME, purpose="end"), True),
        (replace(HOME, purpose="act"), False),
        (replace(HOME, purpose="anchor"), False),
        (pays(1, to=OPERATOR.address.lower(), purpose="drain"), True),
        (Intent("d", 1, "drain", Call(OPERATOR.address, "", value=Wei(5))), True),
        (Intent("d", 1, "drain", Call(STRANGER.address, "", value=Wei(5))), False),
        (replace(HOME, call=replace(HOME.call, value=Wei(1))), False),
        (replace(HOME, call=replace(HOME.call, function="approve(address,uint256)")), False),
        (replace(HOME, call=Call(TOKEN, TRANSFER, ())), False),
        (replace(HOME, call=replace(HOME.call, pull=Pull(TOKEN, Micro(1), 1))), False),
    ],
)
def test_only_a_plain_payment_to_the_operator_is_money_on_its_way_home(intent, want):
    assert pays_operator(intent, WHO) is want


def test_an_end_is_known_by_its_call():
    assert is_end(end().call, WHO)
    assert not is_end(anchor(0, 1, ROOT).call, WHO)
    assert not is_end(replace(end().call, to=MARKET), WHO)
