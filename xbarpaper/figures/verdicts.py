"""The verdicts on the paper's statements: an overview of all, and each claim's effects with intervals."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.figures.labels import Labels, count, sizes, square
from xbarpaper.figures.panels import per_experiment
from xbarpaper.figures.style import (
    PAGE_INCHES,
    SCHEME_NAMES,
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    ArtifactFigure,
    new_figure,
    present,
    shared_legend,
)
from xbarpaper.params import MITIGATIONS, SCHEMES

_AXES: Final = {
    "C1": "software accuracy lost (points)",
    "C2": "loss more than unpruned (points)",
    "C3": "accuracy gained (points)",
    "C4": "accuracy gained (points)",
    "C5": "low share gained (%-points)",
}


def verdict_overview(verdicts: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Every verdict at a glance: a row per claim and mitigation, a column per crossbar size and scheme.

    Args:
        verdicts: a row per comparison, columns ``claim``, ``experiment``, ``dataset``, ``crossbar_size``,
            ``scheme``, ``mitigation``, ``verdict``.
        labels: words of the profile.
    """
    schemes, found = present(SCHEMES, list(verdicts["scheme"])), sizes(verdicts)
    columns = [(size, scheme) for size in found for scheme in schemes]
    rows = sorted(
        set(zip(verdicts["claim"], verdicts["mitigation"], strict=True)),
        key=lambda row: (row[0], MITIGATIONS.index(row[1]) if row[1] in MITIGATIONS else len(MITIGATIONS)),
    )
    figure, panels = per_experiment(verdicts, height=1.3 + 0.19 * len(rows))
    for experiment, panel in panels.items():
        own = verdicts[verdicts["experiment"] == experiment]
        for outcome in VERDICT_COLOURS:
            chosen = own[own["verdict"] == outcome]
            x = [columns.index(key) for key in zip(chosen["crossbar_size"], chosen["scheme"], strict=True)]
            y = [rows.index(key) for key in zip(chosen["claim"], chosen["mitigation"], strict=True)]
            _mark(panel, x, y, outcome)
        panel.set_xticks(range(len(columns)), [SCHEME_NAMES[scheme] for _, scheme in columns], rotation=90)
        panel.set_xlim(-0.6, len(columns) - 0.4)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        names = [claim if mitigation == "none" else f"{claim}, {mitigation}" for claim, mitigation in rows]
        panel.set_yticks(range(len(rows)), names)
        for rank in range(1, len(found)):
            panel.axvline(len(schemes) * rank - 0.5, color="0.6", linewidth=0.8)
        above = panel.secondary_xaxis("top")
        above.set_xticks(
            [len(schemes) * (rank + 0.5) - 0.5 for rank in range(len(found))], map(square, found)
        )
        above.tick_params(length=0, pad=1)
        panel.set_title(labels.panel(experiment, verdicts))
    shared_legend(figure, next(iter(panels.values())))
    told = verdicts["verdict"].value_counts()
    figure.heading = "Verdicts on the paper's statements"
    figure.caption = (
        f"{labels.subject(verdicts)}: each statement C1 to C5 of the paper, tested for every crossbar size, "
        f"pruning scheme and, where it speaks of one, mitigation. Of {count(len(verdicts), 'comparison')}: "
        + ", ".join(f"{told.get(outcome, 0)} {outcome}" for outcome in VERDICT_COLOURS)
        + ". Empty places: the statement says nothing there. Rules and numbers: claims.json."
    )
    return figure


def claim_effects(verdicts: pd.DataFrame, claim: str, text: str, labels: Labels) -> ArtifactFigure:
    """A claim's effects with their intervals, coloured by verdict: a row of panels per experiment.

    Args:
        verdicts: as in ``verdict_overview``, with ``effect``, ``low`` and ``high``.
        claim: which one, such as ``C3``.
        text: the statement, for the caption.
        labels: words of the profile; their tolerance is drawn for C1.
    """
    table = verdicts[verdicts["claim"] == claim]
    schemes, found = present(SCHEMES, list(table["scheme"])), sizes(table)
    mitigations = present(MITIGATIONS, list(table["mitigation"]))
    experiments = list(table["experiment"].unique())
    rows = [(size, scheme) for size in found for scheme in schemes]
    limits = _limits(table)
    width = PAGE_INCHES / max(2, len(mitigations))
    height = 0.9 + 0.16 * len(rows)
    figure, axes = new_figure(len(experiments), len(mitigations), panel_inches=(width, height), share_y=True)
    for experiment, line in zip(experiments, axes, strict=True):
        for mitigation, panel in zip(mitigations, line, strict=True):
            own = table[(table["experiment"] == experiment) & (table["mitigation"] == mitigation)]
            for outcome in VERDICT_COLOURS:
                _intervals(panel, own[own["verdict"] == outcome], rows, outcome)
            panel.axvline(0, color="0.3", linewidth=0.8)
            if claim == "C1":
                panel.axvline(labels.tolerance_points, color="0.3", linestyle=":", linewidth=1)
            panel.set_ylim(len(rows) - 0.4, -0.6)
            panel.set_yticks(
                range(len(rows)), [f"{square(size)}, {SCHEME_NAMES[name]}" for size, name in rows]
            )
            name = "" if mitigation == "none" else f", {mitigation}"
            panel.set_title(f"{labels.network(experiment)}{name}")
            panel.set_xlabel(_AXES.get(claim, "effect"))
            panel.set_xlim(limits)
    shared_legend(figure, axes[0][0])
    told = table["verdict"].value_counts()
    figure.heading = f"{claim}: effects and verdicts"
    bars = f"bars: {labels.percent} intervals" if table["low"].notna().any() else "counted, without intervals"
    dotted = f" Dotted: the tolerance of {labels.tolerance_points:g} points." if claim == "C1" else ""
    figure.caption = (
        f"{labels.subject(table)}. {claim}: {text} Effects lie between {table['effect'].min():+.2f} and "
        f"{table['effect'].max():+.2f} ({bars}).{dotted} Of {count(len(table), 'comparison')}: "
        + ", ".join(f"{told.get(outcome, 0)} {outcome}" for outcome in VERDICT_COLOURS)
        + "."
    )
    return figure


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """One x axis for all panels of a claim, with zero and everything shown on it."""
    values = table[["effect", "low", "high"]].astype(float)
    low, high = min(0.0, float(values.min().min())), max(0.0, float(values.max().max()))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _intervals(panel: Axes, table: pd.DataFrame, rows: list[tuple[int, str]], outcome: str) -> None:
    y = [rows.index(key) for key in zip(table["crossbar_size"], table["scheme"], strict=True)]
    bounds = table[["low", "high"]].astype(float)
    for place, low, high in zip(y, bounds["low"], bounds["high"], strict=True):
        if pd.notna(low) and pd.notna(high):
            panel.plot([low, high], [place, place], color=VERDICT_COLOURS[outcome], solid_capstyle="butt")
    _mark(panel, list(table["effect"]), y, outcome)


def _mark(panel: Axes, x: list[int], y: list[int], outcome: str) -> None:
    panel.plot(
        x,
        y,
        linestyle="none",
        marker=VERDICT_MARKERS[outcome],
        markersize=5,
        color=VERDICT_COLOURS[outcome],
        label=outcome,
    )
