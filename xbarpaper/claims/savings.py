"""C1: structured pruning saves crossbars and keeps the accuracy in software."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import (
    COMPARISON,
    TRAINING_SEEDS,
    Place,
    Question,
    Tested,
    bounds_of,
    corrected_level,
    places,
    replicates,
    seeds_needed,
)
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.rules import conclude
from xbarpaper.claims.schema import Claim, Outcome, Verdict
from xbarpaper.support.statistics import proportion_difference
from xbarpaper.support.words import count, join

_RATE: Final = "compression_rate"


def crossbar_savings(context: Context, evaluation: pd.DataFrame, software: pd.DataFrame) -> Claim:
    """Test C1, for every pruned network and crossbar size and the levels above.

    Args:
        context: what it is tested with.
        evaluation: the tidy table of evaluations.
        software: that of trained networks, which have no crossbar size where they serve all of them.
    """
    by = [*COMPARISON, "training_seed", "network", "dataset"]
    common = ["experiment", "crossbar_size", "training_seed"]
    table = context.trained_rows(evaluation[evaluation["mitigation"] == "none"])
    table = table.groupby(by, sort=False, as_index=False)[["software_accuracy", _RATE]].first()
    pruned, unpruned = table[table["scheme"] != "unpruned"], table[table["scheme"] == "unpruned"]
    rows = pruned.merge(
        unpruned[[*common, "software_accuracy"]], on=common, suffixes=("", "_before"), validate="many_to_one"
    )
    before = rows.groupby(COMPARISON)["software_accuracy_before"].transform("mean")
    rows = rows.assign(
        effect=rows["software_accuracy_before"] - rows["software_accuracy"],
        testable=before > context.limits(rows),
    )
    question = Question("none", "unpruned", rows, unit="points lost")
    tested = [_test(question, place, context) for place in places(rows)] if len(rows) else []
    notes = _networks(rows, software)
    return conclude(context.texts["C1"], [_row(one, context) for one in tested], notes=notes)


def _networks(rows: pd.DataFrame, software: pd.DataFrame) -> list[str]:
    """How many pruned networks the comparisons are of, where one network serves several crossbar sizes."""
    for_all = software.loc[software["crossbar_size"].isna(), "scheme"].unique()
    sizes = rows["crossbar_size"].mask(rows["scheme"].isin(for_all))
    comparisons, networks = (
        len(table.drop_duplicates())
        for table in (rows[COMPARISON], rows[COMPARISON].assign(crossbar_size=sizes))
    )
    if comparisons == networks:
        return []
    names = join([SCHEME_NAMES[name] for name in for_all if name in set(rows["scheme"])])
    return [
        f"These {comparisons} comparisons are of {networks} pruned networks: {names} has one for all sizes."
    ]


def _test(question: Question, place: Place, context: Context) -> Tested:
    """The loss with its interval, and what it saves."""
    rows, level, images = place.rows, corrected_level(context.settings, place.family), context.images
    means, low, high, n, inference = software_loss(rows, level, images)
    rates = rows.groupby(COMPARISON)[_RATE].mean()
    means |= {_RATE: float(np.exp(np.log(rates).mean())), f"smallest_{_RATE}": float(rates.min())}
    after, before = means["software_accuracy"] / 100, means["software_accuracy_before"] / 100
    loss, tolerance = means["effect"], context.settings.software_tolerance_points
    verdict = judge_saving(list(rates), low, high, tolerance)
    needed = ""
    if not rows["testable"].any():
        verdict = "not testable"
    elif verdict == "undecided" and loss != tolerance:
        distance = abs(tolerance - loss)
        reach = stats.norm.ppf(0.5 + level / 2) + stats.norm.ppf(0.8)
        enough = math.ceil(
            (after * (1 - after) + before * (1 - before)) * (100 * float(reach) / distance) ** 2
        )
        there = _fewest(rows, images)
        # Without a spread over trainings, those that are there would have decided it if so many could.
        needed = f"no number of the {there:,} test images"
        if enough <= there and inference == "training seed":
            trained = replicates(rows, "training_seed")[1]["effect"]
            needed = count(seeds_needed(distance, float(trained.std()), 1 - level), inference)
    return Tested(question, place, verdict, low, high, means, {}, n, inference, needed)


def software_loss(
    rows: pd.DataFrame, level: float, images: Mapping[str, int]
) -> tuple[dict[str, float], float, float, int, str]:
    """Software accuracy lost, with its interval: from the test images, joined in squares with the spread over trainings.

    The images are the same for every network, so averaging networks makes their share no smaller.

    Args:
        rows: ``software_accuracy``, ``software_accuracy_before`` and their difference, ``effect``, of each training.
        level: of the interval.
        images: dataset -> images in its test set.

    Returns:
        Means by column, the interval's ends, and how many replicates of which kind it is over.
    """
    _, table = replicates(rows, "training_seed")
    means = {str(name): float(value) for name, value in table.mean().items()}
    loss, tested = means["effect"], _fewest(rows, images)
    after, before = means["software_accuracy"] / 100, means["software_accuracy_before"] / 100
    least, most = proportion_difference(before, after, (tested, tested), level)
    below, above = [loss - 100 * least], [100 * most - loss]
    trained = table["effect"].to_numpy()
    alike = rows.groupby("experiment")["training_seed"].nunique().nunique() == 1
    if over_training := alike and len(trained) >= TRAINING_SEEDS:
        low, high = bounds_of(trained, level)
        below.append(loss - low if low is not None else 0.0)
        above.append(high - loss if high is not None else 0.0)
    n, inference = (len(trained), "training seed") if over_training else (tested, "test image")
    return means, loss - math.hypot(*below), loss + math.hypot(*above), n, inference


def _fewest(rows: pd.DataFrame, images: Mapping[str, int]) -> int:
    return min(images[name] for name in rows["dataset"].unique())


def judge_saving(rates: list[float], low: float, high: float, tolerance: float) -> Outcome:
    """Apply the threshold of C1 to compression rates and the interval of a loss, points."""
    if float(np.log(rates).mean()) <= 0 or low > tolerance:
        return "contradicted"
    return "supported" if high <= tolerance and min(rates) > 1 else "undecided"


def _row(one: Tested, context: Context) -> Verdict:
    means, tolerance = one.means, context.settings.software_tolerance_points
    means["tolerance_points"] = tolerance
    return one.row(
        f"{means[_RATE]:.2f} times fewer crossbars; software accuracy {means['software_accuracy']:.2f} % against "
        f"{means['software_accuracy_before']:.2f} % unpruned, {one.words()}, tolerance {tolerance:g} points",
        context.labels,
    )
