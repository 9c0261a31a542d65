"""Time that was paid for counts once, and renting to oneself apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telemetry.fitness import Paid, Span, paid

SPANS = st.lists(st.builds(Span, st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=8)


def test_a_life_without_leases_was_never_paid_for():
    assert paid([]) == Paid(0, 0)
    assert paid([Span(5, 5, own=False), Span(9, 3, own=False)]) == Paid(0, 0)


@given(SPANS)
def test_each_second_counts_once_and_anothers_before_ones_own(spans):
    def covered(*own):
        return {
            second for span in spans if span.own in own for second in range(span.start, span.stop)
        }

    others = covered(False)
    assert paid(spans) == Paid(len(others), len(covered(True, False) - others))
