"""Paired statistics over variation seeds: effects, intervals, p values and corrections for many comparisons.

Every comparison pairs two accuracies measured on the same disturbed devices, so what counts is the sample
of their differences, one per variation seed. With the usual five seeds the smallest two-sided p that an
exact sign-flip test can give is 2/32 = 0.06: no effect, however large, could pass at 5 %. The main test is
therefore the paired t test with its interval; a bootstrap interval and the exact sign-flip p stand beside
it as checks that lean on no normal distribution.

scipy does the tests and the bootstrap. It has neither Holm's correction nor Newcombe's interval, so these few lines are
here; statsmodels gives the same numbers, but takes a second to import and 70 MB of disk.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# Accuracies come from tables with nine digits, so differences below this (percent) are rounding.
RESOLUTION: Final = 1e-6
# Up to this many pairs every sign pattern is tried (4096 of them); beyond, patterns are drawn.
EXACT_PAIRS: Final = 12
# With fewer points a rank correlation can hardly differ from chance.
CORRELATION_POINTS: Final = 6


@dataclass(frozen=True)
class Effect:
    """The mean of paired differences and how far it can be trusted; ``None`` where the sample does not say.

    Attributes:
        effect: mean difference, in the unit of the sample.
        low, high: interval of the mean from Student's t.
        p: two-sided p value of the paired t test.
        n: number of pairs.
        bootstrap_low, bootstrap_high: BCa bootstrap interval of the mean.
        sign_flip_p: two-sided p value of the sign-flip permutation test (at least 2 / 2**n).
    """

    effect: float
    low: float | None
    high: float | None
    p: float | None
    n: int
    bootstrap_low: float | None
    bootstrap_high: float | None
    sign_flip_p: float | None


def paired_effect(
    differences: ArrayLike, confidence: float, *, resamples: int = 10_000, seed: int = 0
) -> Effect:
    """Test whether paired differences have a mean other than zero.

    One pair has an effect and nothing else. Where all differences are equal the variance is zero and
    Student's t does not exist: the interval is that one value, and p is that of the exact sign-flip test (1
    if the value is zero), which does not take the missing spread for certainty.

    Args:
        differences: after minus before, one per pair, any unit, shape (n,).
        confidence: level of the intervals, between 0 and 1.
        resamples: bootstrap resamples, and sign patterns where they are too many to try all.
        seed: of the resampling.

    Raises:
        ValueError: there are no differences, or one is not finite.
    """
    sample = np.asarray(differences, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError(f"differences must be a list of at least one finite number, not {differences!r}")
    mean = float(sample.mean())
    if sample.size == 1:
        return Effect(mean, None, None, None, 1, None, None, None)
    if float(np.ptp(sample)) <= RESOLUTION:
        p = 1.0 if abs(mean) <= RESOLUTION else 2.0 ** (1 - sample.size)
        return Effect(mean, mean, mean, p, sample.size, mean, mean, p)
    p = float(stats.ttest_1samp(sample, 0.0).pvalue)
    _, t_low, t_high = mean_interval(sample, confidence)
    low, high = bootstrap_mean([sample], confidence, resamples, seed)
    flips = sign_flip_test(sample, resamples, seed)
    return Effect(mean, t_low, t_high, p, sample.size, low, high, flips)


def bootstrap_mean(
    strata: Sequence[NDArray[np.float64]], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """BCa interval of the mean of the strata's means; the percentile interval where BCa does not exist.

    Args:
        strata: samples of which each is resampled by itself; one sample is the ordinary bootstrap.
        confidence: level of the interval.
        resamples: bootstrap resamples.
        seed: of the resampling.
    """

    def mean_of_means(*samples: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(sum(sample.mean(axis=axis) for sample in samples) / len(samples))

    return _bootstrap(tuple(strata), mean_of_means, confidence, resamples, seed)


def _bootstrap(
    samples: tuple[NDArray[np.float64], ...],
    statistic: Callable[..., Any],
    confidence: float,
    resamples: int,
    seed: int,
    *,
    paired: bool = False,
) -> tuple[float, float]:
    """BCa interval of a statistic of samples; the percentile interval where the correction does not exist."""
    found: Any = None
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            found = stats.bootstrap(
                samples,
                statistic,
                paired=paired,
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
    if (
        np.abs(part - value * whole).max() <= RESOLUTION
    ):  # the same ratio in every pair, and so in every resample
        return Ratio(value, value, value, part.size)

    def ratio(one: NDArray[np.float64], other: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(one.mean(axis=axis) / other.mean(axis=axis))

    low, high = _bootstrap((part, whole), ratio, confidence, resamples, seed, paired=True)
    return Ratio(value, low, high, part.size)


def sign_flip_test(sample: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Two-sided p of the mean when every difference could as well have had the other sign.

    Exact up to ``EXACT_PAIRS`` differences; beyond, ``resamples`` sign patterns are drawn.
    """
    found = stats.permutation_test(
        (sample,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if sample.size <= EXACT_PAIRS else resamples,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct the p values of one family after Holm (1979); ``None`` stays and does not count."""
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(tested):
        running = max(running, min(1.0, (len(tested) - rank) * p))
        corrected[index] = running
    return corrected


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
    low_1, high_1 = _wilson(first, counts[0], confidence)
    low_2, high_2 = _wilson(second, counts[1], confidence)
    difference = first - second
    low = difference - math.hypot(first - low_1, high_2 - second)
    high = difference + math.hypot(high_1 - first, second - low_2)
    return low, high


def _wilson(share: float, count: int, confidence: float) -> tuple[float, float]:
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (centre - spread) / scale, (centre + spread) / scale


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


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of ``n`` points, two-sided permutation p; ``None`` where undefined."""

    rho: float | None
    p: float | None
    n: int


def rank_correlation(x: ArrayLike, y: ArrayLike, *, resamples: int = 10_000, seed: int = 0) -> Correlation:
    """Do ``x`` and ``y`` rise together? Spearman's rho, tested by shuffling one against the other.

    Args:
        x, y: paired values, shape (n,).
        resamples: shuffles, where there are more orders than that; all orders otherwise.
        seed: of the shuffles.

    Returns:
        No correlation (``None``) below ``CORRELATION_POINTS`` points, or where x or y is constant.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"x and y must be lists of one length, not of shapes {first.shape} and {second.shape}"
        )
    if first.size < CORRELATION_POINTS or np.ptp(first) <= RESOLUTION or np.ptp(second) <= RESOLUTION:
        return Correlation(None, None, first.size)
    ranks, fixed = stats.rankdata(first), stats.rankdata(second)
    fixed = (fixed - fixed.mean()) / (fixed.std() * fixed.size)

    def rho(shuffled: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        scaled = (shuffled - ranks.mean()) / ranks.std()
        return np.asarray((scaled * fixed).sum(axis=axis))

    test = stats.permutation_test(
        (ranks,),
        rho,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return Correlation(float(test.statistic), float(test.pvalue), first.size)


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
