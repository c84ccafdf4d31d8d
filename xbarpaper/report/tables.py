"""Small tables of the report's page, and those of what the mitigations win back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.experiments.results import Results
from xbarpaper.figures.recovery import recovery_table
from xbarpaper.params import Claims
from xbarpaper.support.words import square

_ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """A small table as text: columns, rows, and how many columns from the left are words, not numbers."""

    columns: list[str]
    rows: list[list[str]]
    words: int


def recovered(tables: Results, labels: Labels, claims: Claims) -> tuple[Table, Table] | None:
    """What each mitigation wins back, in percent of the lost accuracy, and what each costs; None where none was tried."""
    if tables.recovery.empty:
        return None
    table = recovery_table(tables.recovery, tables.costs, labels, claims)
    names = [name for name in table["mitigation"].unique() if name != "none"]
    return _shares(table, names, labels), _costs(table, names)


def _shares(table: pd.DataFrame, names: list[str], labels: Labels) -> Table:
    rows = []
    for (experiment, scheme, size), group in table.groupby(
        ["experiment", "scheme", "crossbar_size"], sort=False
    ):
        shares = [_share(group[group["mitigation"] == name]) for name in names]
        rows.append(
            [
                labels.network(str(experiment)),
                SCHEME_NAMES[str(scheme)],
                square(int(str(size))),
                f"{group['lost'].iloc[0]:.1f}",
                *shares,
            ]
        )
    heads = [name.replace("+", " + ") for name in names]
    return Table(["network", "scheme", "crossbar", "lost (points)", *heads], rows, words=3)


def _share(row: pd.DataFrame) -> str:
    """The share in a row, with its interval where it has one."""
    share, low, high = (float(row[column].mean()) for column in ("share", "share_low", "share_high"))
    if math.isnan(share):
        return _ABSENT
    return f"{share:.0f}" + ("" if math.isnan(low) else f" [{low:.0f}, {high:.0f}]")


_COSTS = {
    "training_images": "training images",
    "chip_images": "images for each chip",
    "circuit_solutions": "solutions of circuits",
    "chip_solutions": "solutions for each chip",
}


def _costs(table: pd.DataFrame, names: list[str]) -> Table:
    rows = []
    for name in names:
        own = table[table["mitigation"] == name]
        cells = [_range(own[column], 0) for column in _COSTS]
        rows.append([name.replace("+", " + "), *cells])
    return Table(["mitigation", *_COSTS.values()], rows, words=1)


def _range(values: pd.Series, digits: int) -> str:
    """The least and the most of a cost, or the one that all have."""
    if values.isna().all():
        return _ABSENT
    ends = [f"{value:,.{digits}f}" for value in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
