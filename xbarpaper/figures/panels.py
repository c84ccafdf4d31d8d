"""Building blocks of the result figures: means with one kind of interval, grids of panels, points with bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.transforms import offset_copy

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.figures.style import SCHEME_COLOURS, SCHEME_MARKERS, ArtifactFigure, panel_grid
from xbarpaper.params import SCHEMES
from xbarpaper.support.statistics import intervals
from xbarpaper.support.words import count, square

Place = tuple[str, int]
"""A panel: experiment and crossbar size."""

FEWEST: Final = 3
"""Values that an interval needs: that of two is twelve times their distance wide and hides everything else."""

_NEAR: Final = 0.4
"""How far from what is drawn, in parts of its span, the accuracy of guessing is still shown."""


def unmitigated(evaluation: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Evaluations without mitigation, wires and variation acting, at the readout's gain."""
    chosen = (evaluation["mitigation"] == "none") & (evaluation["effects"] == "both")
    return evaluation[chosen & (evaluation["gain"] == labels.gain)]


def means(table: pd.DataFrame, by: Sequence[str], value: str, labels: Labels) -> pd.DataFrame:
    """Means of a table with the one kind of interval that every figure shows.

    Trainings of one network are one experiment here. The interval is that of the mean, Student's t: over the means of
    the trainings where a network has several, and over the draws of device variation where it has one.

    Args:
        table: a tidy table.
        by: columns that make a group, ``experiment`` among them.
        value: the column that is averaged.
        labels: words of the profile, with the level of the intervals.

    Returns:
        ``by``, ``mean``, ``low`` and ``high`` (NaN for fewer than ``FEWEST`` values), ``n``.
    """
    each = intervals(labels.pooled(table), [*by, "training_seed"], value, labels.confidence)
    several = each.groupby(list(by), sort=False, dropna=False)["mean"].transform("size") > 1
    parts = (
        each[~several].drop(columns="training_seed"),
        intervals(each[several], by, "mean", labels.confidence),
    )
    found = pd.concat([part for part in parts if len(part)], ignore_index=True)
    found.loc[found["n"] < FEWEST, ["low", "high"]] = np.nan
    return found


def bar_words(table: pd.DataFrame, labels: Labels) -> str:
    """What the bars of a figure of ``means`` are, as every caption says it."""
    draws = sorted({int(number) for number in table.groupby("experiment")["seed"].nunique() if number})
    number = " to ".join(dict.fromkeys(str(one) for one in (*draws[:1], *draws[-1:])))
    shown = f"{number} draws of device variation" if number != "1" else "1 draw of device variation"
    trainings = labels.pooled(table[["experiment"]]).groupby("experiment")["training_seed"].nunique()
    several = trainings[trainings > 1]
    over = shown
    if not len(several) and max(draws) == 1:
        return "One draw of device variation: no intervals."
    if not len(several) and max(draws) < FEWEST:
        return f"Means over {shown}, too few for intervals."
    if len(several):
        over = f"{count(int(several.iloc[0]), 'training')}, {shown} each"
        if len(several) == len(trainings) and several.max() < FEWEST:
            return f"Means over {over}: too few trainings for intervals."
        if len(several) < len(trainings):
            over += ", or over these draws where there is one training"
    return f"Bars: {labels.percent} intervals of the mean (Student's t) over {over}."


def per_experiment(
    table: pd.DataFrame, labels: Labels, *, height: float = 2.4
) -> tuple[ArtifactFigure, dict[str, Axes]]:
    """One panel for each network, trainings together, titled with what tells it from the others."""
    experiments = list(labels.pooled(table)["experiment"].unique())
    figure, panels = panel_grid(experiments, height)
    for experiment, panel in panels.items():
        panel.set_title(_title(table, labels, experiment, None))
    return figure, panels


def per_experiment_and_size(
    table: pd.DataFrame, labels: Labels, *, height: float = 2.0
) -> tuple[ArtifactFigure, dict[Place, Axes]]:
    """One panel for each network and crossbar size, trainings together, titled with what tells it from the others."""
    experiments, found = list(labels.pooled(table)["experiment"].unique()), sizes(table)
    # Two networks stand side by side; one has its sizes side by side.
    places = [(experiment, size) for size in found for experiment in experiments]
    figure, panels = panel_grid(places, height)
    for (experiment, size), panel in panels.items():
        panel.set_title(_title(table, labels, experiment, size))
    return figure, panels


def _title(table: pd.DataFrame, labels: Labels, experiment: str, size: int | None) -> str:
    networks = labels.pooled(table)[["experiment", "dataset"]].drop_duplicates()
    lines = [labels.networks[experiment]] if len(networks) > 1 else []
    if networks["dataset"].nunique() > 1:
        lines.append(labels.dataset(str(networks.set_index("experiment")["dataset"][experiment])))
    return "\n".join([*lines, *([square(size)] if size is not None else [])])


def at(table: pd.DataFrame, place: Place) -> pd.DataFrame:
    """The rows of one panel of ``per_experiment_and_size``."""
    return table[(table["experiment"] == place[0]) & (table["crossbar_size"] == place[1])]


def points(
    panel: Axes,
    positions: Any,
    rows: pd.DataFrame,
    *,
    colour: str,
    marker: str,
    label: str,
    line: str = "none",
    hollow: bool = False,
    sideways: bool = False,
    size: float = 3.5,
    right: float = 0.0,
) -> None:
    """Means with their intervals at positions along the x axis, or along the y axis where they go ``sideways``.

    What would hide another is drawn ``right`` of its place, points of the page.
    """
    values = rows["mean"].to_numpy(dtype=float)
    spread = np.array([values - rows["low"], rows["high"] - values], dtype=float).clip(min=0)
    placed = (
        {"x": values, "y": positions, "xerr": spread}
        if sideways
        else {"x": positions, "y": values, "yerr": spread}
    )
    drawn = panel.errorbar(
        **placed, color=colour, marker=marker, linestyle=line, label=label, capsize=1.5, elinewidth=0.9,
        markerfacecolor="white" if hollow else colour, markersize=size,
    )  # fmt: skip
    if right:
        move(panel, drawn.get_children(), right)


def move(panel: Axes, artists: Iterable[Artist], right: float) -> None:
    """Draw what stands on the panel ``right`` of its place, points of the page; its data stay as they are."""
    for artist in artists:
        artist.set_transform(
            offset_copy(panel.transData, panel.get_figure(root=True), x=right, units="points")
        )


def by_scheme(
    panel: Axes,
    rows: pd.DataFrame,
    column: str,
    places: Sequence[Any],
    *,
    line: str = "none",
    hollow: bool = False,
    sideways: bool = False,
    apart: float = 0.16,
) -> None:
    """The means of every scheme along ``places`` of a column, the schemes a little apart."""
    schemes = present(SCHEMES, list(rows["scheme"]))
    order = list(places)
    for rank, scheme in enumerate(schemes):
        own = rows[rows["scheme"] == scheme]
        shift = apart * (rank - (len(schemes) - 1) / 2)
        positions = np.array([order.index(value) for value in own[column]], dtype=float) + shift
        points(
            panel, positions, own, colour=SCHEME_COLOURS[scheme], marker=SCHEME_MARKERS[scheme],
            label="_" if hollow else SCHEME_NAMES[scheme], line=line, hollow=hollow, sideways=sideways,
        )  # fmt: skip


def span_words(table: pd.DataFrame, value: str) -> str:
    """The least and the most of a column for each scheme that prunes, such as ``C/F 1.20 to 3.10, XCS 1.50 to 2.00``."""
    spans = table[table["scheme"] != "unpruned"].groupby("scheme")[value].agg(["min", "max"])
    ends = {name: dict.fromkeys(f"{end:.2f}" for end in spans.loc[name]) for name in spans.index}
    return ", ".join(
        f"{SCHEME_NAMES[name]} {' to '.join(ends[name])}" for name in present(SCHEMES, list(ends))
    )


def accuracy_axis(
    panels: Iterable[Axes],
    table: pd.DataFrame | None = None,
    chance: Mapping[str, float] | None = None,
    *,
    sideways: bool = False,
) -> None:
    """As much of the accuracies as was drawn before, one scale for all panels, never far below 0 or above 100 %.

    A dotted line marks the accuracy of guessing where all data of the table share one and it is near what was drawn.
    """
    every = list(panels)
    named = {
        (chance or {}).get(str(name)) for name in (table["dataset"].unique() if table is not None else [])
    }
    guessed = named.pop() if len(named) == 1 else None
    ends = [panel.get_xlim() if sideways else panel.get_ylim() for panel in every]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    margin = _NEAR * (high - low)
    near = guessed is not None and low - margin < guessed < high + margin
    if guessed is not None and near:
        low, high = min(low, guessed - 0.1 * margin), max(high, guessed + 0.1 * margin)
    for panel in every:
        # A mark on an end is still whole.
        (panel.set_xlim if sideways else panel.set_ylim)(max(low, -2), min(high, 102))
        if guessed is not None and near:
            (panel.axvline if sideways else panel.axhline)(guessed, color="0.3", linestyle=":", linewidth=1)
            panel.plot([], [], ":", color="0.3", linewidth=1, label="chance")


def name_axes(panels: Iterable[Axes], *, x: str, y: str) -> None:
    """Name the y axis on the left of the grid, and the x axis under the lowest of the panels in each column."""
    every = list(panels)
    grid = every[0].get_gridspec()
    columns = grid.ncols if grid else 1
    for rank, panel in enumerate(every):
        if rank % columns == 0:
            panel.set_ylabel(y)
        if x and rank + columns >= len(every):
            panel.set_xlabel(x)
