"""Statistics against scipy, hand-computed cases, and what must hold for any sample."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xbarpaper.support import statistics

FEW = 100  # resamples: these tests are of the arithmetic, not of the bootstrap's precision

samples = st.lists(st.integers(-400, 400), min_size=2, max_size=8).map(lambda values: np.array(values) / 8)


def effect(sample, confidence=0.95):
    return statistics.paired_effect(sample, confidence, resamples=FEW)


def test_paired_effect_equals_scipys_paired_t_test():
    after, before = np.array([81.2, 80.4, 82.0, 81.1, 80.8]), np.array([80.1, 80.2, 80.6, 80.9, 79.9])
    found = effect(after - before)
    expected = stats.ttest_rel(after, before)
    interval = expected.confidence_interval(0.95)
    assert (found.effect, found.p) == pytest.approx(((after - before).mean(), expected.pvalue))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.n == 5


def test_interval_by_hand():
    # Mean 2, standard deviation 1, n = 4: half-width t(3, 0.975) / 2 with t = 3.1824463.
    found = effect([1.0, 1.0, 3.0, 3.0] * np.array(1.0))
    half = 3.1824463052842638 * math.sqrt(4 / 3) / 2
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))


@pytest.mark.parametrize(("count", "smallest"), [(2, 0.5), (3, 0.25), (5, 0.0625), (8, 2 / 256)])
def test_sign_flip_p_of_a_one_sided_sample_is_its_smallest(count, smallest):
    assert effect(np.arange(1, count + 1)).sign_flip_p == pytest.approx(smallest)


def test_sign_flip_p_by_enumeration():
    sample = np.array([0.5, -0.25, 1.0, 0.75])
    signs = np.array(np.meshgrid(*[[1, -1]] * 4)).reshape(4, -1)
    means = (signs * sample[:, None]).mean(axis=0)
    expected = 2 * min((means >= sample.mean() - 1e-12).mean(), (means <= sample.mean() + 1e-12).mean())
    assert effect(sample).sign_flip_p == pytest.approx(expected)


@given(samples, st.integers(-80, 80).map(lambda value: value / 8))
def test_intervals_move_with_the_sample(sample, shift):
    first, second = effect(sample), effect(sample + shift)
    names = ("effect", "low", "high", "bootstrap_low", "bootstrap_high")
    for name in names:
        assert getattr(second, name) == pytest.approx(getattr(first, name) + shift, abs=1e-6)


@given(samples)
def test_the_other_sign_gives_the_mirrored_effect(sample):
    first, second = effect(sample), effect(-sample)
    assert (second.effect, second.low, second.high) == pytest.approx((-first.effect, -first.high, -first.low))
    assert second.p == pytest.approx(first.p)
    assert second.sign_flip_p == pytest.approx(first.sign_flip_p)


@given(samples)
def test_every_number_is_finite_and_ordered(sample):
    found = effect(sample)
    assert np.isfinite([found.effect, found.low, found.high, found.p, found.sign_flip_p]).all()
    assert found.low <= found.effect + 1e-9
    assert found.effect <= found.high + 1e-9
    assert found.bootstrap_low <= found.bootstrap_high
    assert 0 <= found.p <= 1


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.05, 0.0625), (-0.05, 0.0625)])
def test_equal_differences_give_no_false_certainty(value, p):
    found = effect([value] * 5)
    assert (found.effect, found.low, found.high) == pytest.approx((value,) * 3)
    assert found.p == found.sign_flip_p == p


def test_one_pair_has_an_effect_and_nothing_else():
    assert effect([1.5]) == statistics.Effect(1.5, None, None, None, 1, None, None, None)


@pytest.mark.parametrize("sample", [[], [math.nan, 1.0], [math.inf, 1.0], [[1.0, 2.0]]])
def test_samples_without_a_mean_are_refused(sample):
    with pytest.raises(ValueError, match="differences must be"):
        effect(sample)


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04 times 3, 2, 1, made monotone.
    assert statistics.holm([0.04, None, 0.01, 0.03]) == pytest.approx([0.06, None, 0.03, 0.06])
    assert statistics.holm([0.6, 0.9]) == [1.0, 1.0]
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_raw_p_and_bonferronis(values):
    for raw, corrected in zip(values, statistics.holm(values), strict=True):
        assert raw <= corrected <= min(1.0, len(values) * raw) + 1e-12


def test_proportion_difference_equals_newcombes_published_example():
    # Newcombe (1998), table II, first column, method 10: 56/70 against 48/80.
    low, high = statistics.proportion_difference(56 / 70, 48 / 80, (70, 80), 0.95)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(st.integers(0, 50), st.integers(0, 50))
def test_proportion_difference_is_antisymmetric_and_covers_the_difference(first, second):
    low, high = statistics.proportion_difference(first / 50, second / 50, (50, 50), 0.9)
    mirrored = statistics.proportion_difference(second / 50, first / 50, (50, 50), 0.9)
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high))
    assert low - 1e-12 <= (first - second) / 50 <= high + 1e-12
    assert low >= -1 - 1e-12
    assert high <= 1 + 1e-12


@pytest.mark.parametrize(("first", "counts"), [(1.2, (10, 10)), (-0.1, (10, 10)), (0.5, (0, 10))])
def test_proportions_that_are_none_are_refused(first, counts):
    with pytest.raises(ValueError, match="shares must be"):
        statistics.proportion_difference(first, 0.5, counts, 0.95)


def test_rank_correlation_equals_scipys():
    random = np.random.default_rng(0)
    x = random.normal(size=12)
    y = x + random.normal(size=12)
    found = statistics.rank_correlation(x, y, resamples=2000)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.p == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.03)  # permutation against Student's t


@pytest.mark.parametrize(("x", "y"), [(range(5), range(5)), ([1] * 8, range(8)), (range(8), [2.0] * 8)])
def test_rank_correlation_is_not_claimed_where_it_says_nothing(x, y):
    assert statistics.rank_correlation(list(x), list(y)).rho is None


def test_intervals_of_a_table_keep_its_order_and_missing_groups():
    table = pd.DataFrame(
        {"scheme": ["xrs", "xrs", "cf", "cf"], "size": [None, None, 16, 32], "accuracy": [1.0, 3.0, 5.0, 7.0]}
    )
    found = statistics.intervals(table, ["scheme", "size"], "accuracy", 0.95)
    assert list(found["scheme"]) == ["xrs", "cf", "cf"]
    assert list(found["mean"]) == [2.0, 5.0, 7.0]
    assert found["low"].isna().tolist() == [False, True, True]
    assert list(found["n"]) == [2, 1, 1]


def test_ratio_of_means_is_bracketed_and_pairs_stay_together():
    random = np.random.default_rng(0)
    wholes = random.normal(10, 2, 10)
    found = statistics.ratio_of_means(0.8 * wholes, wholes, 0.95)
    # Every pair has the same ratio, so resampling the pairs together cannot move it.
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == (pytest.approx(0.8), pytest.approx(0.8))
    parts = 0.8 * wholes + random.normal(0, 0.5, 10)
    found = statistics.ratio_of_means(parts, wholes, 0.95)
    assert found.value == pytest.approx(parts.mean() / wholes.mean())
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.2
    assert found == statistics.ratio_of_means(parts, wholes, 0.95)


def test_ratio_of_means_covers_the_truth():
    """Of 95 % intervals from ten pairs about nine in ten hold the truth; percentiles of ten are a little narrow."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        wholes = random.normal(10, 1, 10)
        parts = 0.5 * wholes + random.normal(0, 1, 10)
        found = statistics.ratio_of_means(parts, wholes, 0.95, resamples=500)
        held += found.low <= 0.5 <= found.high
    assert held >= 85


@pytest.mark.parametrize(
    ("parts", "wholes", "value"),
    [([1.0, 2.0], [0.0, 0.0], None), ([1.0, 2.0], [-1.0, -1.0], None), ([1.0], [4.0], 0.25), ([1, 2], [5, 0], 0.6)],
)  # fmt: skip
def test_ratio_of_means_says_nothing_where_nothing_is_known(parts, wholes, value):
    found = statistics.ratio_of_means(parts, wholes, 0.95)
    assert (found.value, found.low, found.high) == (value, None, None)


@pytest.mark.parametrize(("parts", "wholes"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0])])
def test_ratio_of_means_refuses_what_it_cannot_pair(parts, wholes):
    with pytest.raises(ValueError, match="one length"):
        statistics.ratio_of_means(parts, wholes, 0.95)
