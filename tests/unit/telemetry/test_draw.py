"""Choices can be redrawn by anyone."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.draw import could_be, draw, log_probabilities, pick, uniform

SEED = hashlib.sha256(b"seed").digest()
logits = st.lists(st.floats(-50, 50), min_size=1, max_size=26)


@given(logits, st.floats(0.05, 5), st.floats(0, 1))
def test_log_probabilities_are_finite_and_sum_to_one(z, temperature, epsilon):
    found = log_probabilities(z, temperature, epsilon)
    assert all(map(math.isfinite, found))
    assert math.fsum(map(math.exp, found)) == pytest.approx(1, abs=1e-12)
    assert all(p >= math.log(epsilon / len(z)) - 1e-12 for p in found if epsilon / len(z))


def test_the_formula_is_the_documented_one():
    z, temperature, epsilon = [1.0, 3.0, -2.0], 0.7, 0.1
    total = sum(math.exp(v / temperature) for v in z)
    expected = [0.9 * math.exp(v / temperature) / total + 0.1 / 3 for v in z]
    found = [math.exp(p) for p in log_probabilities(z, temperature, epsilon)]
    assert found == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("z", "temperature", "epsilon"),
    [
        ([], 1, 0),
        ([math.nan], 1, 0),
        ([math.inf, 0], 1, 0),
        ([1.0], 0, 0),
        ([1.0], -1, 0),
        ([1.0], 1, 1.5),
        ([1.0], 1, -0.1),
        ([1e300, -1e300], 1e-300, 0),
        ([1.0], math.nan, 0),
    ],
)
def test_what_has_no_probabilities_is_refused(z, temperature, epsilon):
    with pytest.raises(ValueError, match=r"logits|temperature"):
        log_probabilities(z, temperature, epsilon)


def test_extreme_logits_stay_finite_without_exploration():
    assert log_probabilities([0.0, 1e6], 1, 0) == (-1e6, 0.0)


@given(st.integers(0, 2**64 - 1))
def test_the_random_number_is_53_bits_of_the_hash(seq):
    digest = hashlib.sha256(SEED + seq.to_bytes(8, "big")).digest()
    bits = "".join(f"{byte:08b}" for byte in digest)[:53]
    assert Fraction(uniform(SEED, seq)) == Fraction(int(bits, 2), 2**53)


@given(logits, st.integers(0, 2**63))
def test_the_choice_is_the_inverse_cdf_in_menu_order(z, seq):
    logprobs = log_probabilities(z, 1.0, 0.05)
    chosen, u = draw(SEED, seq, logprobs), uniform(SEED, seq)
    assert sum(map(math.exp, logprobs[:chosen])) <= u + 1e-12
    assert u < sum(map(math.exp, logprobs[: chosen + 1])) + 1e-12
    assert could_be(SEED, seq, logprobs, chosen)
    others = [i for i in range(len(z)) if could_be(SEED, seq, logprobs, i)]
    assert others == [chosen]


def test_the_edges_belong_to_the_next_entry():
    half = (math.log(0.5), math.log(0.5))
    assert pick(half, 0.0) == 0
    assert pick(half, 0.49) == 0
    assert pick(half, math.exp(half[0])) == 1
    assert pick(half, 1 - 2**-53) == 1


def test_what_rounding_leaves_goes_to_the_last_entry():
    assert pick((math.log(0.5), math.log(0.499999999)), 1 - 2**-53) == 1


def test_a_choice_off_the_menu_could_not_be():
    assert not could_be(SEED, 1, (0.0,), 1)
    assert not could_be(SEED, 1, (0.0,), -1)


def test_a_seed_has_32_bytes():
    with pytest.raises(ValueError, match="32 bytes"):
        uniform(b"short", 0)


def test_choices_come_in_the_wanted_shares():
    logprobs = log_probabilities([0.0, 1.0, 2.0], 1.0, 0.1)
    counts = [0, 0, 0]
    for seq in range(6000):
        counts[draw(SEED, seq, logprobs)] += 1
    assert [n / 6000 for n in counts] == pytest.approx(list(map(math.exp, logprobs)), abs=0.02)
