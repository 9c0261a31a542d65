"""What every strategy must do, as a suite of tests to subclass.

    class TestMine(StrategyConformance):
        make = staticmethod(my_strategy.make)

The moments it is tried on are `samples.moments()`; override `moments` to add your own. A strategy
that calls contracts of its own names what it needs of the operator's limits in `needs`.
"""
# ruff: noqa: S101  # tests assert

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from math import isfinite
from typing import ClassVar, Final

import pytest

from chain.contracts import TRANSFER
from chain.form import BadCall, check
from chain.types import Address, Call, Json
from strategies.errors import BadOptions
from strategies.needs import Needs, NeedsOf
from strategies.plain import from_plain, to_plain
from strategies.port import Action, Factory, Parting, Snapshot, Strategy
from strategies.samples import TOOLS, moments

MOST_ACTIONS: Final = 8
"""A menu of 26 is shared by all strategies."""
LONGEST_SUMMARY: Final = 100
UNITS: Final = ("_micro", "_wei", "_s", "_n", "_pct")
CONTROL: Final = re.compile(r"\b(halt|halted|shut ?down|kill switch|operator)\b", re.IGNORECASE)


class StrategyConformance:
    """Subclass it, name the subclass `Test…`, and say what makes the strategy."""

    make: ClassVar[Factory]
    """What the entry point names."""
    options: ClassVar[Mapping[str, Json]] = {}
    needs: ClassVar[NeedsOf | None] = None
    """What the entry point of `forager.needs` names, if there is one."""

    def strategy(self) -> Strategy:
        return type(self).make(self.options, TOOLS)

    def moments(self) -> Mapping[str, Snapshot]:
        return moments()

    def needed(self, seen: Snapshot) -> Needs:
        """What its calls need of the limits, as far as it says."""
        needs = type(self).needs
        return Needs() if needs is None else needs(self.options, seen.places)

    def _proposals(self) -> Iterator[tuple[str, Snapshot, Sequence[Action]]]:
        strategy = self.strategy()
        for name, seen in self.moments().items():
            yield name, seen, tuple(strategy.propose(seen))

    def test_it_has_a_plain_name(self) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", self.strategy().name)

    def test_it_copes_with_every_moment(self) -> None:
        """Nothing to offer is no reason to raise."""
        for name, _seen, actions in self._proposals():
            assert len(actions) <= MOST_ACTIONS, name

    def test_the_same_snapshot_gives_the_same_actions(self) -> None:
        """Nor does it matter who asks, what was asked before, or how the snapshot came."""
        forwards = {name: actions for name, _, actions in self._proposals()}
        strategy = self.strategy()
        for name, seen in reversed(list(self.moments().items())):
            again = from_plain(Snapshot, json.loads(json.dumps(to_plain(seen))))
            assert tuple(strategy.propose(again)) == forwards[name], name

    def test_it_leaves_the_snapshot_as_it_was(self) -> None:
        before = {name: to_plain(seen) for name, seen in self.moments().items()}
        for name, seen, _actions in self._proposals():
            assert to_plain(seen) == before[name], name

    def test_actions_survive_being_written_down(self) -> None:
        for name, _seen, actions in self._proposals():
            for action in actions:
                text = json.dumps(to_plain(action), allow_nan=False)
                assert from_plain(Action, json.loads(text)) == action, name

    def test_keys_begin_with_the_strategys_name(self) -> None:
        strategy = self.strategy()
        for name, _seen, actions in self._proposals():
            for action in actions:
                owner, _, verb = action.key.partition(".")
                assert owner == strategy.name, name
                assert re.fullmatch(r"[a-z][a-z0-9_]*", verb), name

    def test_params_are_amounts_with_units(self) -> None:
        for name, _seen, actions in self._proposals():
            for action in actions:
                for param, value in action.params.items():
                    assert param.endswith(UNITS), (name, param)
                    assert type(value) is int, (name, param)
                    assert value >= 0, (name, param)

    def test_no_two_entries_look_the_same(self) -> None:
        for name, _seen, actions in self._proposals():
            shown = [(action.key, tuple(sorted(action.params.items()))) for action in actions]
            assert len(set(shown)) == len(shown), name

    def test_summaries_are_one_line_of_plain_words(self) -> None:
        for name, _seen, actions in self._proposals():
            for action in actions:
                assert 0 < len(action.summary) <= LONGEST_SUMMARY, name
                assert action.summary.isprintable(), name
                assert not CONTROL.search(action.key + " " + action.summary), name

    def test_no_text_of_strangers_reaches_a_summary(self) -> None:
        for name, seen, actions in self._proposals():
            uris = [offer.uri for offer in seen.offers] + ([seen.lease.uri] if seen.lease else [])
            for action in actions:
                assert not any(uri and uri in action.summary for uri in uris), name

    def test_scores_are_finite(self) -> None:
        for name, _seen, actions in self._proposals():
            assert all(isfinite(action.score) for action in actions), name

    def test_calls_go_to_known_places_only(self) -> None:
        for name, seen, actions in self._proposals():
            places = seen.places
            known = {getattr(places, field.name) for field in fields(places)} - {None}
            known |= {rule.to for rule in self.needed(seen).rules}
            for action in actions:
                for call in action.calls:
                    assert call.to in known, name
                    assert re.fullmatch(r"\w+\([\w,()\[\]]*\)", call.function), name

    def test_calls_are_those_that_its_needs_name(self) -> None:
        """And pay whom they name; for a strategy that says what it needs."""
        for name, seen, actions in self._proposals():
            if type(self).needs is not None:
                needed = self.needed(seen)
                calls = [call for action in actions for call in action.calls]
                assert all(_is_named(call, needed, seen.guardian) for call in calls), name

    def test_calls_spend_what_is_there_and_nothing_else(self) -> None:
        for name, seen, actions in self._proposals():
            held = seen.holdings
            most = {token.address: token.per_action for token in self.needed(seen).tokens}
            for action in actions:
                wei = sum(call.value + call.gas * seen.gas_price for call in action.calls)
                asked = [call.pull for call in action.calls if call.pull is not None]
                pulls = [pull for pull in asked if pull.token == seen.places.token]
                others = [pull for pull in asked if pull.token != seen.places.token]
                assert 0 <= wei <= held.wei, name
                assert all(call.value >= 0 and call.gas > 0 for call in action.calls), name
                assert all(pull.value > 0 for pull in asked), name
                assert sum(pull.value for pull in pulls) <= held.micro, name
                assert all(pull.value <= most.get(pull.token, 0) for pull in others), name
                assert all(pull.valid_before > seen.block.at for pull in asked), name
                assert all(_is_sound(call) for call in action.calls), name

    def test_what_is_in_flight_is_not_offered_again(self) -> None:
        for name, seen, actions in self._proposals():
            flying = {pending.key for pending in seen.in_flight}
            paid = [action for action in actions if action.calls]
            assert not any(action.key in flying for action in paid), name

    def test_what_it_holds_elsewhere_goes_home_by_plain_transfers(self) -> None:
        """Of what its needs name, to the operator: an ending signs nothing else."""
        strategy = self.strategy()
        if not isinstance(strategy, Parting):
            return
        for name, seen in self.moments().items():
            needed = self.needed(seen)
            named = {rule.to for rule in needed.rules} | {each.address for each in needed.tokens}
            for call in strategy.parting(seen):
                assert (call.function, call.args[0]) == (TRANSFER, seen.guardian), name
                assert (call.value, call.pull) == (0, None), name
                assert call.to in named, name
                assert _is_sound(call), name

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(BadOptions):
            type(self).make({**self.options, "no_such_option": 1}, TOOLS)


def _is_named(call: Call, needed: Needs, operator: Address) -> bool:
    """Whether one of the rules allows it."""
    return any(
        rule.payee is None or call.args[rule.payee] in (rule.payees or (operator,))
        for rule in needed.rules
        if (rule.to, rule.function) == (call.to, call.function)
    )


def _is_sound(call: Call) -> bool:
    """Whether every argument is of its type: what is unsigned is not negative."""
    try:
        check(call)
    except BadCall:
        return False
    return True
