"""Verdicts on invented tables whose truth is known: each claim supported, not supported and undecided."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from synthetic_results import LOSSES, SOFTWARE, make_params, make_results, replicated

from xbarpaper import claims
from xbarpaper.claims import conductance, rules, savings
from xbarpaper.claims.labels import groups_of
from xbarpaper.params import Params
from xbarpaper.support import files, statistics
from xbarpaper.support.statistics import Effect, paired_effect
from xbarpaper.support.validation import parse

PARAMS = make_params(1, (16,))
IMAGES = {"shapes10": 100_000}
SAME = dict.fromkeys(LOSSES, 10.0)


def examine(params=PARAMS, images=IMAGES, **truth):
    report = claims.examine(make_results(params, **truth).evaluation, params, images)
    return {claim.id: claim for claim in report.claims}


def outcomes(claim, mitigation):
    return {verdict.verdict for verdict in claim.verdicts if verdict.mitigation == mitigation}


@pytest.mark.parametrize(
    ("truth", "images", "expected"),
    [
        ({"software": SOFTWARE | {"cf": 89.5}}, IMAGES, "supported"),
        ({"compression": 1.0}, IMAGES, "not supported"),
        ({"software": SOFTWARE | {"cf": 80.0, "xcs": 80.0, "xrs": 80.0}}, IMAGES, "not supported"),
        ({"software": SOFTWARE | {"cf": 88.5, "xcs": 88.5, "xrs": 88.5}}, {"shapes10": 500}, "undecided"),
        ({"software": SOFTWARE | {"cf": 88.5, "xcs": 88.5, "xrs": 88.5}}, {"shapes10": None}, "supported"),
    ],
)
def test_c1(truth, images, expected):
    claim = examine(images=images, **truth)["C1"]
    assert outcomes(claim, "none") == {expected}
    assert claim.overall == expected


@pytest.mark.parametrize(
    ("losses", "noise", "expected"),
    [
        (LOSSES, 0.05, "supported"),
        ({"unpruned": 14.0, "cf": 8.0, "xcs": 8.0, "xrs": 8.0}, 0.05, "not supported"),
        (SAME, 2.0, "undecided"),
    ],
)
def test_c2(losses, noise, expected):
    assert examine(losses=losses, noise=noise)["C2"].overall == expected


@pytest.mark.parametrize(
    ("points", "noise", "expected"),
    [
        (1.0, 0.05, "supported"),
        (-1.0, 0.05, "not supported"),
        (0.0, 0.0, "not supported"),
        (0.2, 2.0, "undecided"),
    ],
)
@pytest.mark.parametrize(("identity", "mitigation"), [("C3", "R"), ("C4", "WCT")])
def test_c3_and_c4(identity, mitigation, points, noise, expected):
    truth = {"rearrange_points": points, "wct_points": points, "wct_software_points": 0.0, "noise": noise}
    claim = examine(**truth)[identity]
    assert outcomes(claim, mitigation) == {expected}
    assert claim.overall == expected
    assert claim.by_mitigation["R+WCT"] == expected


def test_c3_compares_r_plus_wct_with_wct_and_c4_with_r():
    found = examine(rearrange_points=1.0, wct_points=3.0, noise=0.0)
    effects = {
        (name, verdict.mitigation): verdict.effect
        for name in ("C3", "C4")
        for verdict in found[name].verdicts
    }
    assert effects == pytest.approx(
        {("C3", "R"): 1, ("C3", "R+WCT"): 1, ("C4", "WCT"): 3, ("C4", "R+WCT"): 3}
    )


def test_c4_is_not_supported_by_software_accuracy_alone():
    claim = examine(wct_points=1.0, wct_software_points=2.0, noise=0.05)["C4"]
    assert outcomes(claim, "WCT") == {"undecided"}
    assert "two measures disagree" in claim.verdicts[0].summary
    assert "the loss against the network's own software accuracy does not fall" in claim.summary


def test_c5_r_cannot_raise_the_share_and_says_so():
    claim = examine(rearrange_points=2.0, noise=0.05)["C5"]
    assert outcomes(claim, "R") == {"not supported"}
    assert {verdict.effect for verdict in claim.verdicts if verdict.mitigation == "R"} == {0.0}
    assert conductance.CHANGES_NOTHING in claim.summary


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ({"wct_points": 1.0, "wct_share": 0.1, "noise": 0.05}, "supported"),
        ({"wct_points": 1.0, "wct_share": -0.1, "noise": 0.05}, "not supported"),
        ({"wct_points": 0.0, "wct_share": 0.1, "noise": 2.0}, "undecided"),
    ],
)
def test_c5_wct(truth, expected):
    assert outcomes(examine(**truth)["C5"], "WCT") == {expected}


def test_c5_tells_the_association_only_where_there_are_points_enough():
    sizes = make_params(1, (16, 32))
    table = make_results(sizes).evaluation
    # The share rises by more where the gain is larger, in every scheme and size.
    rank = table["scheme"].map({"unpruned": 0, "cf": 1, "xcs": 2, "xrs": 3}) + table["crossbar_size"] / 16
    of_wct = table["mitigation"] == "WCT"
    table.loc[of_wct, "low_conductance_share"] += 0.01 * rank
    table.loc[of_wct, "accuracy"] += 3 * rank
    report = claims.examine(table, sizes, IMAGES)
    assert (
        "made-up-0, WCT: gain in accuracy against rise of the share, Spearman's rho +"
        in report.claims[4].summary
    )
    assert "Spearman" not in examine()["C5"].summary


@pytest.mark.parametrize(
    ("effect", "p_holm", "expected"),
    [
        (Effect(1.0, 0.5, 1.5, 0.01, 5, None, None, None), 0.04, "supported"),
        (Effect(1.0, 0.5, 1.5, 0.01, 5, None, None, None), 0.06, "undecided"),
        (Effect(-1.0, -1.5, -0.5, 0.01, 5, None, None, None), 0.04, "not supported"),
        (Effect(-1.0, -2.5, 0.5, 0.2, 5, None, None, None), 0.4, "undecided"),
        (paired_effect([0.0] * 5, 0.95), 1.0, "not supported"),
        (paired_effect([0.05] * 5, 0.95), 0.0625, "undecided"),
        (paired_effect([3.0], 0.95), None, "undecided"),
    ],
)
def test_rule_of_paired_effects(effect, p_holm, expected):
    assert rules.judge(effect, p_holm, 0.95) == expected


@pytest.mark.parametrize(
    ("rates", "least", "most", "expected"),
    [
        ([2], -1, 1, "supported"),
        ([2], 3, 4, "not supported"),
        ([2], 1, 3, "undecided"),
        ([1], -1, 1, "not supported"),
        ([4, 0.9], -1, 1, "undecided"),
        ([0.5, 2], -1, 1, "not supported"),
    ],
)
def test_rule_of_savings(rates, least, most, expected):
    assert savings.decide(rates, least, most, tolerance=2.0) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["supported"] * 2, "supported"),
        (["not supported", "supported"], "not supported"),
        (["supported", "undecided"], "undecided"),
        ([], "undecided"),
    ],
)
def test_rule_of_a_claim_with_two_parts(verdicts, expected):
    assert rules.joined(verdicts) == expected


def test_holm_families_are_the_comparisons_of_one_mitigation():
    sample = [Effect(1.0, 0.5, 1.5, p, 5, None, None, None) for p in (0.01, 0.02, 0.03)]
    assert rules.corrected(sample, ["R", "WCT", "R"]) == pytest.approx([0.02, 0.02, 0.03])


def test_files_are_stable_finite_and_say_the_same(tmp_path):
    params = make_params(2, (16, 32))
    tables = make_results(params)
    report = claims.examine(tables.evaluation, params, IMAGES)
    first = [path.read_bytes() for path in report.write(tmp_path / "first")]
    again = [
        path.read_bytes()
        for path in claims.examine(tables.evaluation, params, IMAGES).write(tmp_path / "again")
    ]
    assert first == again
    text = json.loads(first[0], parse_constant=lambda name: pytest.fail(f"{name} in claims.json"))
    table = files.read_table(tmp_path / "first" / "claims.csv")
    verdicts = [verdict for claim in text["claims"] for verdict in [*claim["verdicts"], *claim["levels"]]]
    assert [verdict["level"] for verdict in verdicts] == list(table["level"])
    assert [claim["id"] for claim in text["claims"]] == ["C1", "C2", "C3", "C4", "C5"]
    assert [verdict["verdict"] for verdict in verdicts] == list(table["verdict"])
    assert table["effect"].tolist() == pytest.approx([verdict["effect"] for verdict in verdicts])
    assert {"paired", "comparison", "levels", "families", "overall", "needed_seeds", "C1", "C5"} <= set(
        text["rules"]
    )


def test_numbers_of_a_summary_are_those_of_the_table():
    claim = examine(rearrange_points=1.0, noise=0.0)["C3"]
    verdict = next(
        verdict for verdict in claim.verdicts if verdict.scheme == "cf" and verdict.mitigation == "R"
    )
    table = make_results(PARAMS, rearrange_points=1.0, noise=0.0).evaluation
    rows = table[(table["scheme"] == "cf") & (table["effects"] == "both") & (table["gain"] == "layer")]
    for mitigation in ("none", "R"):
        mean = rows.loc[rows["mitigation"] == mitigation, "accuracy"].mean()
        assert f"{mean:.2f} %" in verdict.summary
    assert "+1.00 points" in verdict.summary
    assert "5 variation seeds" in verdict.summary


def test_a_single_seed_is_undecided_without_an_interval():
    table = make_results(PARAMS, rearrange_points=5.0).evaluation
    table = table[table["seed"].isna() | (table["seed"] == 0)]
    claim = claims.examine(table, PARAMS, IMAGES).claims[2]
    assert outcomes(claim, "R") == {"undecided"}
    assert claim.verdicts[0].low is None
    assert "no interval" in claim.verdicts[0].summary


def test_sizes_of_test_sets():
    assert claims.images_per_test_set(make_results(PARAMS).software) == {"shapes10": 2000}


def rows_of(claim, level, mitigation=None):
    rows = [*claim.verdicts, *claim.levels]
    return [row for row in rows if row.level == level and mitigation in (None, row.mitigation)]


def shifted(table, by, **chosen):
    """The table with ``by`` (experiment -> points) added to the accuracy of the chosen rows."""
    rows = pd.Series(True, index=table.index)
    for column, value in chosen.items():
        rows &= table[column] == value
    points = table["experiment"].map(by).fillna(0.0)
    return table.assign(accuracy=table["accuracy"] + points.where(rows, 0.0))


def test_levels_are_there_once_each_and_average_their_comparisons():
    params = make_params(2, (16, 32))
    claim = claims.examine(make_results(params).evaluation, params, IMAGES).claims[2]
    assert [row.level for row in claim.levels if row.mitigation == "R"] == [
        "size", "size", "network", "network", "overall",
    ]  # fmt: skip
    (overall,) = rows_of(claim, "overall", "R")
    effects = [row.effect for row in rows_of(claim, "comparison", "R")]
    assert overall.effect == pytest.approx(sum(effects) / len(effects))
    for size in rows_of(claim, "size", "R"):
        members = [
            row for row in rows_of(claim, "comparison", "R") if row.crossbar_size == size.crossbar_size
        ]
        assert size.effect == pytest.approx(sum(row.effect for row in members) / len(members))
        assert size.n == 5


def test_a_disturbance_that_all_comparisons_share_is_not_taken_for_many_observations():
    """One bad draw of devices hits all comparisons: averaging first keeps its whole spread in the error."""
    params = make_params(1, (16, 32))
    table = make_results(params, rearrange_points=0.0, noise=0.0).evaluation
    seeds = {0: -2.0, 1: -1.0, 2: 0.0, 3: 1.0, 4: 3.0}
    of_r = table["mitigation"] == "R"
    table["accuracy"] += table["seed"].map(seeds).where(of_r, 0.0).fillna(0.0)
    claim = claims.examine(table, params, IMAGES).claims[2]
    (overall,) = rows_of(claim, "overall", "R")
    alone = paired_effect(list(seeds.values()), 0.95)
    assert (overall.low, overall.high) == pytest.approx((alone.low, alone.high), abs=1e-3)
    assert overall.verdict == "undecided"


def test_three_training_seeds_are_the_replicates_and_devices_are_not():
    params = replicated(make_params(1, (16,)), 3)
    by = {"made-up-0-0": 1.0, "made-up-0-1": 2.0, "made-up-0-2": 6.0}
    table = shifted(make_results(params, rearrange_points=0.0, noise=0.0).evaluation, by, mitigation="R")
    report = claims.examine(table, params, IMAGES)
    (overall,) = rows_of(report.claims[2], "overall", "R")
    assert (overall.n, overall.inference, overall.training_seeds) == (3, "training seed", 3)
    alone = paired_effect([1.0, 2.0, 6.0], 0.95)
    assert (overall.low, overall.high, overall.p) == pytest.approx((alone.low, alone.high, alone.p), abs=1e-3)
    assert overall.bootstrap_low == pytest.approx(1.0, abs=0.01)
    assert overall.needed_seeds.endswith("training seeds")
    assert "speaks of other trainings of this network" in report.scope
    assert {row.experiment for row in rows_of(report.claims[2], "comparison")} == {"made-up-0-0"}


@pytest.mark.parametrize(("seeds", "inference"), [(1, "variation seed"), (2, "variation seed")])
def test_fewer_training_seeds_speak_of_the_trained_networks_only(seeds, inference):
    params = replicated(make_params(1, (16,)), seeds)
    report = claims.examine(make_results(params).evaluation, params, IMAGES)
    (overall,) = rows_of(report.claims[1], "overall")
    assert (overall.n, overall.inference) == (5, inference)
    assert "over variation seeds and speak of the networks trained here" in report.scope


def test_networks_with_different_training_seeds_are_joined_over_devices():
    tree = replicated(make_params(2, (16,)), 3).model_dump(mode="json")
    del tree["experiments"]["made-up-1-2"]
    params = parse(tree, "synthetic", Params)
    report = claims.examine(make_results(params).evaluation, params, IMAGES)
    networks = rows_of(report.claims[1], "network")
    assert [row.inference for row in networks] == ["training seed", "variation seed"]
    (overall,) = rows_of(report.claims[1], "overall")
    assert overall.inference == "variation seed"


def test_a_comparison_needs_the_claimed_sign_in_every_trained_network():
    params = replicated(make_params(1, (16,)), 3)
    base = make_results(params, rearrange_points=0.0, noise=0.05).evaluation
    alike = {f"made-up-0-{seed}": 3.0 for seed in range(3)}
    for by, expected in [(alike, "supported"), (alike | {"made-up-0-1": -0.5}, "undecided")]:
        claim = claims.examine(shifted(base, by, mitigation="R"), params, IMAGES).claims[2]
        assert outcomes(claim, "R") == {expected}
        assert all(row.n == 15 and row.p_holm < 1e-4 for row in rows_of(claim, "comparison", "R"))


def test_overall_family_is_c2_c3_and_c4_against_none():
    found = examine(noise=1.0, rearrange_points=0.4, wct_points=0.8)
    tops = [
        rows_of(found[name], "overall", of)[0] for name, of in (("C2", "none"), ("C3", "R"), ("C4", "WCT"))
    ]
    assert [row.p_holm for row in tops] == pytest.approx(statistics.holm([row.p for row in tops]))


def test_overall_verdict_can_be_reached_where_no_comparison_alone_is():
    params = make_params(1, (16, 32))
    found = examine(params, noise=0.4, rearrange_points=0.35)["C3"]
    assert found.overall == "supported"
    assert found.counts["supported"] < len(rows_of(found, "comparison", "R")) / 2
    assert sum(found.counts.values()) == len(rows_of(found, "comparison", "R"))


def test_c1_adds_the_spread_of_training_seeds_to_that_of_the_images():
    params = replicated(make_params(1, (16,)), 3)
    table = make_results(params, software=SOFTWARE | {"cf": 89.5}).evaluation
    narrow = claims.examine(table, params, IMAGES).claims[0]
    moved = {"made-up-0-0": -1.0, "made-up-0-2": 1.0}
    own = table["experiment"].map(moved).fillna(0.0).where(table["scheme"] != "unpruned", 0.0)
    wide = claims.examine(
        table.assign(software_accuracy=table["software_accuracy"] + own), params, IMAGES
    ).claims[0]
    (first,), (second,) = rows_of(narrow, "overall"), rows_of(wide, "overall")
    assert first.effect == pytest.approx(second.effect)
    # Student's half-width of -1, 0, 1 is 2.48 points; the images' adds in squares.
    half = math.hypot((first.high - first.low) / 2, 4.302653 / math.sqrt(3))
    assert (second.high - second.low) / 2 == pytest.approx(half, rel=0.01)
    assert (narrow.overall, wide.overall) == ("supported", "undecided")
    assert rows_of(wide, "overall")[0].needed_seeds.endswith("training seeds")


def test_c1_says_how_many_images_would_decide_it():
    params = make_params(1, (16,))
    loss = SOFTWARE | {"cf": 88.5, "xcs": 88.5, "xrs": 88.5}
    claim = examine(params, {"shapes10": 500}, software=loss)["C1"]
    needed = int(claim.verdicts[0].needed_seeds.split()[0])
    # With that many the interval ends at the tolerance or below in about four of five test sets.
    draws = np.random.default_rng(0).binomial(needed, [[0.9], [0.885]], size=(2, 300)) / needed
    kept = [
        statistics.proportion_difference(first, second, (needed, needed), 0.95)[1] <= 0.02
        for first, second in draws.T
    ]
    assert np.mean(kept) == pytest.approx(0.8, abs=0.07)


def test_c5_needs_both_mitigations_and_a_rise_in_every_trained_network():
    found = examine(rearrange_points=2.0, wct_points=2.0, noise=0.05)["C5"]
    assert found.by_mitigation == {"R": "not supported", "WCT": "supported", "R+WCT": "supported"}
    assert found.overall == "not supported"
    assert conductance.decide([1.0, 2.0], "supported") == "supported"
    assert conductance.decide([1.0, -0.1], "supported") == "undecided"


@pytest.mark.parametrize(
    ("by_gain", "says"),
    [
        ({}, "does not depend on the gain mode here: supported with no gain, a gain per layer"),
        (
            {"none": 30.0},
            "depends on the gain mode: not supported with no gain; supported with a gain per layer",
        ),
    ],
)
def test_gain_modes_are_compared_for_c2(by_gain, says):
    table = make_results(PARAMS, noise=0.05).evaluation
    pruned = table["scheme"] != "unpruned"
    table["accuracy"] += table["gain"].map(by_gain).fillna(0.0).where(pruned, 0.0)
    report = claims.examine(table, PARAMS, IMAGES)
    assert [one.gain for one in report.conventions] == ["none", "layer", "tile", "column"]
    assert says in report.conventions_summary
    (chosen,) = [one for one in report.conventions if one.chosen]
    (overall,) = rows_of(report.claims[1], "overall")
    assert (chosen.gain, chosen.verdict, chosen.effect) == ("layer", overall.verdict, overall.effect)
    assert chosen.p_holm == overall.p_holm


def test_gain_modes_that_were_not_evaluated_are_not_spoken_of():
    table = make_results(PARAMS, noise=0.05).evaluation
    report = claims.examine(table[table["gain"] == "layer"], PARAMS, IMAGES)
    assert [one.gain for one in report.conventions] == ["layer"]
    assert "is not known here" in report.conventions_summary


def test_a_repeated_seed_is_no_second_training():
    """Claims and figures have one definition of trainings of one network."""
    params = replicated(make_params(1, (16,)), 2)
    tree = params.model_dump(mode="json")
    tree["experiments"]["again"] = tree["experiments"]["made-up-0-0"]
    params = parse(tree, "synthetic", Params)
    assert [group.experiments for group in groups_of(params)] == [
        {0: "made-up-0-0", 1: "made-up-0-1"},
        {0: "again"},
    ]
    table = pd.DataFrame({"experiment": list(params.experiments)})
    pooled = claims.Labels.of(params).pooled(table)
    assert pooled["experiment"].tolist() == ["made-up-0-0", "made-up-0-0", "again"]
    assert pooled["training_seed"].isna().tolist() == [False, False, True]
