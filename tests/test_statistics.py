"""Statistics against scipy, hand-computed cases, and what must hold for any sample."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from xbarpaper.support import statistics

samples = st.lists(st.integers(-400, 400), min_size=2, max_size=8).map(lambda values: np.array(values) / 8)


def test_interval_by_hand() -> None:
    # Mean 2, standard deviation 1, n = 4: half-width t(3, 0.975) / 2 with t = 3.1824463.
    half = 3.1824463052842638 * math.sqrt(4 / 3) / 2
    assert statistics.mean_interval([1.0, 1.0, 3.0, 3.0], 0.95) == pytest.approx((2, 2 - half, 2 + half))
    assert statistics.mean_interval([1.5], 0.95) == (1.5, None, None)
    assert statistics.mean_interval([2.0, 2.0], 0.95) == (2.0, 2.0, 2.0)


@given(samples, st.integers(-80, 80).map(lambda value: value / 8))
def test_intervals_move_with_the_sample_and_turn_with_its_sign(sample, shift: float) -> None:
    mean, low, high = statistics.mean_interval(sample, 0.95)
    assert low <= mean + 1e-9
    assert mean <= high + 1e-9
    moved = statistics.mean_interval(shift - sample, 0.95)
    assert moved == pytest.approx((shift - mean, shift - high, shift - low), abs=1e-9)


def test_proportion_difference_equals_newcombes_published_example() -> None:
    # Newcombe (1998), table II, first column, method 10: 56/70 against 48/80.
    low, high = statistics.proportion_difference(56 / 70, 48 / 80, (70, 80), 0.95)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(st.integers(0, 50), st.integers(0, 50))
def test_proportion_difference_is_antisymmetric_and_covers_the_difference(first: int, second: float) -> None:
    low, high = statistics.proportion_difference(first / 50, second / 50, (50, 50), 0.9)
    mirrored = statistics.proportion_difference(second / 50, first / 50, (50, 50), 0.9)
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high))
    assert low - 1e-12 <= (first - second) / 50 <= high + 1e-12
    assert low >= -1 - 1e-12
    assert high <= 1 + 1e-12


@pytest.mark.parametrize(("first", "counts"), [(1.2, (10, 10)), (-0.1, (10, 10)), (0.5, (0, 10))])
def test_proportions_that_are_none_are_refused(first: int, counts) -> None:
    with pytest.raises(ValueError, match="shares must be"):
        statistics.proportion_difference(first, 0.5, counts, 0.95)


def test_rank_correlation_is_that_of_the_ranks() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=12)
    y = x + random.normal(size=12)
    ranks = [stats.rankdata(values) for values in (x, np.exp(y))]
    assert statistics.spearman(x, np.exp(y)) == pytest.approx(np.corrcoef(*ranks)[0, 1])


@pytest.mark.parametrize(("x", "y"), [(range(5), range(5)), ([1] * 8, range(8)), (range(8), [2.0] * 8)])
def test_rank_correlation_is_not_claimed_where_it_says_nothing(x: Tensor, y) -> None:
    assert statistics.spearman(list(x), list(y)) is None


def test_intervals_of_a_table_keep_its_order_and_missing_groups() -> None:
    table = pd.DataFrame(
        {"scheme": ["xrs", "xrs", "cf", "cf"], "size": [None, None, 16, 32], "accuracy": [1.0, 3.0, 5.0, 7.0]}
    )
    found = statistics.intervals(table, ["scheme", "size"], "accuracy", 0.95)
    assert list(found["scheme"]) == ["xrs", "cf", "cf"]
    assert list(found["mean"]) == [2.0, 5.0, 7.0]
    assert found["low"].isna().tolist() == [False, True, True]
    assert list(found["n"]) == [2, 1, 1]


def test_ratio_of_means_is_bracketed_and_pairs_stay_together() -> None:
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


def test_ratio_of_means_covers_the_truth() -> None:
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
def test_ratio_of_means_says_nothing_where_nothing_is_known(parts: int, wholes, value: float) -> None:
    found = statistics.ratio_of_means(parts, wholes, 0.95)
    assert (found.value, found.low, found.high) == (value, None, None)


@pytest.mark.parametrize(("parts", "wholes"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0])])
def test_ratio_of_means_refuses_what_it_cannot_pair(parts: int, wholes) -> None:
    with pytest.raises(ValueError, match="one length"):
        statistics.ratio_of_means(parts, wholes, 0.95)
