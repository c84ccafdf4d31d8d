"""The settings of R and WCT that a search compared, and which of them it chose."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.figures.panels import points
from xbarpaper.figures.style import BLUE, SKY, VERMILION, ArtifactFigure, new_figure
from xbarpaper.support.words import count, square

_MARKS: Final = {
    ("R", "layer"): (SKY, "o"), ("R", "crossbar"): (BLUE, "s"), ("WCT", "old"): (VERMILION, "o"),
    ("WCT", "new"): ("0.35", "s"),
}  # fmt: skip
_NAMES = {"layer": "w_max per layer", "crossbar": "per crossbar", "old": "old w_max", "new": "new w_max"}


def searched_settings(space: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """What every setting gains on validation images, a row of panels for each experiment and way of pruning."""
    cells = list(space.groupby(["experiment", "pruned"], sort=False))
    figure, axes = new_figure(2 * len(cells), 1, height=2.1)
    for rank, ((experiment, when), rows) in enumerate(cells):
        left, right = axes[2 * rank : 2 * rank + 2]
        pruned = "pruned at initialisation" if when == "init" else "pruned after training"
        left.set_title(f"{labels.network(str(experiment))}, {pruned}: R")
        right.set_title("WCT")
        _by_error(left, rows[rows["mitigation"] == "R"])
        _by_limit(right, rows[rows["mitigation"] == "WCT"])
    named = {
        label: handle
        for panel in axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    best = named.pop("best")
    figure.legend([*named.values(), best], [*named, "best"], loc="outside lower center", ncols=2)
    figure.heading = "Settings of R and of WCT compared"
    figure.caption = _caption(space, labels)
    return figure


def _by_error(panel: Axes, rows: pd.DataFrame) -> None:
    """R: what is gained over the predicted error; settings that were not evaluated are lines at the bottom."""
    _points(panel, rows, rows["predicted_error"].to_numpy(dtype=float))
    left_out = rows.loc[rows["gained"].isna(), "predicted_error"]
    below = panel.get_xaxis_transform()
    panel.vlines(left_out, 0, 0.05, transform=below, color="0.6", linewidth=0.6)
    panel.set_xlabel("predicted error of the weights (%)")


def _by_limit(panel: Axes, rows: pd.DataFrame) -> None:
    """WCT: what is gained over the limit, trainings of one limit side by side."""
    limits = sorted(rows["cut_quantile"].unique())
    x = rows["cut_quantile"].map(limits.index).to_numpy(dtype=float)
    within = rows.groupby("cut_quantile").cumcount().to_numpy(dtype=float)
    _points(panel, rows, x + 0.7 * (within + 0.5) / (within.max() + 1) - 0.35)
    panel.set_xticks(range(len(limits)), [f"{100 * one:g}" if one < 1 else "none" for one in limits])
    panel.grid(visible=False, axis="x")
    panel.set_xlabel("limit: quantile of |w| (%)")


def _points(panel: Axes, rows: pd.DataFrame, x: np.ndarray) -> None:
    shown = rows.rename(columns={"gained": "mean", "gained_low": "low", "gained_high": "high"}).assign(x=x)
    shown = shown[shown["mean"].notna()]
    rounds = shown["rounds"].fillna(0) > 0
    for (mitigation, own), (colour, marker) in _MARKS.items():
        for hollow, words in ((False, ""), (True, ", in rounds")):
            group = shown[(shown["mitigation"] == mitigation) & (shown["range"] == own) & (rounds == hollow)]
            if len(group):
                label = _NAMES[own] + words
                points(panel, group["x"], group, colour=colour, marker=marker, label=label, hollow=hollow)
    best = shown[shown["chosen"].astype(bool)]
    panel.plot(best["x"], best["mean"], "o", markersize=9, markerfacecolor="none", color="0.1", label="best")
    gained = rows["gained"].dropna()
    spread = max(0.4 * float(gained.max() - gained.min()), 0.5)
    panel.set_ylim(min(0.0, gained.min()) - spread, max(0.0, gained.max()) + spread)
    panel.axhline(0, color="0.3", linewidth=0.8)
    panel.set_ylabel("validation gain (points)")


def _caption(space: pd.DataFrame, labels: Labels) -> str:
    evaluated = space["gained"].notna()
    best = space[space["chosen"]]
    told = "; ".join(
        f"{row.mitigation}, {row.setting} ({row.gained:+.2f} points, {row.gained_low:+.2f} to {row.gained_high:+.2f})"
        for row in best.itertuples()
    )
    draws = int(space["draws"].max())
    return (
        f"{labels.subject(space)}, crossbars of {square(int(space['crossbar_size'].iloc[0]))}: accuracy gained on the "
        f"crossbars against no mitigation, mean over the pruned networks, on "
        f"{int(space['images'].iloc[0])} validation images held out of the training set, "
        f"{count(draws, 'draw')} of the devices that no test uses; bars: {labels.percent} intervals (Student's t), "
        f"which may end beyond the axis. {count(len(space), 'setting')}, of which {int(evaluated.sum())} were evaluated: "
        "all of WCT, and of R those of the least error of the weights, with circuits solved on nominal devices (lines at "
        f"the bottom: the others). Best: {told}."
    )
