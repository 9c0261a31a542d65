"""A report of many lives: every figure right, no section without data, no name believed."""

from __future__ import annotations

import json
import re
from statistics import fmean
from xml.etree import ElementTree as ET

import pytest
from evaluated import BOUNDS, HORIZON_H, at_horizon, one, population
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from world import evidence
from world.lived import REASONS
from world.reporting import shape
from world.reporting.backtests import backtest_figures
from world.reporting.figures import figures
from world.reporting.frame import COLOURS, colours
from world.reporting.given import Backtest, Bounds
from world.reporting.page import page
from world.reporting.words import evidence as written
from world.reporting.words import money, percent, ratio, signed
from world.reporting.write import write_report

HOSTILE = "</script><script>alert(1)</script>\"'<b onload=x>&amp;\x00\x1b[2J\u202e\ud7ff"
POLICIES = {"random": 60, "reflex": 150, "heuristic": 900}


def parsed(text):
    """As XHTML, which forgives nothing."""
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - ours


def words(tree):
    return " ".join("".join(tree.itertext()).split())


def ids(tree):
    return [each.get("id") for each in tree.iter() if each.get("id")]


def group_of(told, name):
    return next(group for group in told["scenarios"] if group["name"] == name)


def policy_of(group, name):
    return next(each for each in group["policies"] if each["policy"] == name)


def pair_of(group, ours, theirs):
    told = (each for each in group["pairs"] if (each["ours"], each["theirs"]) == (ours, theirs))
    return next(told)


@pytest.fixture(scope="module")
def rows():
    return [
        *population(worlds=14, **POLICIES),
        one(scenario="dry", seed=15, policy="reflex", reason="halted", paid_h=30),
        one(scenario="dry", seed=16, policy="reflex", reason="lost", paid_h=10),
        at_horizon(100, scenario="dry", seed=17, policy="reflex"),
    ]


@pytest.fixture(scope="module")
def told(rows):
    return figures(rows, BOUNDS)


def test_each_life_is_counted_by_how_it_ended_and_of_what(told, rows):
    mine = [row for row in rows if (row.scenario, row.policy) == ("dry", "reflex")]
    reflex = policy_of(group_of(told, "dry"), "reflex")
    assert reflex["lives"] == len(mine) == 17
    counted = {reason: sum(row.reason == reason for row in mine) for reason in REASONS}
    assert reflex["ends"] == {**counted, "slept": 1}
    assert (reflex["ends"]["halted"], reflex["ends"]["lost"]) == (1, 1)
    assert sum(reflex["causes"].values()) == reflex["ends"]["died"]
    assert list(reflex["causes"].values()) == sorted(reflex["causes"].values(), reverse=True)
    assert "time was up" not in reflex["causes"]


def test_where_every_life_was_seen_to_its_end_its_mean_is_the_plain_one():
    rows = [one(paid_h=hours, seed=n) for n, hours in enumerate((10, 20, 60, 600))]
    lasted = figures(rows)["scenarios"][0]["policies"][0]["lasted"]
    assert lasted["hours"] == pytest.approx(fmean((10, 20, 60, HORIZON_H)))
    assert lasted["worst_h"] == lasted["best_h"] == lasted["weighted_h"] == lasted["hours"]


def test_lives_that_were_not_seen_to_their_end_leave_a_range(told):
    lasted = policy_of(group_of(told, "dry"), "reflex")["lasted"]
    assert lasted["worst_h"] < lasted["hours"] < lasted["best_h"]
    assert lasted["by_world"][0] < lasted["hours"] < lasted["by_world"][1]
    untouched = policy_of(group_of(told, "steady"), "reflex")["lasted"]
    assert untouched["worst_h"] == untouched["best_h"]


def test_the_share_of_the_gap_is_where_between_the_bounds_the_mean_lies(told):
    for bound in BOUNDS:
        for policy in group_of(told, bound.scenario)["policies"]:
            hours, gap = policy["lasted"]["hours"], policy["gap"]
            width = bound.clairvoyant_h - bound.passive_h
            assert gap["share"] == pytest.approx((hours - bound.passive_h) / width)
            low, high = policy["lasted"]["by_world"]
            assert gap["within"][0] == pytest.approx((low - bound.passive_h) / width)
            assert gap["within"][1] == pytest.approx((high - bound.passive_h) / width)


def test_of_several_scenarios_the_share_of_the_gap_is_their_mean(told):
    for policy in told["together"]["policies"]:
        shares = [policy_of(group, policy["policy"])["gap"]["share"] for group in told["scenarios"]]
        assert policy["gap"]["share"] == pytest.approx(fmean(shares))
        assert policy["gap"]["within"][0] < policy["gap"]["share"] < policy["gap"]["within"][1]


@pytest.mark.parametrize("bounds", [(), (Bounds("steady", HORIZON_H, 100, 100),)])
def test_without_bounds_or_with_none_between_them_there_is_no_gap(bounds):
    told = figures(population(worlds=3, scenarios=("steady",), reflex=100), bounds)
    assert told["scenarios"][0]["policies"][0]["gap"] is None


def test_scenarios_of_unlike_horizons_are_put_together_up_to_the_shortest():
    rows = population(worlds=5, scenarios=("long",), reflex=400)
    rows += [at_horizon(239, scenario="short", horizon_h=240, seed=n) for n in range(5)]
    told = figures(rows)
    assert [group["tau_h"] for group in told["scenarios"]] == [480, 240]
    assert told["together"]["tau_h"] == 240
    assert max(told["together"]["policies"][0]["curve"]["hours"]) <= 240
    assert told["together"]["scenarios"] == ["long", "short"]


def test_amounts_are_whole_and_what_is_left_follows_from_the_others():
    large = 10**30 + 1
    told = figures([one(first_micro=large), one(first_micro=large + 1, seed=8, other_in_micro=7)])
    money = told["scenarios"][0]["policies"][0]["money"]
    assert money["first"] == large + 1
    assert money["end"] == large + 4 + 3_000_000 + 500_000 - 14_000_000 - 900_000
    assert all(isinstance(amount, int) for amount in money.values())


def test_ratios_without_anything_below_them_are_none():
    told = figures([one(rent_micro=0, ticks=0, idle_n=0)])["scenarios"][0]["policies"][0]
    assert told["earned_per_rent"] is None
    assert told["idle_share"] is None
    told = figures([one()])["scenarios"][0]["policies"][0]
    assert told["earned_per_rent"] == pytest.approx(3 / 14)
    assert told["idle_share"] == pytest.approx(90 / 131)


def test_of_one_world_or_where_nobody_died_no_interval_is_told():
    alone = figures([one()])["scenarios"][0]["policies"][0]["lasted"]
    assert alone["by_world"] is alone["by_formula"] is None
    unhurt = figures([at_horizon(seed=n) for n in range(9)])["scenarios"][0]["policies"][0]
    assert unhurt["lasted"]["hours"] == HORIZON_H
    assert unhurt["lasted"]["by_world"] is None
    assert unhurt["median_h"] is None


def test_each_policy_is_held_against_the_three_that_matter_but_not_itself(told):
    for group in (told["together"], *told["scenarios"]):
        assert {(pair["ours"], pair["theirs"]) for pair in group["pairs"]} == {
            (ours, theirs) for ours in POLICIES for theirs in POLICIES if ours != theirs
        }


def test_the_better_policy_is_shown_and_counted_and_the_worse_is_not(told):
    assert told["tally"] == {
        "ours": "heuristic",
        "enough": evidence.ENOUGH,
        "scenarios": 2,
        "over": {"reflex": told["tally"]["over"]["reflex"], "random": 2},
        "over_all": told["tally"]["over"]["reflex"],
    }
    both = pair_of(told["together"], "heuristic", "random")
    assert both["evidence"]["shown"]
    assert both["evidence"]["worst_case_e"] <= both["evidence"]["e"] <= both["evidence"]["highest"]
    assert both["difference_within"][0] > 0
    assert both["ratio_within"][0] > 1
    assert both["log_rank"]["died"] < both["log_rank"]["expected"]
    assert pair_of(told["together"], "random", "heuristic")["evidence"]["e"] < 0.1


def test_policies_are_compared_in_the_worlds_in_which_both_lived_alone(told):
    pair = pair_of(group_of(told, "dry"), "heuristic", "reflex")
    assert pair["worlds"] == 14
    assert (pair["evidence"]["worlds"], pair["evidence"]["waiting"]) == (12, 2)
    assert sum(pair["pairs"][key] for key in ("ours", "theirs", "open")) == 14
    strangers = [one(seed=1), one(seed=2, policy="random")]
    assert figures(strangers)["scenarios"][0]["pairs"] == []


def test_lives_cut_short_are_no_evidence_in_the_worst_case():
    rows = []
    for seed in range(16):
        rows.append(one(seed=seed, policy="random", paid_h=50 + seed))
        # It would look as if it never died; but nobody knows.
        rows.append(one(seed=seed, policy="reflex", reason="halted", paid_h=49))
        rows.append(at_horizon(49, seed=seed, policy="heuristic"))
        rows.append(at_horizon(seed=seed, policy="model"))
    group = figures(rows)["scenarios"][0]
    for ours in ("reflex", "heuristic"):
        assert pair_of(group, ours, "random")["evidence"]["worst_case_e"] < 0.1
    honest = pair_of(group, "model", "random")["evidence"]
    assert honest["worst_case_e"] == honest["e"] > evidence.ENOUGH


def test_without_the_others_to_beat_nothing_is_counted():
    assert figures(population(worlds=3, heuristic=100, reflex=100))["tally"] is None


def test_the_same_lives_in_any_order_give_the_same_figures(told, rows):
    assert figures(rows[::-1], BOUNDS[::-1]) == told


def keys(kind):
    return set(kind.__annotations__)


def test_the_figures_have_the_shape_that_is_documented(told):
    assert set(told) == keys(shape.Figures)
    for group in (told["together"], *told["scenarios"]):
        assert set(group) == keys(shape.Group)
        for policy in group["policies"]:
            assert set(policy) == keys(shape.PolicyFigures)
            assert set(policy["lasted"]) == keys(shape.Lasted)
            assert set(policy["ends"]) == keys(shape.Ends)
            assert set(policy["money"]) == keys(shape.Money)
            assert set(policy["curve"]) == keys(shape.Curve)
        for pair in group["pairs"]:
            assert set(pair) == keys(shape.PairFigures)
            assert set(pair["evidence"]) == keys(shape.EvidenceFigures)
            assert set(pair["pairs"]) == keys(shape.CoinFigures)


def points(*told):
    return [Backtest(policy, scenario, back, live) for policy, scenario, back, live in told]


ALIKE = points(
    ("reflex", "dry", 100, 110),
    ("random", "dry", 50, 40),
    ("heuristic", "dry", 200, 190),
    ("reflex", "steady", 210, 220),
    ("heuristic", "steady", 300, 320),
)


def test_a_backtest_that_keeps_the_order_agrees():
    told = backtest_figures(ALIKE, {})
    assert told["agree"]
    assert told["rank"]["value"] == 1
    assert told["inverted"] == []
    assert "agree: rank correlation 1.00" in told["says"]


def test_an_order_that_is_inverted_by_more_than_its_error_is_a_disagreement():
    turned = [*ALIKE, *points(("random", "steady", 260, 150))]
    told = backtest_figures(turned, {})
    assert told["rank"]["value"] >= 0.8
    assert not told["agree"]
    assert [(each["better"], each["worse"]) for each in told["inverted"]] == [("random", "reflex")]
    assert "In steady the backtest has random live 50.0 h longer than reflex" in told["says"]
    assert "live it was 70.0 h shorter" in told["says"]
    unsure = {("random", "steady"): 30.0, ("reflex", "steady"): 30.0}
    assert backtest_figures(turned, unsure)["agree"]


def test_a_low_correlation_is_a_disagreement_whatever_the_errors():
    turned = points(*((f"p{n}", "dry", n, (n * 7) % 10) for n in range(10)))
    unsure = {(f"p{n}", "dry"): 1000.0 for n in range(10)}
    told = backtest_figures(turned, unsure)
    assert told["inverted"] == []
    assert not told["agree"]
    assert "which is below 0.8" in told["says"]


def test_orders_are_compared_within_a_scenario_only():
    told = backtest_figures(points(("a", "dry", 10, 90), ("a", "steady", 20, 80)), {})
    assert told["inverted"] == []
    assert not told["agree"]


def test_the_error_of_a_live_figure_comes_from_its_lives(rows):
    backtests = [Backtest("reflex", "dry", 100, 110), Backtest("reflex", "steady", 1, 2, None, 7.0)]
    told = figures(rows, BOUNDS, backtests)
    found = {point["scenario"]: point["live_error_h"] for point in told["backtest"]["points"]}
    error = policy_of(group_of(told, "dry"), "reflex")["lasted"]["error_h"]
    assert found == {"dry": error, "steady": 7.0}
    assert told["backtest"]["says"].startswith("Backtest and live ")


def test_two_figures_that_tell_nothing_apart_are_said_to_tell_nothing():
    told = backtest_figures(points(("a", "dry", 10, 90), ("b", "dry", 10, 80)), {})
    assert told["rank"] is None
    assert not told["agree"]
    assert "nothing can be said" in told["says"]


def test_the_page_shows_every_scenario_and_the_sections_there_is_data_for(told):
    tree = parsed(page(told))
    shown = ids(tree)
    for place in ("g0", "g1", "g2"):
        assert {place, f"{place}-means", f"{place}-survival", f"{place}-ends"} <= set(shown)
    assert len(shown) == len(set(shown))
    assert "backtest" not in shown
    text = words(tree)
    assert "All together" in text
    assert f"heuristic outlives both in {told['tally']['over_all']} of 2 scenarios" in text


def test_the_page_writes_the_figures_of_the_report_and_no_others(told):
    tree = parsed(page(told))
    rows_of = {
        section.get("id"): [
            ["".join(cell.itertext()) for cell in row]
            for row in section.iter("{http://www.w3.org/1999/xhtml}tr")
        ]
        for section in tree.iter("{http://www.w3.org/1999/xhtml}section")
    }
    for place, group in enumerate((told["together"], *told["scenarios"])):
        table = rows_of[f"g{place}"]
        for policy in group["policies"]:
            low, high = policy["lasted"]["by_world"]
            mine = [row for row in table if row[0] == policy["policy"]]
            hours = f"{policy['lasted']['hours']:,.1f}"
            assert any({hours, f"{low:,.1f} to {high:,.1f}"} <= set(row) for row in mine)
            assert any(f"{policy['money']['earned'] / 10**6:,.2f}" in row for row in mine)
            assert any(str(policy["ends"]["died"]) in row for row in mine)
        for pair in group["pairs"]:
            found = [row for row in table if row[:2] == [pair["ours"], pair["theirs"]]]
            assert [
                written(pair["evidence"]["e"]),
                "yes" if pair["evidence"]["shown"] else "no",
            ] in [row[2:4] for row in found]


def test_no_lives_make_a_page_without_sections():
    told = figures([])
    assert (told["lives"], told["scenarios"], told["together"]) == (0, [], None)
    tree = parsed(page(told))
    assert not [each for each in ids(tree) if each]
    assert not list(tree.iter("{http://www.w3.org/1999/xhtml}table"))


def test_backtests_alone_make_a_section_of_their_own():
    tree = parsed(page(figures([], (), ALIKE)))
    assert set(ids(tree)) == {"backtest", "backtest-scatter", "meaning"}
    assert "rank correlation 1.00" in words(tree)


def test_one_life_of_one_policy_makes_a_page_without_pairs_or_intervals():
    told = figures([one()])
    tree = parsed(page(told))
    assert "Who outlives whom" not in words(tree)
    assert "1 life, 1 policy, 1 world, 1 scenario." in words(tree)
    assert "e-value" not in words(tree)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_a_row_is_called_its_page_is_well_formed(scenario, policy, cause):
    rows = [one(scenario=scenario, policy=policy, cause=cause), one(seed=8, policy="random")]
    parsed(page(figures(rows, (), [Backtest(policy, scenario, 1, 2)])))


def test_names_that_attack_the_page_stay_words(told):
    named = {"scenario": HOSTILE, "policy": HOSTILE, "cause": HOSTILE}
    rows = [one(seed=n, **named) for n in range(5)]
    rows += [one(seed=n, policy="random", scenario=HOSTILE) for n in range(5)]
    backtests = [
        Backtest(name, HOSTILE, back, live)
        for name, back, live in ((HOSTILE, 1, 9), ("random", 5, 2), ("b", 7, 3), ("c", 9, 1))
    ]
    text = page(figures(rows, (Bounds(HOSTILE, HORIZON_H, 1, 100),), backtests))
    assert "<script" not in text
    assert "<b onload" not in text
    assert not re.search("[\x00-\x08\x1b\u202e]", text)
    parsed(text)


def test_the_page_needs_nothing_but_itself(told):
    text = page(told)
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"<script|<link|<img|\ssrc=|url\(|@import", text)
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/1999/xhtml"}
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]+)"', text))


def test_a_policy_keeps_its_colour_among_any_others():
    many = [f"model-{n}" for n in range(20)]
    few, all_of_them = colours(["reflex", "heuristic"]), colours(["reflex", "heuristic", *many])
    assert few == {name: all_of_them[name] for name in few}
    assert len(set(all_of_them.values())) == COLOURS - 1 + COLOURS - 3
    assert len({all_of_them[name] for name in many[: COLOURS - 3]}) == COLOURS - 3


def test_a_report_is_two_files_of_the_same_figures_and_nothing_else(tmp_path, rows):
    told = write_report(tmp_path, rows, BOUNDS, ALIKE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept == told
    assert (tmp_path / "report.html").read_text() == page(kept)


@pytest.mark.parametrize(
    ("e", "text"),
    [
        *((0.001, "<0.01"), (0.5, "0.50"), (1, "1.00"), (19.999, "19.99"), (20, "20.00")),
        *((999.5, "999.50"), (1234.0, "1.2e3"), (1e300, "1.0e300")),
    ],
)
def test_evidence_is_never_rounded_up_to_what_is_enough(e, text):
    assert written(e) == text


def test_signs_are_written_as_signs():
    assert (signed(-12.34), signed(0.5), percent(-0.07)) == ("−12.3", "+0.5", "−7%")
    assert (signed(-0.04), signed(0.04), percent(-0.001)) == ("0.0", "0.0", "0%")
    assert (ratio(-0.001), ratio(-0.5), money(-1)) == ("0.00", "−0.50", "0.00")


def test_where_nobody_is_left_a_curve_has_no_band():
    """Of ten that all died nothing is unsure afterwards; where one lives on it is."""
    rows = [one(paid_h=HORIZON_H / 10, seed=n) for n in range(10)]
    assert bands(rows) == [[0.0, 100.0]]
    rows[9] = at_horizon(seed=9)
    assert bands(rows) == [[0.0, 100.0, 1000.0]]


def bands(rows):
    """The places along the axis, in thousandths, at which the drawn bands have corners."""
    tree = parsed(page(figures(rows)))
    shades = [
        each.get("d") for each in tree.iter() if (each.get("class") or "").startswith("shade")
    ]
    return [sorted({float(x) for x in re.findall(r"[ML]([\d.]+) ", d)}) for d in shades]
