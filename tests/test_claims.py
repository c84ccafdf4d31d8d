"""Verdicts on invented tables whose truth is known, and what must hold for any interval and any sample."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_results import LOSSES, SOFTWARE, make_params, make_results, replicated
from torch import nn

from xbarpaper import claims
from xbarpaper.claims import accuracy, conductance, effects, examining, rules, savings, statements
from xbarpaper.claims.context import Context
from xbarpaper.claims.schema import OUTCOMES
from xbarpaper.data import ImageSet
from xbarpaper.experiments import results
from xbarpaper.params import SCHEMES, Params
from xbarpaper.support import files
from xbarpaper.support.validation import parse

PARAMS = make_params(1, (16,))
SETTINGS = PARAMS.claims
SAME = dict.fromkeys(LOSSES, 10.0)
RANK = {"contradicted": -1, "no effect": 0, "undecided": 0, "supported": 1}


def tables_of(params: Params = PARAMS, images=100_000, **truth):
    tables = make_results(params, **truth)
    return replace(tables, software=tables.software.assign(test_images=images))


TEXTS = statements.load()
EXAMINED = {}


def alone(name: str, tables: results.Results, params: Params = PARAMS, **changed):
    """One claim of those that ``claims.examine`` joins in a report."""
    tables = replace(tables, **changed)
    software = tables.software
    images = {str(one): int(rows.max()) for one, rows in software.groupby("dataset")["test_images"]}
    context = Context(params, examining.chance_of(software), TEXTS, images)
    if name == "C1":
        return savings.crossbar_savings(context, tables.evaluation, software)
    if name == "C5":
        return conductance.share_rises(context, tables.evaluation, tables.layers)
    return accuracy.on_crossbars(name, accuracy.with_strongest(tables.evaluation, tables.strongest), context)


def examine(name: str, params: Params = PARAMS, images=100_000, **truth):
    """A claim on a truth; each is examined once for all tests."""
    key = name, params.model_dump_json(), images, repr(truth)
    if key not in EXAMINED:
        EXAMINED[key] = alone(name, tables_of(params, images, **truth), params)
    return EXAMINED[key]


def again(tables: results.Results, params: Params = PARAMS, **changed):
    return claims.examine(replace(tables, **changed), params)


def rows_of(claim, level, mitigation=None):
    rows = [*claim.verdicts, *claim.levels]
    return [row for row in rows if row.level == level and mitigation in (None, row.mitigation)]


def outcomes(claim, mitigation):
    return {row.verdict for row in claim.verdicts if row.mitigation == mitigation}


# --- the rule -----------------------------------------------------------------------------------------------

bounds = st.tuples(st.floats(-5, 5), st.floats(-5, 5)).map(lambda pair: tuple(sorted(pair)))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.6, "supported"), (-0.6, -0.1, "contradicted"), (-0.5, 0.5, "no effect"),
        (0.1, 0.5, "no effect"), (-0.1, 0.6, "undecided"), (None, None, "undecided"),
    ],
)  # fmt: skip
def test_rule_of_intervals(low: float, high: float, expected: str) -> None:
    assert rules.judge(low, high, 0.5) == expected


@given(bounds, st.floats(0, 3), st.floats(0, 3), st.floats(0.01, 2))
def test_a_verdict_is_monotone_in_its_interval(interval, lower, upper, margin) -> None:
    low, high = interval
    moved = low + min(lower, upper), high + max(lower, upper)
    assert RANK[rules.judge(low, high, margin)] <= RANK[rules.judge(*moved, margin)]


@given(bounds, st.floats(0.01, 2))
def test_the_other_sign_gives_the_opposite_verdict(interval, margin) -> None:
    low, high = interval
    opposite = {"supported": "contradicted", "contradicted": "supported"}
    found = rules.judge(low, high, margin)
    assert rules.judge(-high, -low, margin) == opposite.get(found, found)


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6), st.floats(0.05, 2))
def test_equivalence_needs_power(values: list[float], spread: float) -> None:
    """However small the effect, few or noisy seeds cannot show that there is none."""
    sample = np.array(values) - np.mean(values)
    if float(np.ptp(sample)) > 0.1:
        sample *= spread / sample.std(ddof=1)
        low, high = effects.bounds_of(sample, effects.corrected_level(SETTINGS, rules.JOINT))
        half = stats.t.ppf(1 - 0.05 / rules.JOINT / 2, len(sample) - 1) * spread / math.sqrt(len(sample))
        assert (rules.judge(low, high, 0.5) == "no effect") == (half <= 0.5)
    assert rules.judge(*effects.bounds_of(np.zeros(2), 0.95), 0.5) == "undecided"


@given(st.lists(st.integers(-400, 400), min_size=1, max_size=6), st.integers(1, 12))
def test_intervals_of_a_family_are_nested_around_the_mean(values: list[float], family) -> None:
    sample = np.array(values) / 8
    low, high = effects.bounds_of(sample, effects.corrected_level(SETTINGS, family))
    narrow, wide = effects.bounds_of(sample, SETTINGS.confidence)
    if low is not None:
        assert low <= narrow <= sample.mean() + 1e-9
        assert sample.mean() - 1e-9 <= wide <= high


@pytest.mark.parametrize(
    ("sample", "known"),
    [([0.0] * 3, True), ([0.0] * 2, False), ([0.05] * 5, False), ([3.0], False), ([1, 2], True)],
)
def test_equal_differences_give_no_false_certainty(sample, known) -> None:
    found = effects.bounds_of(np.array(sample, dtype=float), 0.95)
    assert (found != (None, None)) == known


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["supported"] * 2, "supported"), (["contradicted", "supported"], "contradicted"),
        (["no effect", "supported"], "contradicted"), (["no effect"] * 2, "contradicted"), (["no effect"], "no effect"),
        (["supported", "undecided"], "undecided"), (["supported", "not testable"], "not testable"),
        ([], "undecided"),
    ],
)  # fmt: skip
def test_rule_of_a_claim_with_two_parts(verdicts, expected: str) -> None:
    assert rules.joined(verdicts) == expected


@pytest.mark.parametrize(
    ("rates", "least", "most", "expected"),
    [
        ([2], -1, 1, "supported"), ([2], 3, 4, "contradicted"), ([2], 1, 3, "undecided"),
        ([1], -1, 1, "contradicted"), ([4, 0.9], -1, 1, "undecided"), ([0.5, 2], -1, 1, "contradicted"),
    ],
)  # fmt: skip
def test_rule_of_savings(rates: dict[str, float], least: int, most: int, expected: str) -> None:
    assert savings.judge_saving(rates, least, most, tolerance=2.0) == expected


@pytest.mark.parametrize(("distance", "spread"), [(1.0, 1.0), (0.3, 1.0), (2.0, 0.5), (0.25, 4.0)])
def test_seeds_needed_give_the_power_by_simulation(distance, spread: float) -> None:
    needed = effects.seeds_needed(distance, spread, 0.01)
    draws = np.random.default_rng(1).normal(distance, spread, size=(4000, needed))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.01).mean() == pytest.approx(0.81, abs=0.06)


# --- the claims ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "images", "expected"),
    [
        ({"software": SOFTWARE | {"cf": 89.5}}, 100_000, "supported"),
        ({"compression": 1.0}, 100_000, "contradicted"),
        ({"software": SOFTWARE | {"cf": 80.0, "xcs": 80.0, "xrs": 80.0}}, 100_000, "contradicted"),
        ({"software": SOFTWARE | {"cf": 88.5, "xcs": 88.5, "xrs": 88.5}}, 500, "undecided"),
        ({"software": dict.fromkeys(SOFTWARE, 12.0)}, 100_000, "not testable"),
    ],
)
def test_c1(truth, images: ImageSet, expected: str) -> None:
    claim = examine("C1", images=images, **truth)
    assert outcomes(claim, "none") == {expected}
    assert claim.overall == expected


@pytest.mark.parametrize(
    ("losses", "seeds", "expected"),
    [
        (LOSSES, 5, "supported"),
        ({"unpruned": 14.0, "cf": 8.0, "xcs": 8.0, "xrs": 8.0}, 5, "contradicted"),
        (SAME, 5, "undecided"),
        (SAME, 60, "no effect"),
        (SAME | {"cf": 90.0, "xcs": 90.0, "xrs": 90.0}, 5, "not testable"),
    ],
)
def test_c2(losses: dict[str, float], seeds: int, expected: str) -> None:
    assert examine("C2", make_params(1, (16,), seeds=seeds), losses=losses).overall == expected


@pytest.mark.parametrize(
    ("points", "noise", "expected"),
    [
        (2.0, 0.05, "supported"),
        (-2.0, 0.05, "contradicted"),
        (0.0, 0.0, "no effect"),
        (0.0, 0.05, "no effect"),
        (0.2, 2.0, "undecided"),
    ],
)
@pytest.mark.parametrize(("identity", "mitigation"), [("C3", "R"), ("C4", "WCT")])
def test_c3_and_c4(identity, mitigation, points, noise: float, expected: str) -> None:
    truth = {"rearrange_points": points, "wct_points": points, "wct_software_points": 0.0, "noise": noise}
    claim = examine(identity, **truth)
    assert outcomes(claim, mitigation) == {expected}
    assert (claim.overall, claim.by_mitigation["R+WCT"]) == (expected, expected)


def test_mitigations_at_chance_are_not_testable_unless_they_lift_the_network_from_it() -> None:
    losses = dict.fromkeys(LOSSES, 85.0)
    truth = {"losses": losses, "rearrange_points": 0.0, "wct_points": 20.0, "noise": 0.05}
    found = {name: examine(name, **truth) for name in ("C3", "C4")}
    assert found["C3"].overall == "not testable"
    assert rows_of(found["C3"], "overall", "R")[0].low is None
    assert found["C4"].overall == "supported"


def test_joined_effects_leave_out_what_is_not_testable() -> None:
    tables = tables_of(losses=SAME | {"cf": 14.0}, noise=0.05)
    table = tables.evaluation
    table.loc[table["scheme"].isin(["xcs", "xrs"]), "accuracy"] = 10.0
    claim = alone("C2", tables)
    (overall,) = rows_of(claim, "overall")
    (cf,) = [row for row in claim.verdicts if row.scheme == "cf"]
    assert overall.effect == pytest.approx(cf.effect)
    assert overall.details["comparisons"] == 1
    assert (cf.low, cf.high) == pytest.approx((overall.low, overall.high))  # the same effect has one interval
    assert claim.counts == dict.fromkeys(OUTCOMES, 0) | {"supported": 1, "not testable": 2}


def test_c3_compares_r_plus_wct_with_wct_and_c4_with_r() -> None:
    truth = {"rearrange_points": 1.0, "wct_points": 3.0, "wct_software_points": 0.5, "noise": 0.0}
    told = [{row.compared: row.effect for row in examine(name, **truth).verdicts} for name in ("C3", "C4")]
    assert told[0] == pytest.approx({"R against no mitigation": 1, "R+WCT against WCT": 1})
    assert told[1] == pytest.approx({"WCT against no mitigation": 2.5, "R+WCT against R": 2.5})


def test_c4_is_about_the_loss_not_about_what_training_on_gains_in_software() -> None:
    claim = examine("C4", wct_points=1.0, wct_software_points=2.0, noise=0.05)
    assert outcomes(claim, "WCT") == {"contradicted"}
    (overall,) = rows_of(claim, "overall", "WCT")
    assert overall.effect == pytest.approx(-1.0, abs=0.1)
    assert overall.details["accuracy_effect"] == pytest.approx(1.0, abs=0.1)
    assert overall.details["accuracy_effect_low"] > 0


def test_unpruned_networks_stand_beside_the_verdict() -> None:
    tables = tables_of(rearrange_points=0.0, noise=0.05)
    table = tables.evaluation
    table.loc[(table["scheme"] == "unpruned") & (table["mitigation"] == "R"), "accuracy"] -= 3
    claim = alone("C3", tables)
    assert claim.overall == "no effect"
    (beside,) = rows_of(claim, "unpruned", "R")
    assert (beside.verdict, claim.counts["contradicted"]) == ("contradicted", 0)
    assert sum(claim.counts.values()) == len({row.scheme for row in claim.verdicts} - {"unpruned"})


def test_c5_r_cannot_raise_the_share_and_says_so() -> None:
    claim = examine("C5", rearrange_points=2.0, noise=0.05)
    assert outcomes(claim, "R") == set()
    (row,) = rows_of(claim, "overall", "R")
    assert (row.effect, row.low, row.high, row.inference, row.verdict) == (0, 0, 0, "algebra", "no effect")
    assert "decided by algebra" in claim.summary


@pytest.mark.parametrize(
    ("share", "expected", "trainings"),
    [(0.1, "supported", 1), (-0.1, "contradicted", 1), (0.001, "no effect", 1), (0.1, "supported", 3)],
)
def test_c5_wct(share: float, expected: str, trainings) -> None:
    params = replicated(PARAMS, trainings)
    claim = examine("C5", params, wct_share=share)
    # Every training has the same share here, so from three on its spread is not known.
    assert outcomes(claim, "WCT") == ({expected} if trainings == 1 else {"undecided"})
    assert claim.overall == "contradicted"  # R cannot change the share


def test_the_interval_of_a_correlation_ends_at_one() -> None:
    tables = tables_of()
    wide = np.random.default_rng(0).normal(0, 0.4, len(tables.layers))
    measured = tables.layers.assign(share_nf_rho=(wide - 0.9).clip(-1, 1), share_error_rho=0.0)
    singles = rows_of(alone("C5", tables, layers=measured), "comparison", "none")
    assert max(row.high for row in singles) == 1
    assert all(-1 <= row.low <= row.effect <= row.high for row in singles)


def test_an_effect_below_zero_is_told_with_the_opposite_word() -> None:
    (row,) = rows_of(examine("C2", losses=SAME | {"unpruned": 14.0}, noise=0.05), "overall")
    assert row.effect < 0
    assert f"{-row.effect:+.2f} points [{-row.high:+.2f}, {-row.low:+.2f}] less, " in row.summary


@pytest.mark.parametrize(
    ("rho", "expected"), [(-0.4, "supported"), (0.4, "contradicted"), (0.0, "no effect")]
)
def test_c5_tests_the_mechanism_where_it_was_measured(rho, expected: str) -> None:
    tables = tables_of()
    noise = np.random.default_rng(0).normal(0, 0.02, len(tables.layers))
    measured = tables.layers.assign(share_nf_rho=rho + noise, share_error_rho=rho)
    found = alone("C5", tables, layers=measured)
    assert found.by_mitigation["none"] == expected
    assert (rows_of(found, "overall", "none")[0].n, len(found.notes)) == (8, 1)
    told = f"shares: 3 supported; correlations: 3 {expected}"
    assert rules.counted_words(found.verdicts) == told
    assert f"Of 6 comparisons, {told}." in found.summary
    # A layer of few crossbars has no correlation of its own.
    few = measured["layer"] != measured["layer"].iloc[0]
    fewer = alone("C5", tables, layers=measured.assign(share_error_rho=measured["share_nf_rho"].where(few)))
    summary = rows_of(fewer, "overall", "none")[0].summary
    assert re.search(r"relative error of the weights\? [+-]?0\.\d\d \[", summary)
    unknown = alone("C5", tables, layers=measured.assign(share_error_rho=np.nan))
    assert "relative error of the weights?" not in unknown.summary
    assert "nan" not in fewer.model_dump_json() + unknown.model_dump_json()
    columns = tables.layers.drop(columns=conductance.ASSOCIATION, errors="ignore")
    without = alone("C5", tables, layers=columns)
    assert without.notes[1:] == [conductance.NOT_MEASURED]


def test_c5_says_that_clamping_moves_no_device_across_the_threshold() -> None:
    """Where the limit is above it, and where the range stays the old one."""
    assert "Where the limit of WCT lies above 0.1 of w_max" in examine("C5").summary
    tree = PARAMS.model_dump(mode="json")
    tree["mapping"]["low_conductance_threshold"] = 0.2
    assert "above 0.2 of w_max" in examine("C5", parse(tree, "synthetic", Params)).summary
    tree["wct"]["range"] = "new"
    assert "limit of WCT" not in examine("C5", parse(tree, "synthetic", Params)).summary


# --- levels, replicates and families ------------------------------------------------------------------------


def test_levels_exist_where_they_join_something_and_average_their_comparisons() -> None:
    params = make_params(2, (16, 32))
    claim = examine("C3", params)
    levels = [row.level for row in claim.levels if row.mitigation == "R"]
    assert levels == ["size", "size", "network", "network", "unpruned", "overall"]
    pruned = [row for row in rows_of(claim, "comparison", "R") if row.counted]
    for level, chosen in (("overall", pruned), ("size", [row for row in pruned if row.crossbar_size == 16])):
        row = rows_of(claim, level, "R")[0]
        assert row.effect == pytest.approx(sum(one.effect for one in chosen) / len(chosen))
        assert row.n == 5
    assert [row.level for row in examine("C3").levels if row.mitigation == "R"] == ["unpruned", "overall"]


def test_a_disturbance_that_all_comparisons_share_is_not_taken_for_many_observations() -> None:
    """One bad draw of devices hits all comparisons: averaging first keeps its whole spread in the error."""
    params = make_params(1, (16, 32))
    tables = tables_of(params, rearrange_points=0.0, noise=0.0)
    seeds = {0: -2.0, 1: -1.0, 2: 0.0, 3: 1.0, 4: 3.0}
    table = tables.evaluation
    table["accuracy"] += table["seed"].map(seeds).where(table["mitigation"] == "R", 0.0).fillna(0.0)
    (overall,) = rows_of(alone("C3", tables, params), "overall", "R")
    plain = stats.ttest_1samp(list(seeds.values()), 0).confidence_interval(1 - 0.05 / rules.JOINT)
    assert (overall.low, overall.high) == pytest.approx((plain.low, plain.high), abs=1e-3)


def test_three_training_seeds_are_the_replicates_and_devices_are_not() -> None:
    params = replicated(PARAMS, 3)
    by = {"made-up-0-0": 1.0, "made-up-0-1": 2.0, "made-up-0-2": 6.0}
    tables = tables_of(params, rearrange_points=0.0, noise=0.0)
    table = tables.evaluation
    table["accuracy"] += table["experiment"].map(by).where(table["mitigation"] == "R", 0.0)
    report = again(tables, params)
    (overall,) = rows_of(report.claims[2], "overall", "R")
    assert (overall.n, overall.inference, overall.training_seeds) == (3, "training seed", 3)
    plain = stats.ttest_1samp([1.0, 2.0, 6.0], 0).confidence_interval(1 - 0.05 / rules.JOINT)
    assert (overall.low, overall.high) == pytest.approx((plain.low, plain.high), abs=1e-3)
    assert overall.needed_seeds.endswith("training seeds")
    assert "speak of other trainings of this network too" in report.scope
    seeds = "sparsity 0.8, training seeds 0, 1 and 2"
    assert report.data == [f"VGG11 (width 0.25) on shapes10 (procedural), {seeds}"]
    assert {row.experiment for row in rows_of(report.claims[2], "comparison")} == {"made-up-0-0"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_training_seeds_speak_of_the_trained_networks_only(seeds: int) -> None:
    params = replicated(PARAMS, seeds)
    report = again(tables_of(params), params)
    (overall,) = rows_of(report.claims[1], "overall")
    assert (overall.n, overall.inference) == (5, "variation seed")
    trainings = "1 training" if seeds == 1 else f"{seeds} trainings"
    said = f"These results speak of the trained network VGG11 (width 0.25, {trainings}) only"
    assert report.scope.startswith(said)


def test_networks_with_different_training_seeds_are_joined_over_devices() -> None:
    tree = replicated(make_params(2, (16,)), 3).model_dump(mode="json")
    del tree["experiments"]["made-up-1-2"]
    params = parse(tree, "synthetic", Params)
    claim = alone("C2", tables_of(params), params)
    assert [row.inference for row in rows_of(claim, "network")] == ["training seed", "variation seed"]
    assert rows_of(claim, "overall")[0].inference == "variation seed"


@pytest.mark.parametrize(("networks", "between", "shared"), [(3, 1.0, 0.0), (1, 0.0, 1.0)])
def test_interval_covers_the_truth_as_often_as_it_says(networks: list[nn.Module], between, shared) -> None:
    """Of trainings, devices and comparisons that share their devices, averaged within replicates."""
    random, covered, runs = np.random.default_rng(7), 0, 200
    index = pd.MultiIndex.from_product([range(2), range(networks), range(5)])
    keys = pd.DataFrame(index.to_list(), columns=["crossbar_size", "training_seed", "seed"])
    keys = keys.assign(experiment="one", scheme="cf")
    for _ in range(runs):
        values = 0.7 + between * random.normal(size=(1, networks, 1)) + shared * random.normal(size=(1, 1, 5))
        values = values + 0.3 * random.normal(size=(2, networks, 5))
        _, found = effects.replicates(keys.assign(effect=values.ravel()), "seed")
        low, high = effects.bounds_of(found["effect"].to_numpy(), 0.95)
        covered += low <= 0.7 <= high
    assert covered / runs == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)


def test_overall_effects_share_one_error_rate_and_comparisons_of_a_mitigation_another() -> None:
    found = {name: examine(name, noise=1.0) for name in ("C2", "C3", "C4")}
    of = {"C2": "none", "C3": "R", "C4": "WCT"}
    tops = [rows_of(claim, "overall", of[name])[0] for name, claim in found.items()]
    assert {row.details["family"] for row in tops} == {rules.JOINT}
    singles = rows_of(found["C3"], "comparison", "R")
    families = {(row.scheme == "unpruned", row.details["family"]) for row in singles}
    assert families == {(True, rules.JOINT), (False, 3)}  # the one unpruned network is its overall effect


def test_every_interval_and_verdict_agree_and_counts_are_those_of_the_table() -> None:
    params = make_params(1, (16, 32))
    for noise, points in ((0.05, 1.0), (1.0, 0.3)):
        report = again(tables_of(params, noise=noise, rearrange_points=points), params)
        table = report.table()
        for claim in report.claims:
            own = table[(table["claim"] == claim.id) & table["counted"]]
            assert own["verdict"].value_counts().to_dict() == {key: n for key, n in claim.counts.items() if n}
            for row in [*claim.verdicts, *claim.levels]:
                if claim.id != "C1" and row.verdict != "not testable":
                    assert row.verdict == rules.judge(row.low, row.high, 0.5)
                if row.low is not None:
                    assert row.low <= row.effect <= row.high


def test_c1_adds_the_spread_of_training_seeds_to_that_of_the_images() -> None:
    params = replicated(PARAMS, 3)
    tables = tables_of(params, software=SOFTWARE | {"cf": 89.5})
    table = tables.evaluation
    narrow = alone("C1", tables, params)
    own = table["experiment"].map({"made-up-0-0": -1.0, "made-up-0-2": 1.0}).fillna(0.0)
    own = own.where(table["scheme"] != "unpruned", 0.0)
    other = table.assign(software_accuracy=table["software_accuracy"] + own)
    wide = alone("C1", tables, params, evaluation=other)
    (first,), (second,) = rows_of(narrow, "overall"), rows_of(wide, "overall")
    assert first.effect == pytest.approx(second.effect)
    # Student's half-width of -1, 0, 1 adds in squares to the images'.
    student = stats.t.ppf(1 - 0.05 / rules.JOINT / 2, 2) / math.sqrt(3)
    half = math.hypot((first.high - first.low) / 2, student)
    assert (second.high - second.low) / 2 == pytest.approx(half, rel=0.01)
    assert (narrow.overall, wide.overall) == ("supported", "undecided")
    assert second.needed_seeds.endswith("training seeds")


def test_c1_promises_no_more_test_images_than_there_are() -> None:
    row = examine("C1", images=5_000, software=SOFTWARE | {"cf": 88.5}).verdicts[0]
    assert row.verdict == "undecided"
    assert row.needed_seeds == "no number of the 5,000 test images"
    assert row.summary.endswith("no number of the 5,000 test images would decide it in four of five cases.")
    assert ", 5,000 test images, tolerance" in row.summary


def test_c1_says_how_many_networks_its_comparisons_are_of() -> None:
    """C/F prunes the same network for crossbars of every size."""
    claim = examine("C1", make_params(1, (16, 32)))
    assert sum(claim.counts.values()) == 6
    assert "These 6 comparisons are of 5 pruned networks: C/F has one for all sizes." in claim.summary
    assert "comparisons are of" not in examine("C1").summary


# --- gain modes, files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_gain", "says"),
    [
        (
            {},
            "does not depend on the gain mode, on the 3 of 3 comparisons testable at each: supported with no gain, a ",
        ),
        ({"tile": 30.0}, "a gain per layer and a gain per column; contradicted with a gain per tile"),
        ({"none": -50.0}, "With no gain it is not testable"),
    ],
)
def test_gain_modes_are_compared_for_c2(by_gain, says: str) -> None:
    tables = tables_of(noise=0.05)
    table = tables.evaluation
    pruned = table["scheme"] != "unpruned"
    table["accuracy"] += table["gain"].map(by_gain).fillna(0.0).where(pruned, 0.0)
    report = again(tables)
    assert [one.gain for one in report.conventions] == ["none", "layer", "tile", "column"]
    assert says in report.conventions_summary
    assert "Does it depend" not in report.conventions_summary
    (chosen,) = [one for one in report.conventions if one.chosen]
    (overall,) = rows_of(report.claims[1], "overall")
    assert (chosen.gain, chosen.verdict, chosen.low) == ("layer", overall.verdict, overall.low)


@pytest.mark.parametrize(
    ("guessing", "says"),
    [
        (
            {"none": ["xcs", "xrs"]},
            "does not depend on the gain mode, on the 1 of 3 comparisons testable at each: supp",
        ),
        (
            {"none": ["xcs", "xrs"], "tile": ["cf"]},
            "No comparison of C2 is testable at each of the gain modes, so whether it depends on them is not known here",
        ),
    ],
)
def test_gain_modes_are_compared_on_the_same_comparisons(guessing: dict[str, list[str]], says: str) -> None:
    tables = tables_of(noise=0.05)
    table = tables.evaluation
    for gain, schemes in guessing.items():
        table.loc[(table["gain"] == gain) & table["scheme"].isin(schemes), "accuracy"] = 10.0
    report = again(tables)
    assert says in report.conventions_summary
    alone_at = {one.gain: one.effect for one in report.conventions}
    (cf,) = [row for row in report.claims[1].verdicts if row.scheme == "cf"]
    assert (alone_at["layer"] == pytest.approx(cf.effect)) == (len(guessing) == 1)


def test_a_gain_mode_with_less_loss_says_so() -> None:
    summaries = [one.summary for one in again(tables_of(losses=SAME | {"unpruned": 14.0})).conventions]
    assert [re.search(r"pruned networks lose (.).* (more|less),", one).groups() for one in summaries] == [
        ("+", "less")
    ] * len(summaries)


def test_gain_modes_that_were_not_evaluated_are_not_spoken_of() -> None:
    tables = tables_of(noise=0.05)
    report = again(tables, evaluation=tables.evaluation[tables.evaluation["gain"] == "layer"])
    assert [one.gain for one in report.conventions] == ["layer"]
    assert "is not known here" in report.conventions_summary


def test_a_report_has_every_claim_and_the_numbers_of_its_file(tmp_path: Path) -> None:
    tables = tables_of(PARAMS, 10_000)
    report = again(tables)
    each = [alone(name, tables) for name in ("C1", "C2", "C3", "C4", "C5")]
    assert report.model_copy(update={"claims": each}).rounded() == report
    assert claims.ClaimReport.read(report.write(tmp_path)[0]) == report


def test_files_are_stable_finite_and_say_the_same(tmp_path: Path) -> None:
    params = make_params(1, (16, 32))
    tables = make_results(params)
    first, second = (
        [path.read_bytes() for path in again(tables, params).write(tmp_path / name)]
        for name in ("first", "again")
    )
    assert first == second
    text = json.loads(first[0], parse_constant=lambda name: pytest.fail(f"{name} in claims.json"))
    table = files.read_table(tmp_path / "first" / "claims.csv")
    verdicts = [row for claim in text["claims"] for row in [*claim["verdicts"], *claim["levels"]]]
    assert [claim["id"] for claim in text["claims"]] == ["C1", "C2", "C3", "C4", "C5"]
    for column in ("level", "verdict", "baseline", "counted"):
        assert [row[column] for row in verdicts] == list(table[column])
    assert table["effect"].tolist() == pytest.approx([row["effect"] for row in verdicts])
    rules_told = {"interval", "verdicts", "chance", "replicates", "families", "overall", "C1", "C5"}
    assert rules_told <= set(text["rules"])


def test_numbers_of_a_summary_are_those_of_the_table() -> None:
    found = examine("C3", rearrange_points=1.0, noise=0.0).verdicts
    verdict = next(row for row in found if row.scheme == "cf" and row.mitigation == "R")
    table = make_results(PARAMS, rearrange_points=1.0, noise=0.0).evaluation
    rows = table[(table["scheme"] == "cf") & (table["effects"] == "both") & (table["gain"] == "layer")]
    before, after = (rows.loc[rows["mitigation"] == name, "accuracy"].mean() for name in ("none", "R"))
    assert f"{before:.2f} to {after:.2f} %" in verdict.summary
    assert "+1.00 points" in verdict.summary
    assert "5 variation seeds" in verdict.summary


def test_a_single_seed_is_undecided_without_an_interval() -> None:
    tables = tables_of(rearrange_points=5.0)
    table = tables.evaluation
    claim = alone("C3", tables, evaluation=table[table["seed"].isna() | (table["seed"] == 0)])
    assert outcomes(claim, "R") == {"undecided"}
    assert claim.verdicts[0].low is None
    assert "no interval" in claim.verdicts[0].summary


def test_the_verdict_is_about_the_strongest_settings_where_they_were_searched() -> None:
    params = make_params(1, (16,), further=True)
    tables = make_results(params)

    def reached(table: pd.DataFrame, **wanted: object) -> float:
        rows = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        return float(rows["accuracy"].mean())

    for name, mitigation in (("C3", "best R"), ("C4", "best WCT")):
        claim = alone(name, tables, params)
        plain = alone(name, tables, params, strongest=tables.strongest.iloc[:0])
        found = [one for one in claim.verdicts if one.mitigation == mitigation]
        assert [one.counted for one in found] == [one.scheme != "unpruned" for one in found]
        assert len(found) == len(SCHEMES)
        assert (claim.main, plain.main) == ([mitigation], [mitigation.removeprefix("best ")])
        assert not any(one.counted for one in claim.verdicts if one.mitigation != mitigation)
        assert claim.overall == claim.by_mitigation[mitigation]
        assert plain.overall == claim.by_mitigation[mitigation.removeprefix("best ")]
        (cf,) = (one for one in found if one.scheme == "cf")
        place = {"scheme": "cf", "crossbar_size": cf.crossbar_size, "effects": "both", "gain": "layer"}
        before = reached(tables.evaluation, **place, mitigation="none")
        best = reached(tables.strongest, **place, mitigation=mitigation)
        assert cf.effect == pytest.approx(best - before)
