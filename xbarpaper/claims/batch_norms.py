"""N1 and N2, statements of arXiv 2305.18416 about batch norms, and N3, our own, from what ``17_published`` measured."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.accuracy import can_be_tested, paired
from xbarpaper.claims.context import Context, concluded
from xbarpaper.claims.effects import Question
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.experiments.published.numbers import FAILING_SIGMA
from xbarpaper.support.words import count

_NETWORK: Final = ["experiment", "dataset", "network", "crossbar_size", "training_seed"]
_NEEDED: Final = [*_NETWORK, "seed", "scheme", "effect", "testable"]
_DISTURBED: Final = {
    "none": "resistances alone",
    "read noise": "read noise of sigma/mu {:g}",
    "drift": "drift for {:g} s",
}
"""What acts, by the axis of the table, with the value on it."""


def batch_norm_statements(context: Context, table: pd.DataFrame) -> list[OwnClaim]:
    """N1 to N3 on the tidy table ``batch_norms``; none where it is empty, no N2 without read noise beyond its sigma."""
    if table.empty:
        return []
    rows = context.trained_rows(table)
    rows["scheme"] = [
        _DISTURBED[axis].format(value) for axis, value in zip(rows["axis"], rows["value"], strict=True)
    ]
    rows["limit"] = context.limits(rows)
    points, correlation = context.settings.equivalence_points, context.settings.equivalence_correlation
    asked = {
        "N1": ("won back by norms after drift", _won_back(rows), "points", points, _lost_words(rows, "drift")),
        "N2": (f"lost with BN to read noise beyond sigma/mu {FAILING_SIGMA:g}", _still_lost(rows), "points", points,
               _lost_words(rows, "read noise")),
        "N3": ("correlation with the rest less that with the whole error", _followed(rows), "", correlation,
               _half_words(rows)),
    }  # fmt: skip
    return [
        concluded(name, [Question(what, "none", effect, unit=unit, margin=margin)], context, [note])
        for name, (what, effect, unit, margin, note) in asked.items()
        if len(effect)
    ]


def _won_back(rows: pd.DataFrame) -> pd.DataFrame:
    """What norms win back after the longest drift."""
    drift = rows[rows["axis"] == "drift"]
    pairs = paired(drift[drift["value"] == drift["value"].max()], "norms", "none")
    limit = pairs["dataset"].map(rows.groupby("dataset")["limit"].first())
    return pairs.assign(testable=can_be_tested(pairs, limit, pruning=False))[_NEEDED]


def _still_lost(rows: pd.DataFrame) -> pd.DataFrame:
    """What read noise beyond ``FAILING_SIGMA`` costs with statistics measured anew."""
    own = rows[rows["mitigation"] == "BN"]
    quiet = own.loc[own["axis"] == "none", [*_NETWORK, "lost", "accuracy"]]
    noisy = own[(own["axis"] == "read noise") & (own["value"] > FAILING_SIGMA)]
    pairs = noisy.merge(quiet, on=_NETWORK, suffixes=("", "_before"), validate="many_to_one")
    return pairs.assign(
        effect=pairs["lost"] - pairs["lost_before"], testable=pairs["accuracy_before"] > pairs["limit"]
    )[_NEEDED]


def _followed(rows: pd.DataFrame) -> pd.DataFrame:
    """How much better, over the disturbances of a chip, the loss with norms goes with the rest than with the error."""
    own = rows[rows["mitigation"] == "norms"]
    quiet = own[own["axis"] == "none"].drop(columns="seed")
    found = []
    for place, chip in own[own["axis"] != "none"].groupby([*_NETWORK, "seed"], sort=False):
        named = dict(zip([*_NETWORK, "seed"], place, strict=True))
        same = quiet[(quiet[_NETWORK] == [named[name] for name in _NETWORK]).all(axis=1)]
        every = pd.concat([same, chip])
        effect = every["lost"].corr(every["rest"]) - every["lost"].corr(every["error"])
        found.append(named | {"scheme": "all disturbances", "effect": effect})
    table = pd.DataFrame(found)
    return table.assign(testable=table["effect"].notna(), effect=table["effect"].fillna(0.0))[_NEEDED]


def _lost_words(rows: pd.DataFrame, axis: str) -> str:
    lost = rows.groupby(["scheme", "mitigation"], sort=False)["lost"].mean().unstack("mitigation", sort=False)
    names = [_DISTURBED["none"], *rows.loc[rows["axis"] == axis, "scheme"].unique()]
    told = [
        f"{name}: {one['none']:.1f}, {one['BN']:.1f} and {one['norms']:.1f}"
        for name, one in lost.loc[names].iterrows()
    ]
    return f"Points lost without mitigation, with BN and with norms: {'; '.join(told)}."


def _half_words(rows: pd.DataFrame) -> str:
    """Up to which rest norms win back half of what is lost, and from which on they do not."""
    places = [*_NETWORK, "scheme"]
    lost = rows.groupby([*places, "mitigation"])["lost"].mean().unstack("mitigation")
    rest = 100 * rows.groupby(places)["rest"].mean()
    well = lost["norms"] <= lost["none"] / 2
    told = f"Norms win back half of the loss or more in {int(well.sum())} of {count(len(well), 'case')}"
    told += f", with a rest of {_span(rest[well])} % of the outputs' variance" if well.any() else ""
    told += f"; less where the rest is {_span(rest[~well])} %" if not well.all() else ""
    return f"{told}."


def _span(values: pd.Series) -> str:
    """``1.3 to 4.5``, or the one number that all are."""
    return " to ".join(dict.fromkeys(f"{value:.1f}" for value in (values.min(), values.max())))
