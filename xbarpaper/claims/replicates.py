"""Paired differences over two kinds of seeds: training seeds (networks) and variation seeds (devices).

Every trained network meets the same disturbed devices, so the differences of a comparison form a matrix,
training seeds x variation seeds. A single comparison takes its networks as fixed strata. The levels above it
average all their comparisons within each replicate first, because one seed disturbs all comparisons alike,
and then test over replicates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from xbarpaper.params import Claims
from xbarpaper.support.statistics import RESOLUTION, Effect, bootstrap_mean, paired_effect, sign_flip_test

Inference = Literal["training seed", "variation seed"]

# From so many training seeds on, verdicts above single comparisons speak of other trainings too.
TRAINING_SEEDS: Final = 3
POWER: Final = 0.8
# A number of seeds that nobody will run; beyond it the answer is "more than".
MOST_SEEDS: Final = 1000
# Of the estimated spread, in the power of a test.
QUANTILES: Final = 2000


@dataclass(frozen=True)
class Replicates:
    """Differences of one comparison, or averaged over several.

    Attributes:
        values: after minus before, points, shape (training seeds, variation seeds).
        training_seeds: of the rows; empty where rows of different networks were averaged into one.
        variation_seeds: of the columns.
    """

    values: NDArray[np.float64]
    training_seeds: tuple[int, ...]
    variation_seeds: tuple[int, ...]

    @property
    def inference(self) -> Inference:
        """What a level is tested over."""
        return "training seed" if len(self.training_seeds) >= TRAINING_SEEDS else "variation seed"


@dataclass(frozen=True)
class Tested:
    """An effect with what a verdict needs besides it.

    Attributes:
        effect: mean, intervals and p values.
        inference: the seeds that the test is over.
        spread: standard deviation from one of these seeds to the next.
        strata: trained networks that are tested side by side, each with its own mean.
        every_network: whether every trained network shows the claimed (positive) sign.
        pooled_p: p if variation seeds are averaged over the networks first, where networks are strata.
    """

    effect: Effect
    inference: Inference
    spread: float
    strata: int
    every_network: bool
    pooled_p: float | None = None


def averaged(members: Sequence[Replicates]) -> Replicates:
    """The mean over comparisons within each replicate.

    Comparisons of networks with the same training seeds keep them; otherwise each is averaged over its own
    first, and only the variation seeds, which all share, are told apart.

    Raises:
        ValueError: there are no members, or no variation seed is common to all.
    """
    shared = set.intersection(*(set(member.variation_seeds) for member in members)) if members else set()
    if not shared:
        raise ValueError("nothing to average: no comparisons, or none of their variation seeds in common")
    seeds = tuple(sorted(shared))
    chosen = [member.values[:, [member.variation_seeds.index(seed) for seed in seeds]] for member in members]
    trained = {member.training_seeds for member in members}
    if len(trained) == 1:
        return Replicates(np.mean(chosen, axis=0), trained.pop(), seeds)
    means = [values.mean(axis=0, keepdims=True) for values in chosen]
    return Replicates(np.mean(means, axis=0), (), seeds)


def level_effect(replicates: Replicates, settings: Claims) -> Tested:
    """Test the mean over replicates: over training seeds where there are enough, else over variation seeds.

    Student's interval and p take the mean of each replicate as one value. The bootstrap interval is BCa over
    variation seeds, and hierarchical over training seeds.
    """
    values = replicates.values
    over_training = replicates.inference == "training seed"
    sample = values.mean(axis=1 if over_training else 0)
    effect = _paired(sample, settings)
    if over_training:
        low, high = hierarchical_interval(
            values, settings.confidence, resamples=settings.bootstrap_resamples, seed=settings.seed
        )
        effect = replace(effect, bootstrap_low=low, bootstrap_high=high)
    signs = bool((values.mean(axis=1) > RESOLUTION).all())
    return Tested(effect, replicates.inference, _spread(sample), 1, signs)


def comparison_effect(replicates: Replicates, settings: Claims) -> Tested:
    """Test one comparison with its trained networks as fixed strata, each with a mean of its own.

    The standard error comes from the spread over variation seeds within the networks, pooled, with
    T (S - 1) degrees of freedom for T networks and S variation seeds. One network gives the paired t test.
    """
    values = replicates.values
    networks, seeds = values.shape
    signs = bool((values.mean(axis=1) > RESOLUTION).all())
    if networks == 1:
        return Tested(_paired(values[0], settings), "variation seed", _spread(values[0]), 1, signs)
    mean, count = float(values.mean()), values.size
    pooled = _paired(values.mean(axis=0), settings).p
    if seeds == 1:
        alone = Effect(mean, None, None, None, count, None, None, None)
        return Tested(alone, "variation seed", 0.0, networks, signs, pooled)
    residuals = values - values.mean(axis=1, keepdims=True)
    freedom = networks * (seeds - 1)
    spread = math.sqrt(float((residuals**2).sum()) / freedom)
    flips = sign_flip_test(values.ravel(), settings.bootstrap_resamples, settings.seed)
    if float(np.abs(residuals).max()) <= RESOLUTION:
        effect = Effect(mean, mean, mean, flips, count, mean, mean, flips)
        return Tested(effect, "variation seed", 0.0, networks, signs, pooled)
    error = spread / math.sqrt(count)
    half = float(stats.t.ppf(0.5 + settings.confidence / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    low, high = bootstrap_mean(list(values), settings.confidence, settings.bootstrap_resamples, settings.seed)
    effect = Effect(mean, mean - half, mean + half, p, count, low, high, flips)
    return Tested(effect, "variation seed", spread, networks, signs, pooled)


def hierarchical_interval(
    values: NDArray[np.float64], confidence: float, *, resamples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval of the mean: training seeds are drawn with replacement, then variation seeds.

    One draw of variation seeds serves all training seeds of a resample, because they meet the same devices.

    Args:
        values: shape (training seeds, variation seeds).
        confidence: level of the interval.
        resamples: bootstrap resamples.
        seed: of the resampling.
    """
    networks, seeds = values.shape
    random = np.random.default_rng(seed)
    rows = random.multinomial(networks, np.full(networks, 1 / networks), size=resamples) / networks
    columns = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    means = ((rows @ values) * columns).sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def power(effect: float, spread: float, seeds: int, alpha: float, *, strata: int = 1) -> float:
    """Chance that a two-sided paired t test over ``seeds`` (in each of ``strata``) finds ``effect``.

    Args:
        effect: true mean difference.
        spread: standard deviation of the differences, above 0, unit of ``effect``.
        seeds: differences per stratum, at least 2.
        alpha: level of the test.
        strata: groups with means of their own and one spread.
    """
    freedom = strata * (seeds - 1)
    centre = abs(effect) / spread * math.sqrt(strata * seeds)
    limit = float(stats.t.ppf(1 - alpha / 2, freedom))
    # The noncentral t as a mean over the estimated spread: scipy's own has no value in parts of its range.
    estimated = np.sqrt(stats.chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, freedom) / freedom)
    beyond = stats.norm.sf(limit * estimated - centre) + stats.norm.cdf(-limit * estimated - centre)
    return float(beyond.mean())


def seeds_needed(effect: float, spread: float, alpha: float, *, strata: int = 1) -> int | None:
    """Fewest seeds with which the test finds ``effect`` with a chance of ``POWER``.

    Returns:
        ``None`` for more than ``MOST_SEEDS``. Without spread the sign-flip test decides, whose smallest p is
        2 / 2**n.
    """
    if abs(effect) <= RESOLUTION:
        return None
    if spread <= RESOLUTION:
        return max(2, math.floor(1 - math.log2(alpha)) + 1)
    found = range(2, MOST_SEEDS + 1)
    low, high = 0, len(found)
    while low < high:
        middle = (low + high) // 2
        if power(effect, spread, found[middle], alpha, strata=strata) >= POWER:
            high = middle
        else:
            low = middle + 1
    return found[low] if low < len(found) else None


def _paired(sample: NDArray[np.float64], settings: Claims) -> Effect:
    return paired_effect(
        sample, settings.confidence, resamples=settings.bootstrap_resamples, seed=settings.seed
    )


def _spread(sample: NDArray[np.float64]) -> float:
    return float(sample.std(ddof=1)) if sample.size > 1 else 0.0
