"""Tests over training and variation seeds: simulated truth, scipy's distributions, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xbarpaper.claims import replicates
from xbarpaper.claims.replicates import Replicates
from xbarpaper.params import Claims
from xbarpaper.support.statistics import paired_effect

SETTINGS = Claims(confidence=0.95, bootstrap_resamples=400, seed=0, software_tolerance_points=2.0)
TRUTH = 0.7
RUNS = 500
# Three standard errors of a share near 0.95 over that many runs.
BAND = 3 * (0.05 * 0.95 / RUNS) ** 0.5


def matrix(values, training=None, variation=None):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    training = tuple(range(values.shape[0])) if training is None else training
    variation = tuple(range(values.shape[1])) if variation is None else variation
    return Replicates(values, training, variation)


def simulated(random, networks, seeds, *, between=1.0, within=1.0, shared=0.0, truth=TRUTH):
    """Differences with a spread between trainings, one between devices, and one that all trainings share."""
    return (
        truth
        + between * random.normal(size=(networks, 1))
        + within * random.normal(size=(networks, seeds))
        + shared * random.normal(size=(1, seeds))
    )


@pytest.mark.parametrize(
    ("networks", "between", "shared"), [(3, 1.0, 0.0), (3, 0.2, 0.0), (5, 1.0, 0.0), (1, 0.0, 1.0)]
)
def test_interval_of_a_level_covers_the_truth_as_often_as_it_says(networks, between, shared):
    random = np.random.default_rng(7)
    quick = SETTINGS.model_copy(update={"bootstrap_resamples": 10})
    covered = 0
    for _ in range(RUNS):
        values = simulated(random, networks, 5, between=between, shared=shared)
        effect = replicates.level_effect(matrix(values), quick).effect
        covered += effect.low <= TRUTH <= effect.high
    assert covered / RUNS == pytest.approx(0.95, abs=BAND)


@pytest.mark.parametrize(
    ("networks", "within", "least", "most"),
    [(3, 0.2, 0.65, 0.82), (3, 1.0, 0.75, 0.92), (10, 0.2, 0.86, 0.95), (25, 0.2, 0.91, 0.97)],
)
def test_hierarchical_bootstrap_covers_less_with_few_training_seeds(networks, within, least, most):
    """Why Student's interval decides: three values resampled cover about 3 of 4 times."""
    random = np.random.default_rng(3)
    covered = 0
    for run in range(400):
        values = simulated(random, networks, 5, within=within)
        low, high = replicates.hierarchical_interval(values, 0.95, resamples=400, seed=run)
        covered += low <= TRUTH <= high
    assert least <= covered / 400 <= most


def test_hierarchical_bootstrap_has_the_spread_of_both_kinds_of_seeds():
    """By hand: all training seeds alike leaves devices only, all devices alike leaves training seeds only."""
    row, column = np.array([[1.0, 2.0, 4.0, 9.0]]), np.array([[1.0], [2.0], [9.0]])
    for values, sample in ((row.repeat(3, axis=0), row.ravel()), (column.repeat(4, axis=1), column.ravel())):
        low, high = replicates.hierarchical_interval(values, 0.9, resamples=40_000, seed=1)
        draws = np.random.default_rng(2).choice(sample, size=(40_000, sample.size)).mean(axis=1)
        assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])), abs=0.26)


def test_level_is_student_over_training_seeds_from_three_on_and_over_devices_below():
    random = np.random.default_rng(0)
    for networks, axis, inference in (
        (1, 0, "variation seed"),
        (2, 0, "variation seed"),
        (3, 1, "training seed"),
    ):
        values = simulated(random, networks, 5)
        found = replicates.level_effect(matrix(values), SETTINGS)
        expected = stats.ttest_1samp(values.mean(axis=axis), 0)
        interval = expected.confidence_interval(0.95)
        assert found.inference == inference
        assert found.effect.p == pytest.approx(expected.pvalue)
        assert (found.effect.low, found.effect.high) == pytest.approx((interval.low, interval.high))


def test_null_is_rejected_as_often_as_the_level_says():
    """Effects of many comparisons that share their seeds: averaged first, the test keeps its level."""
    random = np.random.default_rng(11)
    averaged_first, pooled = 0, 0
    for _ in range(RUNS):
        shared = random.normal(size=(1, 5))
        members = [shared + 0.3 * random.normal(size=(1, 5)) for _ in range(8)]
        joined = replicates.averaged([matrix(member) for member in members]).values
        averaged_first += stats.ttest_1samp(joined.mean(axis=0), 0).pvalue < 0.05
        pooled += stats.ttest_1samp(np.concatenate(members, axis=None), 0).pvalue < 0.05
    assert averaged_first / RUNS == pytest.approx(0.05, abs=BAND)
    assert pooled / RUNS > 0.3  # what averaging first protects from


def test_fixed_strata_test_keeps_its_level_and_ignores_the_spread_between_networks():
    random = np.random.default_rng(5)
    means = np.array([[-1.0], [0.0], [1.0]])
    rejected = 0
    for _ in range(400):
        values = means + random.normal(size=(3, 5))
        found = replicates.comparison_effect(
            matrix(values), SETTINGS.model_copy(update={"bootstrap_resamples": 10})
        )
        rejected += found.effect.p < 0.05
    assert rejected / 400 == pytest.approx(0.05, abs=0.033)


def test_fixed_strata_by_hand():
    # Residuals -1, 0, 1 in each of two networks: pooled variance 4 / 4 = 1, standard error 1 / sqrt(6).
    found = replicates.comparison_effect(matrix([[0, 1, 2], [4, 5, 6]]), SETTINGS)
    assert found.effect.effect == 3
    half = stats.t.ppf(0.975, 4) / np.sqrt(6)
    assert (found.effect.low, found.effect.high) == pytest.approx((3 - half, 3 + half))
    assert found.effect.p == pytest.approx(2 * stats.t.sf(3 * np.sqrt(6), 4))
    assert (found.effect.n, found.strata, found.every_network) == (6, 2, True)
    # Averaged over networks first: 2, 3, 4.
    assert found.pooled_p == pytest.approx(stats.ttest_1samp([2, 3, 4], 0).pvalue)
    assert not replicates.comparison_effect(matrix([[0, 1, 2], [-4, -5, -6]]), SETTINGS).every_network


def test_one_network_is_the_paired_test():
    sample = np.array([0.5, 1.0, -0.25, 0.75, 2.0])
    assert replicates.comparison_effect(matrix(sample), SETTINGS).effect == paired_effect(
        sample, 0.95, resamples=400
    )


def test_single_devices_and_equal_differences_give_no_false_certainty():
    alone = replicates.comparison_effect(matrix([[1.0], [2.0]]), SETTINGS).effect
    assert (alone.effect, alone.low, alone.p) == (1.5, None, None)
    equal = replicates.comparison_effect(matrix([[1.0, 1.0], [2.0, 2.0]]), SETTINGS).effect
    assert equal.p == pytest.approx(2 / 2**4)


def test_averaging_keeps_replicates_apart_where_networks_share_them():
    first, second = matrix([[1, 2], [3, 4]]), matrix([[3, 4], [5, 6]])
    found = replicates.averaged([first, second])
    assert found.values.tolist() == [[2, 3], [4, 5]]
    assert found.training_seeds == (0, 1)
    other = replicates.averaged([first, matrix([[10, 20]])])
    assert other.values.tolist() == [[6, 11.5]]
    assert (other.training_seeds, other.inference) == ((), "variation seed")
    fewer = replicates.averaged([first, matrix([[1, 7, 7]] * 2, variation=(5, 1, 0))])
    assert fewer.values.tolist() == [[4, 4.5], [5, 5.5]]
    with pytest.raises(ValueError, match="nothing to average"):
        replicates.averaged([])


@pytest.mark.parametrize(
    ("seeds", "ratio", "alpha"), [(5, 1.0, 0.05), (9, 0.8, 0.05), (12, 1.2, 0.01), (30, 0.2, 0.05)]
)
def test_power_equals_the_noncentral_t_and_a_simulation(seeds, ratio, alpha):
    found = replicates.power(ratio, 1.0, seeds, alpha)
    limit, centre = stats.t.ppf(1 - alpha / 2, seeds - 1), ratio * np.sqrt(seeds)
    exact = stats.nct.sf(limit, seeds - 1, centre) + stats.nct.cdf(-limit, seeds - 1, centre)
    assert found == pytest.approx(exact, abs=1e-3)
    draws = np.random.default_rng(1).normal(ratio, 1.0, size=(20_000, seeds))
    assert found == pytest.approx((stats.ttest_1samp(draws, 0, axis=1).pvalue < alpha).mean(), abs=0.012)


def test_power_of_strata_by_simulation():
    found = replicates.power(0.6, 1.0, 4, 0.05, strata=3)
    random = np.random.default_rng(4)
    draws = 0.6 + random.normal(size=(20_000, 3, 4))
    error = np.sqrt(draws.var(axis=2, ddof=1).mean(axis=1) / 12)
    rejected = np.abs(draws.mean(axis=(1, 2))) / error > stats.t.ppf(0.975, 9)
    assert found == pytest.approx(rejected.mean(), abs=0.012)


@pytest.mark.parametrize(("effect", "spread"), [(1.0, 1.0), (-1.0, 1.0), (0.3, 1.0), (2.0, 0.5)])
def test_seeds_needed_are_the_fewest_that_reach_the_power(effect, spread):
    needed = replicates.seeds_needed(effect, spread, 0.05)
    assert replicates.power(effect, spread, needed, 0.05) >= 0.8
    assert needed == 2 or replicates.power(effect, spread, needed - 1, 0.05) < 0.8


def test_seeds_needed_where_there_is_no_number():
    assert replicates.seeds_needed(1.0, 1.0, 0.05) == 10  # tables of the paired t test: 10
    assert replicates.seeds_needed(0.0, 1.0, 0.05) is None
    assert replicates.seeds_needed(0.01, 1.0, 0.05) is None
    # Without spread the sign-flip test's smallest p decides: 2 / 2**6 < 0.05 < 2 / 2**5.
    assert replicates.seeds_needed(1.0, 0.0, 0.05) == 6
