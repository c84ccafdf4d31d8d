"""How much of the lost accuracy each mitigation wins back."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.claims.recovery import CELL, best_mitigations
from xbarpaper.figures.style import (
    MITIGATION_COLOURS,
    MITIGATION_MARKERS,
    PAGE_INCHES,
    ArtifactFigure,
    new_figure,
    shared_legend,
)
from xbarpaper.params import SCHEMES
from xbarpaper.support.words import count, join, square

GOAL_PERCENT: Final = 90.0
"""Share of the lost accuracy that counts as won back."""


def recovered_shares(table: pd.DataFrame, measured: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Recovered share of the lost accuracy, a mark per mitigation, a panel per experiment and crossbar size.

    Args:
        table: what ``recovery_table`` gives.
        measured: the tidy table of mitigations that it was made from.
        labels: words of the profile.
    """
    experiments, found = list(table["experiment"].unique()), sizes(table)
    schemes = present(SCHEMES, list(table["scheme"]))
    mitigations = [name for name in table["mitigation"].unique() if name != "none"]
    cells = [(experiment, size) for experiment in experiments for size in found]
    figure, axes = new_figure(len(cells), 1, panel_inches=(PAGE_INCHES, 2.1))
    limits = _limits(table)
    cut = False
    for (experiment, size), (panel,) in zip(cells, axes, strict=True):
        rows = table[(table["experiment"] == experiment) & (table["crossbar_size"] == size)]
        for rank, mitigation in enumerate(mitigations):
            own = rows[rows["mitigation"] == mitigation].set_index("scheme")
            x = np.array([schemes.index(scheme) for scheme in own.index], dtype=float)
            x += 0.8 * ((rank + 0.5) / len(mitigations) - 0.5)
            cut |= _marks(panel, x, own, mitigation, limits)
        for height, line in ((0, "-"), (GOAL_PERCENT, ":"), (100, "--")):
            panel.axhline(height, color="0.3", linestyle=line, linewidth=0.8, zorder=1)
        for rank in range(1, len(schemes)):
            panel.axvline(rank - 0.5, color="0.8", linewidth=0.8)
        panel.grid(visible=False, axis="x")
        panel.set_xticks(range(len(schemes)), [SCHEME_NAMES[name] for name in schemes])
        panel.set_xlim(-0.5, len(schemes) - 0.5)
        panel.set_ylim(limits)
        panel.set_title(f"{labels.panel(experiment, measured)}, {square(size)}".replace("\n", ", "))
        panel.set_ylabel("recovered share (%)")
    axes[-1][0].set_xlabel("pruning scheme")
    shared_legend(figure, axes[0][0], columns=8)
    figure.heading = "Accuracy won back"
    figure.caption = _caption(table, measured, labels) + (
        " Marks and intervals beyond the axis are not shown in full." if cut else ""
    )
    return figure


def _marks(
    panel: Axes, x: np.ndarray, rows: pd.DataFrame, mitigation: str, limits: tuple[float, float]
) -> bool:
    """Draw the shares of one mitigation; returns whether something lies beyond the axis."""
    colour = MITIGATION_COLOURS.get(mitigation, "0.3")
    marker = MITIGATION_MARKERS.get(mitigation, "o")
    low, high = rows["share_low"].fillna(rows["share"]), rows["share_high"].fillna(rows["share"])
    panel.vlines(x, low, high, color=colour, linewidth=1.0, zorder=3)
    panel.plot(x, rows["share"], marker, color=colour, markersize=4, label=mitigation, zorder=4)
    return bool((low < limits[0]).any() or (high > limits[1]).any())


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """All shares that are not far off, with zero and a hundred; a mitigation that ruins a network may lie below."""
    told = table.loc[table["mitigation"] != "none", ["share", "share_low", "share_high"]].to_numpy(
        dtype=float
    )
    told = told[np.isfinite(told)]
    if not told.size:
        return -6.0, 106.0
    low, high = float(told.min()), float(told.max())
    return max(-60.0, min(0.0, low)) - 6, min(160.0, max(100.0, high)) + 6


def _caption(table: pd.DataFrame, measured: pd.DataFrame, labels: Labels) -> str:
    best = best_mitigations(table)
    several = table["experiment"].nunique() > 1
    told = []
    for (experiment, size), rows in best.groupby(["experiment", "crossbar_size"], sort=False):
        where = (
            f"{labels.network(str(experiment))}, {square(int(str(size)))}"
            if several
            else square(int(str(size)))
        )
        each = [
            f"{SCHEME_NAMES[str(scheme)]} {mitigation} ({share:.0f} %)"
            for scheme, mitigation, share in zip(
                rows["scheme"], rows["mitigation"], rows["share"], strict=True
            )
        ]
        told.append(f"{where}: {', '.join(each)}")
    cells = len(table.drop_duplicates(CELL))
    reached = int((best["share"] >= GOAL_PERCENT).sum())
    most = (
        f"Most is won back at {'; '.join(told)}. The best mitigation reaches {GOAL_PERCENT:g} % in {reached} of "
        f"{count(cells, 'combination')} of scheme and size."
        if told
        else ""
    )
    nothing = cells - len(best)
    seeds = join(sorted({str(number) for number in table["seeds"]}, key=int))
    return (
        f"{labels.subject(measured)}: of the accuracy that the crossbars took from each network, the share that a "
        "mitigation wins back: (accuracy with it - accuracy without) / (software accuracy - accuracy without), software "
        f"accuracy being that of the network before any mitigation. Means over {seeds} variation seeds, the same for "
        f"all; bars: {labels.percent} intervals, bootstrap over these seeds. Lines: nothing, {GOAL_PERCENT:g} % and all. "
        f"Readout gain: {labels.gain}. {most}"
        + (f" In {count(nothing, 'combination')} no accuracy was lost." if nothing else "")
    ).rstrip()
