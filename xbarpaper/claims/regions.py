"""What a table of sensitivities says: the effect of each claim at every point, and its verdict there."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.accuracy import can_be_tested, paired
from xbarpaper.claims.effects import bounds_of, corrected_level
from xbarpaper.claims.rules import judge
from xbarpaper.claims.schema import OUTCOMES
from xbarpaper.experiments.sensitivity.axes import Axes, own_values, text_of
from xbarpaper.params import Claims, Params
from xbarpaper.support.statistics import RESOLUTION, mean_interval

CLAIMS: Final = {"C2": "pruning", "C3": "R", "C4": "WCT", "C3+C4": "R+WCT"}
"""The effects, and what they are effects of; positive is what the paper claims."""

_POINT: Final = ["experiment", "axis", "value", "second"]


def with_loss(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ``loss``, points: accuracy in software minus accuracy on crossbars, of the same network."""
    return table.assign(loss=table["software_accuracy"] - table["accuracy"])


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """The effect of each claim, paired by variation seed, points of loss; positive is what the paper claims.

    C2: loss of a pruned network minus that of the unpruned one. C3, C4 and both together: loss without the mitigation
    minus that with it, each against the software accuracy of the same network.

    Args:
        table: what ``evaluating.evaluate`` gives.

    Returns:
        Columns: experiment, axis, value, second, scheme, seed, claim, effect, accuracy, accuracy_before.
    """
    found = []
    for claim, mitigation in CLAIMS.items():
        compared = ("none", "unpruned") if claim == "C2" else (mitigation, "none")
        found.append(paired(table, *compared, by=(*_POINT, "scheme", "seed")).assign(claim=claim))
    together = pd.concat([part for part in found if len(part)], ignore_index=True)
    return together[[*_POINT, "scheme", "seed", "claim", "effect", "accuracy", "accuracy_before"]]


def regions(table: pd.DataFrame, settings: Claims, classes: int) -> pd.DataFrame:
    """The verdict on every claim along each axis.

    The effects of one seed are averaged over the testable pruned networks there. The interval is that of the mean over
    seeds (Student's t), corrected after Bonferroni for the values of the axis, and the verdict is read from it by the
    rules of the claims. Where nothing is random, as without variation, the interval is that one value.

    Args:
        table: what ``evaluating.evaluate`` gives; its maps are left out.
        settings: confidence and margins.
        classes: of the images, which give the accuracy of guessing.

    Returns:
        Columns: experiment, axis, value (text), claim, schemes, effect, low, high, verdict. Where it is not testable the
        effect is that of all schemes, and there is no interval.
    """
    along = effects(table[table["second"].isna()])
    along = along[along["scheme"] != "unpruned"]
    along = along.assign(value=along["value"].map(text_of))  # a file may hold nothing but numbers
    along = along.sort_values("axis", key=lambda axes: axes.factorize()[0], kind="stable")
    limit = 100 / classes + settings.chance_distance_points
    rows = []
    for (experiment, axis, claim), every in along.groupby(["experiment", "axis", "claim"], sort=False):
        level = corrected_level(settings, every["value"].nunique())
        tested = can_be_tested(every, limit, pruning=claim == "C2", by=["value", "scheme"])
        for value, group in every.groupby("value", sort=False):
            testable = group[tested[group.index]]
            shown = testable if len(testable) else group
            sample = shown.groupby("seed")["effect"].mean()
            mean, low, high = mean_interval(sample, level)
            if not _nothing_random(shown):
                low, high = bounds_of(sample.to_numpy(), level)
            verdict = judge(low, high, settings.equivalence_points)
            if not len(testable):
                verdict, low, high = "not testable", None, None
            rows.append(
                {
                    "experiment": experiment, "axis": axis, "value": value, "claim": claim,
                    "schemes": " ".join(dict.fromkeys(shown["scheme"])), "effect": mean, "low": low, "high": high,
                    "verdict": verdict,
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"low": float, "high": float})


def at_home(held: pd.DataFrame, axes: Axes, params: Params) -> tuple[pd.Series, pd.Series]:
    """Which rows of what ``regions`` gives, of one experiment, are about the profile's own point.

    Returns:
        Whether a row is; and whether it is one of the axis with most values, which have the widest interval and stand for
        the point.
    """
    own = own_values(axes, params, str(held["experiment"].iloc[0]))
    home = held["value"] == held["axis"].map({name: text_of(value) for name, value in own.items()})
    longest = held.groupby("axis")["value"].nunique().idxmax()
    return home, home & (held["axis"] == longest)


def _nothing_random(rows: pd.DataFrame) -> bool:
    """Whether all seeds gave every network the very same accuracy."""
    reached = rows.groupby("scheme")[["accuracy", "accuracy_before"]]
    return bool(((reached.max() - reached.min()) <= RESOLUTION).all(axis=None))


def overview(table: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """The regions in words: a row per axis, a column per claim, in it the values of each verdict.

    Args:
        table: what ``regions`` gives.
        axes: the survey.
    """
    cells = {}
    for (axis, claim), group in table.groupby(["axis", "claim"], sort=False):
        moved = axes.single[str(axis)]
        by_verdict = {outcome: group.loc[group["verdict"] == outcome, "value"] for outcome in OUTCOMES}
        parts = [
            f"{outcome}: {', '.join(map(moved.name_of, values))}"
            for outcome, values in by_verdict.items()
            if len(values)
        ]
        cells[moved.short, claim] = "; ".join(parts)
    return pd.Series(cells, dtype=object).unstack(sort=False)
