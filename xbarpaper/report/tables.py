"""The small tables of the report's page, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present
from xbarpaper.params import MITIGATIONS
from xbarpaper.support.words import square

ABSENT: Final = "–"
_COSTS: Final = {
    "training_images": "training images",
    "chip_images": "images for each chip",
    "circuit_solutions": "solutions of circuits",
    "chip_solutions": "solutions for each chip",
}


@dataclass(frozen=True)
class Table:
    """A small table as text: columns, rows, and how many columns from the left are words, not numbers."""

    columns: list[str]
    rows: list[list[str]]
    words: int


def accuracies(evaluation: pd.DataFrame, labels: Labels) -> Table:
    """Mean and standard deviation over variation seeds, both effects acting, at the profile's gain."""
    chosen = evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == labels.gain)]
    names = present(MITIGATIONS, list(chosen["mitigation"]))
    rows = []
    for (experiment, crossbar, scheme), group in chosen.groupby(
        ["experiment", "crossbar_size", "scheme"], sort=False
    ):
        by_mitigation = group.groupby("mitigation")["accuracy"].agg(["mean", "std"])
        spreads = by_mitigation.reindex(names).itertuples(index=False)
        plain = group[group["mitigation"] == "none"]
        rows.append(
            [
                *_network(labels, experiment, scheme, crossbar),
                *(number(plain[name].iloc[0]) for name in ("compression_rate", "software_accuracy")),
                *(ABSENT if pd.isna(mean) else f"{mean:.1f} ± {std:.1f}" for mean, std in spreads),
            ]
        )
    heads = ["no mitigation" if name == "none" else _spaced(name) for name in names]
    return Table(["network", "scheme", "crossbar", "compression", "software", *heads], rows, words=3)


def software(table: pd.DataFrame, labels: Labels) -> Table:
    """Accuracy of every trained network on ideal hardware, step by step."""
    steps = list(table["step"].unique())
    rows = [
        [
            *_network(labels, experiment, scheme, crossbar),
            *(number(group.set_index("step")["accuracy"].get(step)) for step in steps),
        ]
        for (experiment, scheme, crossbar), group in table.groupby(
            ["experiment", "scheme", "crossbar_size"], sort=False, dropna=False
        )
    ]
    heads = ["after WCT" if step == "wct" else step for step in steps]
    return Table(["network", "scheme", "pruned for", *heads], rows, words=3)


def recovered(table: pd.DataFrame, labels: Labels) -> tuple[Table, Table]:
    """What each mitigation wins back, in percent of the lost accuracy, and what each costs.

    Args:
        table: what ``claims.recovery_table`` gives.
        labels: words of the profile.
    """
    names = [name for name in table["mitigation"].unique() if name != "none"]
    rows = []
    for (experiment, scheme, crossbar), group in table.groupby(
        ["experiment", "scheme", "crossbar_size"], sort=False
    ):
        shares = group.set_index("mitigation")[["share", "share_low", "share_high"]].reindex(names)
        cells = [_share(*row) for row in shares.itertuples(index=False)]
        lost = f"{group['lost'].iloc[0]:.1f}"
        rows.append([*_network(labels, experiment, scheme, crossbar), lost, *cells])
    heads = ["network", "scheme", "crossbar", "lost (points)", *map(_spaced, names)]
    costs = [
        [_spaced(name), *(_range(table.loc[table["mitigation"] == name, column]) for column in _COSTS)]
        for name in names
    ]
    return Table(heads, rows, words=3), Table(["mitigation", *_COSTS.values()], costs, words=1)


def size(value: Any) -> str:
    """A crossbar size, or ``any size`` where there is none."""
    return "any size" if pd.isna(value) else square(int(value))


def number(value: float | None) -> str:
    """Three digits or so."""
    if value is None or pd.isna(value):
        return ABSENT
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _network(labels: Labels, experiment: object, scheme: object, crossbar: object) -> list[str]:
    return [labels.network(str(experiment)), SCHEME_NAMES[str(scheme)], size(crossbar)]


def _spaced(mitigation: str) -> str:
    return mitigation.replace("+", " + ")


def _share(share: float, low: float, high: float) -> str:
    """A share with its interval, where it has one."""
    if math.isnan(share):
        return ABSENT
    return f"{share:.0f}" + ("" if math.isnan(low) else f" [{low:.0f}, {high:.0f}]")


def _range(values: pd.Series) -> str:
    """The least and the most of a cost, or the one that all have."""
    if values.isna().all():
        return ABSENT
    return " to ".join(dict.fromkeys(f"{value:,.0f}" for value in (values.min(), values.max())))
