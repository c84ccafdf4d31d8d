"""Verdicts on invented tables whose truth is known: each claim supported, not supported and undecided."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from synthetic_results import LOSSES, SOFTWARE, make_params, make_results

from xbarpaper import claims, files, results
from xbarpaper.claims import conductance, judging, savings
from xbarpaper.statistics import Effect, paired_effect

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
    assert judging.judge(effect, p_holm, 0.95) == expected


@pytest.mark.parametrize(
    ("rate", "least", "most", "expected"),
    [
        (2, -1, 1, "supported"),
        (2, 3, 4, "not supported"),
        (2, 1, 3, "undecided"),
        (1, -1, 1, "not supported"),
    ],
)
def test_rule_of_savings(rate, least, most, expected):
    assert savings.decide(rate, least, most, tolerance=2.0) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["supported"] * 3, "supported"),
        (["not supported", "undecided"], "not supported"),
        (["supported", "not supported"], "undecided"),
        (["undecided"] * 2, "undecided"),
        ([], "undecided"),
    ],
)
def test_overall_rule(verdicts, expected):
    assert judging.overall(verdicts) == expected


def test_holm_families_are_the_comparisons_of_one_mitigation():
    sample = [Effect(1.0, 0.5, 1.5, p, 5, None, None, None) for p in (0.01, 0.02, 0.03)]
    assert judging.corrected(sample, ["R", "WCT", "R"]) == pytest.approx([0.02, 0.02, 0.03])


def test_files_are_stable_finite_and_say_the_same(tmp_path):
    params = make_params(2, (16, 32))
    tables = make_results(params)
    report = claims.examine(tables.evaluation, params, IMAGES)
    first = [path.read_bytes() for path in report.write(tmp_path / "first")]
    shuffled = results.sort(
        tables.evaluation.sample(frac=1, random_state=1),
        ["experiment", "scheme", "crossbar_size", "mitigation", "effects", "gain", "seed"],
        list(params.experiments),
    )
    ordered = results.sort(
        tables.evaluation,
        ["experiment", "scheme", "crossbar_size", "mitigation", "effects", "gain", "seed"],
        list(params.experiments),
    )
    pd.testing.assert_frame_equal(shuffled, ordered)
    again = [
        path.read_bytes()
        for path in claims.examine(tables.evaluation, params, IMAGES).write(tmp_path / "again")
    ]
    assert first == again
    text = json.loads(first[0], parse_constant=lambda name: pytest.fail(f"{name} in claims.json"))
    table = files.read_table(tmp_path / "first" / "claims.csv")
    verdicts = [verdict for claim in text["claims"] for verdict in claim["verdicts"]]
    assert [claim["id"] for claim in text["claims"]] == ["C1", "C2", "C3", "C4", "C5"]
    assert [verdict["verdict"] for verdict in verdicts] == list(table["verdict"])
    assert table["effect"].tolist() == pytest.approx([verdict["effect"] for verdict in verdicts])
    assert {"paired", "overall", "C1", "C5"} <= set(text["rules"])


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
    assert "5 seeds" in verdict.summary


def test_a_single_seed_is_undecided_without_an_interval():
    table = make_results(PARAMS, rearrange_points=5.0).evaluation
    table = table[table["seed"].isna() | (table["seed"] == 0)]
    claim = claims.examine(table, PARAMS, IMAGES).claims[2]
    assert outcomes(claim, "R") == {"undecided"}
    assert claim.verdicts[0].low is None
    assert "no interval" in claim.verdicts[0].summary


def test_sizes_of_test_sets():
    assert claims.images_per_test_set(make_results(PARAMS).software) == {"shapes10": 2000}


def test_no_number_is_not_a_number():
    verdicts = [verdict for claim in examine(noise=0.0).values() for verdict in claim.verdicts]
    numbers = [
        value for verdict in verdicts for value in (verdict.effect, verdict.low, verdict.high, verdict.p)
    ]
    assert not any(value is not None and math.isnan(value) for value in numbers)
