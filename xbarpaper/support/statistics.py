"""Intervals of means, of ratios and of differences of shares, and rank correlation: scipy, with guards.

Every comparison pairs two accuracies measured on the same disturbed devices, so what counts is the sample of their
differences. Which of them decide a verdict, and how they are corrected for being many, is in ``claims``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# Accuracies come from tables with nine digits, so differences below this (percent) are rounding.
RESOLUTION: Final = 1e-6
# With fewer points a rank correlation can hardly differ from chance.
CORRELATION_POINTS: Final = 6


def _resampled(
    part: NDArray[np.float64], whole: NDArray[np.float64], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """BCa interval of a ratio of means, pairs kept; the percentile interval where the correction does not exist."""

    def ratio(one: NDArray[np.float64], other: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(one.mean(axis=axis) / other.mean(axis=axis))

    found: Any = None
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            found = stats.bootstrap(
                (part, whole),
                ratio,
                paired=True,
                vectorized=True,
                n_resamples=resamples,
                confidence_level=confidence,
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if np.isfinite([found.low, found.high]).all():
            break
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Ratio:
    """A ratio of means over ``n`` pairs, with its bootstrap interval; ``None`` where the sample does not say."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def ratio_of_means(
    parts: ArrayLike, wholes: ArrayLike, confidence: float, *, resamples: int = 10_000, seed: int = 0
) -> Ratio:
    """The mean of ``parts`` over the mean of ``wholes``, paired; the pairs are resampled together.

    The ratio of the means, not the mean of the ratios: one pair with a whole near zero would decide the latter.

    Args:
        parts, wholes: one each per pair, in one unit, shape (n,).
        confidence: level of the interval, between 0 and 1.
        resamples: of the bootstrap.
        seed: of the resampling.

    Returns:
        No value where the wholes have no positive mean; no interval for a single pair, or where a resample of the
        wholes could have none.

    Raises:
        ValueError: the two differ in length, are empty, or hold a number that is not finite.
    """
    part, whole = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if part.shape != whole.shape or part.ndim != 1 or part.size == 0 or not np.isfinite([part, whole]).all():
        raise ValueError("parts and wholes must be lists of one length of at least one finite number")
    if whole.mean() <= RESOLUTION:
        return Ratio(None, None, None, part.size)
    value = float(part.mean() / whole.mean())
    if part.size == 1 or whole.min() <= RESOLUTION:
        return Ratio(value, None, None, part.size)
    # The same ratio in every pair is the same in every resample.
    if np.abs(part - value * whole).max() <= RESOLUTION:
        return Ratio(value, value, value, part.size)
    return Ratio(value, *_resampled(part, whole, confidence, resamples, seed), part.size)


def proportion_difference(
    first: float, second: float, counts: tuple[int, int], confidence: float
) -> tuple[float, float]:
    """Interval of ``first - second``, two shares of independent images (Newcombe 1998, method 10).

    Networks tested on the same images agree more than independent draws would, so for them the interval is
    wider than it need be, never narrower.

    Args:
        first, second: shares between 0 and 1.
        counts: images behind each share.
        confidence: level of the interval.

    Raises:
        ValueError: a share is outside 0 to 1, or a count below 1.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1 and min(counts) >= 1):
        raise ValueError(f"shares must be in 0..1 and counts at least 1, not {first}, {second}, {counts}")
    (low_1, high_1), (low_2, high_2) = (
        stats.binomtest(round(share * count), count).proportion_ci(confidence, method="wilson")
        for share, count in zip((first, second), counts, strict=True)
    )
    difference = first - second
    low = difference - math.hypot(first - low_1, high_2 - second)
    high = difference + math.hypot(high_1 - first, second - low_2)
    return low, high


def mean_interval(values: ArrayLike, confidence: float) -> tuple[float, float | None, float | None]:
    """Mean of a sample and the interval of the mean from Student's t (no interval for a single value)."""
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if sample.size < 2:
        return mean, None, None
    if float(np.ptp(sample)) <= RESOLUTION:
        return mean, mean, mean
    found = stats.ttest_1samp(sample, 0.0).confidence_interval(confidence)
    return mean, float(found.low), float(found.high)


def spearman(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's rank correlation; ``None`` below ``CORRELATION_POINTS`` points, or where x or y is constant."""
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.size < CORRELATION_POINTS or np.ptp(first) <= RESOLUTION or np.ptp(second) <= RESOLUTION:
        return None
    return float(stats.spearmanr(first, second).statistic)


def intervals(table: pd.DataFrame, by: Sequence[str], value: str, confidence: float) -> pd.DataFrame:
    """Mean of ``value`` over the rows of each group, with its interval.

    Args:
        table: a tidy table.
        by: columns that make a group; a missing value is a group too.
        value: the column that is averaged.
        confidence: level of the interval.

    Returns:
        A row per group in the table's order: ``by``, ``mean``, ``low``, ``high`` (NaN for a single row),
        ``n``.
    """
    rows = []
    for key, group in table.groupby(list(by), sort=False, dropna=False):
        mean, low, high = mean_interval(group[value], confidence)
        rows.append([*key, mean, low, high, len(group)])
    result = pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n"])
    return result.astype({"mean": float, "low": float, "high": float, "n": int})
