"""Building blocks of the result figures: grids of panels, grouped bars, points with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.figures.style import (
    COLUMN_INCHES,
    PAGE_INCHES,
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    new_figure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import SCHEMES
from xbarpaper.support.statistics import intervals
from xbarpaper.support.words import count, square


def per_experiment(table: pd.DataFrame, *, height: float = 2.4) -> tuple[ArtifactFigure, dict[str, Axes]]:
    """One panel for each experiment, two side by side."""
    experiments = list(table["experiment"].unique())
    width = COLUMN_INCHES if len(experiments) == 1 else PAGE_INCHES / 2
    return panel_grid(experiments, 2, height, width=width, share_y=True)


def per_experiment_and_size(
    table: pd.DataFrame, labels: Labels, *, height: float = 2.3
) -> tuple[ArtifactFigure, dict[tuple[str, int], Axes]]:
    """A row of panels for each experiment, a column for each crossbar size, titled with both."""
    experiments, found = list(table["experiment"].unique()), sizes(table)
    width = max(COLUMN_INCHES / len(found), PAGE_INCHES / 2 if len(found) < 3 else PAGE_INCHES / 3)
    figure, axes = new_figure(len(experiments), len(found), panel_inches=(width, height), share_y=True)
    panels = {}
    for experiment, row in zip(experiments, axes, strict=True):
        for size, panel in zip(found, row, strict=True):
            panel.set_title(f"{labels.panel(experiment, table)}, {square(size)}")
            panels[experiment, size] = panel
    return figure, panels


def means_and_trainings(
    table: pd.DataFrame, by: Sequence[str], value: str, labels: Labels
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of a pooled table, and the mean of each training where a network has several.

    Args:
        table: what ``Labels.pooled`` gives.
        by: columns that make a group.
        value: the column that is averaged.
        labels: words of the profile, with the level of the intervals.

    Returns:
        ``by``, ``mean``, ``low``, ``high``, ``n``: of one training the mean over its rows with its interval, of several
        the mean of their means without one; and the same of each of several trainings, with its ``training_seed``.
    """
    each = intervals(table, [*by, "training_seed"], value, labels.confidence)
    trainings = each.groupby(list(by), sort=False, dropna=False)["mean"].transform("size")
    one, several = each[trainings == 1].drop(columns="training_seed"), each[trainings > 1]
    over = (
        several.groupby(list(by), sort=False, dropna=False)["mean"].agg(mean="mean", n="size").reset_index()
    )
    over = over.assign(low=np.nan, high=np.nan)[[*by, "mean", "low", "high", "n"]]
    return pd.concat([part for part in (one, over) if len(part)], ignore_index=True), several


def losses_by_scheme(
    table: pd.DataFrame,
    labels: Labels,
    column: str,
    series: Sequence[str],
    *,
    colours: dict[str, str],
    hatches: dict[str, str],
    names: dict[str, str],
) -> tuple[ArtifactFigure, pd.DataFrame]:
    """Bars of the accuracy lost, a group per scheme, a panel per experiment and crossbar size.

    Args:
        table: what ``Labels.pooled`` gives, with ``loss`` in points.
        labels: words of the profile.
        column, series: what tells the bars of a group apart, and its values.
        colours, hatches, names: of the series.

    Returns:
        The figure, without words, and the means that it shows.
    """
    means, trainings = means_and_trainings(
        table, ["experiment", "scheme", "crossbar_size", column], "loss", labels
    )
    schemes = present(SCHEMES, list(means["scheme"]))
    figure, panels = per_experiment_and_size(table, labels)
    for place, panel in panels.items():
        grouped_bars(
            panel,
            at_panel(means, *place),
            trainings=at_panel(trainings, *place),
            groups=schemes,
            group_column="scheme",
            series=series,
            series_column=column,
            colours=colours,
            hatches=hatches,
            names=names,
        )
        panel.set_xticks(range(len(schemes)), [SCHEME_NAMES[name] for name in schemes])
        panel.set_xlabel("pruning scheme")
    label_left(panels, "accuracy lost (points)")
    shared_legend(figure, next(iter(panels.values())))
    return figure, means


def grouped_bars(
    panel: Axes,
    table: pd.DataFrame,
    *,
    groups: Sequence[Any],
    group_column: str,
    series: Sequence[str],
    series_column: str,
    colours: dict[str, str],
    hatches: dict[str, str] | None = None,
    names: dict[str, str] | None = None,
    value_format: str | None = None,
    trainings: pd.DataFrame | None = None,
) -> None:
    """Bars from zero: a group for each of ``groups``, in it a bar for each of ``series``, with intervals.

    Args:
        panel: axes to draw on.
        table: a row per bar with ``mean``, ``low`` and ``high``; bars without a row are left out.
        groups, group_column: what stands along the x axis.
        series, series_column: what is told apart by colour.
        colours, hatches: of each series.
        names: what the legend calls each series.
        value_format: format of the number written over each bar; ``None`` writes none.
        trainings: rows like those of ``table``, several for a bar: dots on it.
    """
    width = 0.82 / len(series)
    for rank, name in enumerate(series):
        rows = table[table[series_column] == name].drop_duplicates(group_column).set_index(group_column)
        at = [index for index, group in enumerate(groups) if group in rows.index]
        chosen = rows.loc[[groups[index] for index in at]]
        x = np.array(at, dtype=float) + (rank - (len(series) - 1) / 2) * width
        bars = panel.bar(
            x,
            chosen["mean"],
            width=0.92 * width,
            color=colours[name],
            hatch=(hatches or {}).get(name, ""),
            edgecolor="white" if (hatches or {}).get(name) else colours[name],
            label=(names or {}).get(name, name),
        )
        error_bars(panel, x, chosen)
        if trainings is not None and len(trainings):
            dots = trainings[trainings[series_column] == name]
            places = np.array([list(groups).index(group) for group in dots[group_column]], dtype=float)
            training_dots(panel, places + (rank - (len(series) - 1) / 2) * width, dots)
        if value_format is not None:
            shown = [format(value, value_format) for value in chosen["mean"]]
            panel.bar_label(bars, shown, fontsize=7, padding=1.5, rotation=0 if width > 0.19 else 90)
    panel.set_xticks(range(len(groups)), [str(group) for group in groups])
    panel.grid(visible=False, axis="x")
    panel.axhline(0, color="0.3", linewidth=0.8)


def error_bars(panel: Axes, x: np.ndarray[Any, Any], table: pd.DataFrame, colour: str = "0.15") -> None:
    """Intervals ``low`` to ``high`` at ``x``; rows without an interval get none."""
    known = table["low"].notna().to_numpy()
    if not known.any():
        return
    rows = table[known]
    spread = np.array([rows["mean"] - rows["low"], rows["high"] - rows["mean"]]).clip(min=0)
    panel.errorbar(
        x[known], rows["mean"], yerr=spread, fmt="none", ecolor=colour, elinewidth=0.9, capsize=2, zorder=4
    )


def scheme_points(
    panel: Axes, x: np.ndarray[Any, Any], rows: pd.DataFrame, scheme: str, line: str = "-"
) -> None:
    """Means of one scheme with their intervals, in its colour and marker, joined by a line or by ``none``."""
    colour, marker = SCHEME_COLOURS[scheme], SCHEME_MARKERS[scheme]
    panel.plot(x, rows["mean"], linestyle=line, color=colour, marker=marker, label=SCHEME_NAMES[scheme])
    error_bars(panel, x, rows, colour)


def training_dots(panel: Axes, x: np.ndarray[Any, Any], table: pd.DataFrame) -> None:
    """The mean of each training at ``x``, as small dots over what the mean of all is drawn with."""
    panel.plot(x, table["mean"], "o", color="0.15", markersize=1.8, zorder=6)


def at_panel(table: pd.DataFrame, experiment: str, size: int) -> pd.DataFrame:
    """The rows of one panel of ``per_experiment_and_size``."""
    return table[(table["experiment"] == experiment) & (table["crossbar_size"] == size)]


def label_left(panels: dict[tuple[str, int], Axes], text: str) -> None:
    """Name the y axis once per row of panels, on its left."""
    first = min(size for _, size in panels)
    for (_, size), panel in panels.items():
        if size == first:
            panel.set_ylabel(text)


def seed_words(table: pd.DataFrame, labels: Labels) -> str:
    """How many variation seeds stand behind the means of a table, and what its bars are."""
    numbers = table.dropna(subset=["seed"]).groupby("experiment")["seed"].nunique()
    if numbers.empty:
        return "no random variation"
    seeds = sorted({int(number) for number in numbers})
    shown = (
        count(seeds[0], "variation seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} variation seeds"
    )
    bars = f"bars: {labels.percent} intervals of the mean (Student's t)"
    trainings = table["training_seed"] if "training_seed" in table else pd.Series(dtype=float)
    if trainings.notna().sum() == 0:
        return f"mean over {shown}, {bars}"
    if trainings.notna().all():
        return f"mean over {count(trainings.nunique(), 'training')} of {shown} each, dots: each training"
    return f"mean over {shown}, {bars}; of several trainings of a network the mean, dots: each training"
