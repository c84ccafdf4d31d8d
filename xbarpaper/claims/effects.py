"""Effects with their corrected intervals: averages within replicates, and the levels at which comparisons are joined.

Every claim gives a table of rows, one for each comparison (``COMPARISON``), training seed and variation seed, with
``effect`` (above zero is what the paper claims) and further numbers beside it. Here is the one place that averages them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.rules import JOINT, judge
from xbarpaper.claims.schema import COUNTED, Case, Level, Outcome, Verdict, nine_digits
from xbarpaper.params import Claims
from xbarpaper.support.statistics import RESOLUTION, mean_interval
from xbarpaper.support.words import count, square

COMPARISON: Final = ["experiment", "crossbar_size", "scheme"]
"""Columns that tell one comparison of a claim and mitigation; trainings of one network are one experiment."""

TRAINING_SEEDS: Final = 3
"""From so many training seeds on, verdicts speak of other trainings too."""

CORRELATION: Final = "rank correlation"
"""Unit of an effect that lies between -1 and 1."""

_UNITS: Final = {"training_seed": "training seed", "seed": "variation seed", "layer": "layer"}
_POWER: Final = 0.8

Bounds = tuple[float | None, float | None]
"""An interval; ``None`` where there is none."""


@dataclass(frozen=True)
class Question:
    """What a claim asks about one mitigation."""

    # What is compared with what
    mitigation: str
    baseline: str
    # Columns ``COMPARISON``, network, dataset, training_seed, effect, testable, and any others beside
    rows: pd.DataFrame
    # Column of the replicates where training seeds are too few; empty where nothing is sampled
    over: str = "seed"
    unit: str = "points"  # of the effect
    margin: float = 0.5  # of equivalence


@dataclass(frozen=True)
class Place:
    """What an effect is about, ``None`` where it is averaged over; its rows, and the size of its family."""

    level: Level
    rows: pd.DataFrame
    family: int
    experiment: str | None = None
    crossbar_size: int | None = None
    scheme: str | None = None

    def words(self, labels: Labels) -> str:
        """Which place this is, for sentences."""
        network = labels.trainings(self.experiment or "")
        size = "" if self.crossbar_size is None else square(self.crossbar_size)
        if self.level == "comparison":
            return f"{network}, {size}, {SCHEME_NAMES.get(self.scheme or '', self.scheme)}"
        joined = {
            "size": f"All of {size}",
            "network": f"All of {network}",
            "unpruned": "Unpruned networks, beside",
        }
        return joined.get(self.level, "Overall")


def places(rows: pd.DataFrame) -> Iterator[Place]:
    """Every comparison, then sizes and networks where there are two or more, the unpruned networks, and the whole.

    Joined are the pruned networks' testable comparisons; all of them where none is testable.
    """
    unpruned = rows["scheme"] == "unpruned"
    both = {True: rows[unpruned], False: rows[~unpruned]}
    families = {is_it: part[part["testable"]].groupby(COMPARISON).ngroups for is_it, part in both.items()}
    for key, own in rows.groupby(COMPARISON, sort=False):
        experiment, size, scheme = str(key[0]), int(str(key[1])), str(key[2])
        family = families[scheme == "unpruned"]
        yield Place("comparison", own, family if family > 1 else JOINT, experiment, size, scheme)
    beside, pruned = (part[part["testable"]] if part["testable"].any() else part for part in both.values())
    sizes, networks = sorted(pruned["crossbar_size"].unique()), pruned["experiment"].unique()
    for size in sizes if len(sizes) > 1 else ():
        yield Place("size", pruned[pruned["crossbar_size"] == size], len(sizes), crossbar_size=int(size))
    for name in networks if len(networks) > 1 else ():
        yield Place("network", pruned[pruned["experiment"] == name], len(networks), experiment=name)
    if len(beside):
        yield Place("unpruned", beside, JOINT, scheme="unpruned")
    if len(pruned):
        yield Place("overall", pruned, JOINT)


@dataclass(frozen=True)
class Tested:
    """An effect at a place."""

    # What it is
    question: Question
    place: Place
    verdict: Outcome  # read from the interval
    # Corrected interval of the effect; ``None`` where there is none
    low: float | None
    high: float | None
    means: dict[str, float]  # of the effect and everything beside it
    bounds: dict[str, Bounds]  # corrected intervals of what stands beside it, by column
    # How many replicates of which kind; none where nothing is sampled
    n: int | None
    inference: str
    needed: str  # replicates that would decide it, in words; empty where it is decided

    def words(self, what: str = "", turned: str = "") -> str:
        """The effect with its interval, and what it was tested over.

        Args:
            what: what it is (``less loss``).
            turned: what it is with the other sign (``more loss``), which an effect below zero is told with.
        """
        effect, low, high = self.means["effect"], self.low, self.high
        if turned and effect < 0:
            what, effect = turned, -effect
            low, high = (None if end is None else -end for end in (high, low))
        number = interval_words(effect, low, high, self.question.unit)
        over = f" ({self.inference})" if self.n is None else f", {count(self.n, self.inference)}"
        return f"{number}{what and f' {what}'}{over}"

    def case(self, what: str) -> Case:
        """The same as a case of a further statement."""
        return Case(
            what=what,
            verdict=self.verdict,
            effect=self.means["effect"],
            low=self.low,
            high=self.high,
            unit=self.question.unit,
            over=self.inference if self.n is None else count(self.n, self.inference),
        )

    def row(self, summary: str, labels: Labels) -> Verdict:
        """The same as a row of ``claims.json``; whether it is counted, ``rules.conclude`` says.

        Args:
            summary: a sentence, without the place at its start and the verdict at its end.
            labels: words of the profile.
        """
        place, rows, name = self.place, self.place.rows, self.question.mitigation
        first = rows.iloc[0]
        one = place.experiment is not None
        ending = f" At this effect and spread, {self.needed} would decide it in four of five cases."
        beside = {f"{key}_{end}": value for key, pair in self.bounds.items()
                  for end, value in zip(("low", "high"), pair, strict=True)}  # fmt: skip
        return Verdict(
            level=place.level,
            experiment=place.experiment,
            network=str(first["network"]) if one else None,
            dataset=str(first["dataset"]) if one else None,
            crossbar_size=place.crossbar_size,
            scheme=place.scheme,
            mitigation=name,
            baseline=self.question.baseline,
            verdict=self.verdict,
            effect=self.means["effect"],
            low=self.low,
            high=self.high,
            unit=self.question.unit,
            n=self.n,
            inference=self.inference,
            training_seeds=int(rows.groupby("experiment")["training_seed"].nunique().min()),
            counted=False,
            needed_seeds=self.needed,
            summary=f"{place.words(labels)}: {summary}: {self.verdict}.{ending if self.needed else ''}",
            details={
                **{key: value for key, value in self.means.items() if key != "effect"},
                **beside,
                "comparisons": rows.groupby(COMPARISON).ngroups,
                "family": place.family,
            },
        )


def interval_words(effect: float, low: float | None, high: float | None, unit: str = "points") -> str:
    """``+1.20 points [+0.80, +1.60]``, rounded from the digits that claims.json keeps; no interval of what is counted."""
    interval = "(no interval)"
    if low is not None and high is not None:
        interval = f"[{_signed(low)}, {_signed(high)}]" if high > low else ""
    return " ".join(filter(None, (_signed(effect), unit, interval)))


def _signed(value: float) -> str:
    """With its sign and two digits; zero has none."""
    rounded = round(nine_digits(value), 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def replicates(rows: pd.DataFrame, over: str) -> tuple[str, pd.DataFrame]:
    """What an effect is tested over, and the mean of every number in each replicate over all comparisons.

    Args:
        rows: of one or several comparisons.
        over: column of the replicates where training seeds are too few to be them.
    """
    trained = {tuple(sorted(seeds)) for seeds in rows.groupby("experiment")["training_seed"].unique()}
    if not over or (len(trained) == 1 and len(min(trained)) >= TRAINING_SEEDS):
        over = "training_seed"
    numbers = [
        name for name in rows.select_dtypes("number") if name not in (*COMPARISON, "training_seed", "seed")
    ]
    cells = rows.groupby([*COMPARISON, over], sort=False)[numbers].mean()
    by_replicate = cells.groupby(level=over)
    sizes = by_replicate.size()
    # A seed counts where every comparison has it; networks have layers of their own.
    return over, by_replicate.mean()[(sizes == sizes.max()) | (over == "layer")]


def ask(question: Question, settings: Claims) -> list[Tested]:
    """Test the effect of a question at all its places."""
    return [tested(question, place, settings) for place in places(question.rows)]


def overall(question: Question, settings: Claims) -> Tested | None:
    """Test the overall effect of a question only; ``None`` where it has no rows."""
    found = [place for place in places(question.rows) if place.level == "overall"]
    return tested(question, found[0], settings) if found else None


def tested(question: Question, place: Place, settings: Claims) -> Tested:
    """Test the effect of a question at one place."""
    over, table = replicates(place.rows, question.over)
    means = {str(name): float(value) for name, value in table.mean().items()}
    level = corrected_level(settings, place.family)
    counted = not question.over and len(table) < TRAINING_SEEDS
    bounds: dict[str, Bounds] = {
        name: (mean, mean) if counted else bounds_of(table[name].dropna().to_numpy(), level)
        for name, mean in means.items()
        if name.endswith("effect")
    }
    low, high = bounds.pop("effect")
    if question.unit == CORRELATION and low is not None and high is not None:
        low, high = max(-1.0, low), min(1.0, high)
    verdict = judge(low, high, question.margin)
    if not place.rows["testable"].any():
        verdict, low, high = "not testable", None, None
    needed = ""
    if verdict == "undecided" and low is not None:
        distance = max(abs(means["effect"]), question.margin - abs(means["effect"]))
        needed = count(seeds_needed(distance, float(table["effect"].std()), 1 - level), _UNITS[over])
    n, inference = (None, COUNTED) if counted else (len(table), _UNITS[over])
    return Tested(question, place, verdict, low, high, means, bounds, n, inference, needed)


def corrected_level(settings: Claims, family: int) -> float:
    """The level of each interval of a family, so that all hold at once with the confidence asked for."""
    return 1 - (1 - settings.confidence) / family


def bounds_of(sample: NDArray[np.float64], level: float) -> Bounds:
    """Student's interval of a mean; none for one value or none, or where all agree on a change (rule ``replicates``)."""
    if not len(sample):
        return None, None
    mean, low, high = mean_interval(sample, level)
    unknown = float(np.ptp(sample)) <= RESOLUTION and (abs(mean) > RESOLUTION or len(sample) < TRAINING_SEEDS)
    return (None, None) if unknown else (low, high)


def seeds_needed(distance: float, spread: float, alpha: float) -> int:
    """Fewest replicates whose interval of level 1 - ``alpha`` reaches no further than ``distance`` in four of five cases.

    The usual formula n = ((t_alpha/2 + t_power) spread / distance)^2, with both quantiles at n - 1 degrees of freedom.

    Args:
        distance: from the mean to the nearest bound that it must stay clear of, above 0.
        spread: standard deviation from one replicate to the next.
        alpha: level of the two-sided test.
    """
    normal = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(_POWER)
    needed = max(TRAINING_SEEDS, math.ceil((float(normal) * spread / distance) ** 2))
    while True:
        reach = stats.t.ppf(1 - alpha / 2, needed - 1) + stats.t.ppf(_POWER, needed - 1)
        if (float(reach) * spread / distance) ** 2 <= needed:
            return needed
        needed += 1
