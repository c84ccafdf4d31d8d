"""How much of the lost accuracy each mitigation wins back, and what it costs."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED
from xbarpaper.params import Claims
from xbarpaper.support.statistics import mean_interval, ratio_of_means

_COSTS: Final = ["training_images", "chip_images", "circuit_solutions", "chip_solutions"]


def recovery_table(
    recovery: pd.DataFrame, costs: pd.DataFrame, labels: Labels, claims: Claims
) -> pd.DataFrame:
    """What each mitigation wins back of the accuracy that the crossbars took, and what it costs.

    The recovered share is (accuracy with the mitigation - accuracy without) / (accuracy in software - accuracy
    without), each the mean over the same variation seeds, in percent; its interval is a bootstrap over these seeds.

    Args:
        recovery: the tidy table of mitigations; the readout's gain is compared.
        costs: the tidy table of their costs.
        labels: words of the profile, with the level of the intervals.
        claims: resamples and seed of the bootstrap.

    Returns:
        A row per experiment, scheme, crossbar size and mitigation: these, ``software_accuracy``, ``accuracy``,
        ``lost`` (points, without mitigation), ``recovered`` (points, with ``recovered_low`` and ``recovered_high``),
        ``share``, ``share_low``, ``share_high`` (percent, missing where nothing was lost), ``seeds``,
        ``training_images``, ``chip_images``, ``circuit_solutions`` and ``chip_solutions`` (missing where no cost is
        known).
    """
    table = recovery[recovery["gain"] == labels.gain]
    keys = [*MAPPED, "seed"]
    plain = table.loc[table["mitigation"] == "none", [*keys, "accuracy"]]
    table = table.merge(plain, on=keys, suffixes=("", "_plain"), validate="many_to_one")
    table = table.assign(
        recovered=table["accuracy"] - table["accuracy_plain"],
        lost=table["software_accuracy"] - table["accuracy_plain"],
    )
    rows = []
    for key, group in table.groupby([*MAPPED, "mitigation"], sort=False):
        recovered, low, high = mean_interval(group["recovered"], labels.confidence)
        share = ratio_of_means(
            group["recovered"],
            group["lost"],
            labels.confidence,
            resamples=claims.bootstrap_resamples,
            seed=claims.seed,
        )
        rows.append(
            {
                **dict(zip([*MAPPED, "mitigation"], key, strict=True)),
                "software_accuracy": group["software_accuracy"].mean(),
                "accuracy": group["accuracy"].mean(),
                "lost": group["lost"].mean(),
                "recovered": recovered,
                "recovered_low": low,
                "recovered_high": high,
                "share": _percent(share.value),
                "share_low": _percent(share.low),
                "share_high": _percent(share.high),
                "seeds": share.n,
            }
        )
    priced = pd.DataFrame(rows).merge(
        costs[[*MAPPED, "mitigation", *_COSTS]], on=[*MAPPED, "mitigation"], how="left", validate="one_to_one"
    )
    return priced.astype({"recovered_low": float, "recovered_high": float})


def _percent(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def best_mitigations(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``recovery_table`` that win back most, one per cell in which accuracy was lost."""
    known = table[(table["mitigation"] != "none") & table["share"].notna()]
    return known.loc[known.groupby(MAPPED, sort=False)["share"].idxmax()]
