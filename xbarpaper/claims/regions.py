"""What a table of sensitivities says: the effect of each claim at every point, and where it has the claimed sign."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from xbarpaper.support.statistics import RESOLUTION, mean_interval

CLAIMS: Final = {"C2": "pruning", "C3": "R", "C4": "WCT", "C3+C4": "R+WCT"}
"""The effects, and what they are effects of; positive is what the paper claims."""

_POINT: Final = ["experiment", "axis", "value", "second"]


def with_loss(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ``loss``, points: accuracy in software minus accuracy on crossbars, of the same network."""
    return table.assign(loss=table["software_accuracy"] - table["accuracy"])


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """The effect of each claim, paired by variation seed, points of accuracy; positive is what the paper claims.

    C2: loss of a pruned network minus that of the unpruned one. C3, C4 and both together: accuracy on crossbars with the
    mitigation minus that without.

    Args:
        table: what ``sensitivity.evaluate`` gives.

    Returns:
        Columns: experiment, axis, value, second, scheme, seed, claim, effect, loss_reduced (points of loss won back, each
        network against its own software accuracy; for C2 the effect again).
    """
    losses = with_loss(table)[[*_POINT, "scheme", "mitigation", "seed", "accuracy", "loss"]]
    plain = losses[losses["mitigation"] == "none"].drop(columns="mitigation")
    unpruned = plain[plain["scheme"] == "unpruned"].drop(columns="scheme")
    pruned = plain[plain["scheme"] != "unpruned"]
    pairs = pruned.merge(unpruned, on=[*_POINT, "seed"], suffixes=("", "_before"), validate="many_to_one")
    more = pairs["loss"] - pairs["loss_before"]
    found = [pairs.assign(claim="C2", effect=more, loss_reduced=more)]
    for claim, mitigation in CLAIMS.items():
        after = losses[losses["mitigation"] == mitigation].drop(columns="mitigation")
        keys = [*_POINT, "scheme", "seed"]
        pairs = after.merge(plain, on=keys, suffixes=("", "_before"), validate="one_to_one")
        gained = pairs["accuracy"] - pairs["accuracy_before"]
        reduced = pairs["loss_before"] - pairs["loss"]
        found.append(pairs.assign(claim=claim, effect=gained, loss_reduced=reduced))
    together = pd.concat([part for part in found if len(part)], ignore_index=True)
    return together[[*_POINT, "scheme", "seed", "claim", "effect", "loss_reduced"]]


def regions(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """In which part of each axis every claim's effect has the claimed sign, with an interval clear of zero.

    The effects of one seed are averaged over the schemes there; the interval is that of the mean over seeds (Student's
    t). ``holds`` is ``yes`` where the interval lies above zero (and, as in the claims, the loss against the network's own
    software accuracy falls as well), ``no`` where it lies below, and ``open`` otherwise.
    Where all seeds agree, as without variation, the interval is that one value.

    Args:
        table: what ``sensitivity.evaluate`` gives; its maps are left out.
        confidence: level of the intervals.

    Returns:
        Columns: experiment, axis, value, claim, schemes, effect, low, high, holds.
    """
    along = effects(table[table["second"].isna()])
    rows = []
    for (experiment, axis, value, claim), group in along.groupby(
        ["experiment", "axis", "value", "claim"], sort=False
    ):
        by_seed = group.groupby("seed")[["effect", "loss_reduced"]].mean()
        mean, low, high = mean_interval(by_seed["effect"], confidence)
        reduced = float(by_seed["loss_reduced"].mean())
        rows.append(
            {
                "experiment": experiment,
                "axis": axis,
                "value": value,
                "claim": claim,
                "schemes": " ".join(dict.fromkeys(group["scheme"])),
                "effect": mean,
                "low": np.nan if low is None else low,
                "high": np.nan if high is None else high,
                "holds": _holds(low, high, reduced),
            }
        )
    table = pd.DataFrame(rows)
    order = {claim: rank for rank, claim in enumerate(CLAIMS)}
    axes = {axis: rank for rank, axis in enumerate(dict.fromkeys(table["axis"]))}
    ranks = pd.DataFrame({"axis": table["axis"].map(axes), "claim": table["claim"].map(order)})
    return table.loc[ranks.sort_values(["axis", "claim"], kind="stable").index].reset_index(drop=True)


def _holds(low: float | None, high: float | None, loss_reduced: float) -> str:
    if low is None or high is None:
        return "open"
    if low > RESOLUTION and loss_reduced > 0:
        return "yes"
    return "no" if high < -RESOLUTION else "open"


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The regions in words: a row per axis, a column per claim, in it the values where it holds, fails or is open.

    Args:
        table: what ``regions`` gives.
    """
    cells = {}
    for (axis, claim), group in table.groupby(["axis", "claim"], sort=False):
        parts = []
        for verdict in ("yes", "no", "open"):
            values = group.loc[group["holds"] == verdict, "value"]
            if len(values):
                parts.append(f"{verdict}: {', '.join(values)}")
        cells[axis, claim] = "; ".join(parts)
    return pd.Series(cells, dtype=object).unstack(sort=False)
