"""The verdicts on the paper's statements: an overview of all, and each claim's effects with intervals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.claims.schema import Claim
from xbarpaper.figures.panels import per_experiment
from xbarpaper.figures.style import (
    PAGE_INCHES,
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    ArtifactFigure,
    new_figure,
    shared_legend,
)
from xbarpaper.params import MITIGATIONS, SCHEMES
from xbarpaper.support.words import count, square

# Heights of a row, inches, and looks of a single comparison and of the levels above it.
_ROW_INCHES: Final = 0.155
_SINGLE: Final = {"markersize": 4.5, "linewidth": 1.2}
_JOINED: Final = {"markersize": 7.0, "linewidth": 2.4}

_AXES: Final = {
    "C1": "software accuracy lost (points)",
    "C2": "loss more than unpruned (points)",
    "C3": "loss reduced (points)",
    "C4": "loss reduced (points)",
    "C5": "low share gained (%-points)",
}


def verdict_overview(verdicts: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Every verdict at a glance: a row per claim and mitigation, a column per crossbar size and scheme.

    Before them stand the verdicts of the network and, where there are several, of all networks.

    Args:
        verdicts: a row per effect, columns ``claim``, ``level``, ``experiment``, ``dataset``,
            ``crossbar_size``, ``scheme``, ``mitigation``, ``verdict``.
        labels: words of the profile.
    """
    singles = verdicts[verdicts["level"] == "comparison"]
    schemes, found = present(SCHEMES, list(singles["scheme"])), sizes(singles)
    several = singles["experiment"].nunique() > 1
    joined = ["all networks", "this network"] if several else ["overall"]
    columns = [(size, scheme) for size in found for scheme in schemes]
    rows = sorted(
        set(zip(verdicts["claim"], verdicts["mitigation"], strict=True)),
        key=lambda row: (row[0], MITIGATIONS.index(row[1]) if row[1] in MITIGATIONS else len(MITIGATIONS)),
    )
    figure, panels = per_experiment(singles, height=1.5 + 0.19 * len(rows))
    for experiment, panel in panels.items():
        own = singles[singles["experiment"] == experiment]
        for outcome in VERDICT_COLOURS:
            chosen = own[own["verdict"] == outcome]
            keys = zip(chosen["crossbar_size"], chosen["scheme"], strict=True)
            x = [len(joined) + columns.index(key) for key in keys]
            y = [rows.index(key) for key in zip(chosen["claim"], chosen["mitigation"], strict=True)]
            _mark(panel, x, y, outcome, _SINGLE)
        whole = verdicts["level"] == "overall"
        network = (verdicts["level"] == "network") & (verdicts["experiment"] == experiment)
        for rank, level in enumerate([whole, network] if several else [whole]):
            for claim, mitigation, outcome in verdicts.loc[level, ["claim", "mitigation", "verdict"]].values:
                _mark(panel, [rank], [rows.index((claim, mitigation))], outcome, _JOINED, named=False)
        panel.axvspan(-0.6, len(joined) - 0.5, color="0.92", zorder=0)
        panel.set_xticks(
            range(len(joined) + len(columns)),
            [*joined, *(SCHEME_NAMES[scheme] for _, scheme in columns)],
            rotation=90,
        )
        panel.set_xlim(-0.6, len(joined) + len(columns) - 0.4)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        names = [claim if mitigation == "none" else f"{claim}, {mitigation}" for claim, mitigation in rows]
        panel.set_yticks(range(len(rows)), names)
        for rank in range(1, len(found)):
            panel.axvline(len(joined) + len(schemes) * rank - 0.5, color="0.6", linewidth=0.8)
        above = panel.secondary_xaxis("top")
        above.set_xticks(
            [len(joined) + len(schemes) * (rank + 0.5) - 0.5 for rank in range(len(found))],
            map(square, found),
        )
        above.tick_params(length=0, pad=1)
        panel.set_title(labels.panel(experiment, singles))
    shared_legend(figure, next(iter(panels.values())))
    figure.heading = "Verdicts on the paper's statements"
    figure.caption = (
        f"{labels.subject(singles)}: each statement C1 to C5 of the paper, tested for every crossbar size, "
        f"pruning scheme and, where it speaks of one, mitigation; large on grey, all of them joined. "
        f"{_told(singles)} Empty places: the statement says nothing there. Rules and numbers: claims.json."
    )
    return figure


@dataclass(frozen=True)
class _Line:
    """A line of a forest plot: what its label says, and which rows of the table it shows."""

    label: str
    level: str
    experiment: str | None = None
    size: int | None = None
    scheme: str | None = None

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        chosen = table[table["level"] == self.level]
        wanted = {"experiment": self.experiment, "crossbar_size": self.size, "scheme": self.scheme}
        for column, value in wanted.items():
            if value is not None:
                chosen = chosen[chosen[column] == value]
        return chosen


def claim_effects(claim: Claim, verdicts: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """A claim's effects with their intervals, coloured by verdict: a panel per mitigation.

    The joined effects stand on top, on grey: overall, per crossbar size, per network. Below them is a line
    for every comparison.

    Args:
        claim: which one; a tolerance among its details is drawn.
        verdicts: as in ``verdict_overview``, with ``effect``, ``low`` and ``high``.
        labels: words of the profile.
    """
    table = verdicts[verdicts["claim"] == claim.id]
    found = [row.details.get("tolerance_points") for row in claim.verdicts]
    tolerances = {value for value in found if isinstance(value, float)}
    singles = table[table["level"] == "comparison"]
    mitigations = present(MITIGATIONS, list(singles["mitigation"]))
    lines = _lines(singles, labels)
    grey = sum(line.level not in ("comparison", "") for line in lines)
    width = PAGE_INCHES * (0.6 if len(mitigations) == 1 else 1 / len(mitigations))
    height = 0.85 + _ROW_INCHES * len(lines)
    figure, (panels,) = new_figure(1, len(mitigations), panel_inches=(width, height), share_y=True)
    for mitigation, panel in zip(mitigations, panels, strict=True):
        own = table[table["mitigation"] == mitigation]
        panel.axhspan(-0.6, grey - 0.5, color="0.92", zorder=0)
        for outcome in VERDICT_COLOURS:
            _mark(panel, [], [], outcome, _SINGLE)
        for y, line in enumerate(lines):
            for row in line.of(own).to_dict("records"):
                look = _SINGLE if line.level == "comparison" else _JOINED
                _interval(panel, row["low"], row["high"], y, str(row["verdict"]), look)
                _mark(panel, [float(row["effect"])], [y], str(row["verdict"]), look, named=False)
        for edge in _breaks(lines):
            panel.axhline(edge, color="0.6", linewidth=0.6)
        panel.axvline(0, color="0.3", linewidth=0.8)
        for tolerance in tolerances:
            panel.axvline(tolerance, color="0.3", linestyle=":", linewidth=1)
        panel.set_ylim(len(lines) - 0.4, -0.6)
        panel.set_yticks(range(len(lines)), [line.label for line in lines])
        panel.grid(visible=False, axis="y")
        if mitigation != "none":
            panel.set_title(mitigation)
        panel.set_xlabel(_AXES.get(claim.id, "effect"))
        panel.set_xlim(_limits(table))
    for tick, line in zip(panels[0].get_yticklabels(), lines, strict=True):
        tick.set_fontweight("bold" if line.level in ("", "overall") else "normal")
    shared_legend(figure, panels[0])
    figure.heading = f"{claim.id}: effects and verdicts"
    bars = f"bars: {labels.percent} intervals" if table["low"].notna().any() else "counted, without intervals"
    dotted = "".join(f" Dotted: the tolerance of {tolerance:g} points." for tolerance in tolerances)
    figure.caption = (
        f"{labels.subject(singles)}. {claim.id}: {claim.text} On grey, effects joined: overall, per crossbar "
        f"size and per network, tested over seeds after averaging; below, single comparisons. Effects lie between "
        f"{table['effect'].min():+.2f} and {table['effect'].max():+.2f} ({bars}).{dotted} {_told(singles)}"
    )
    return figure


def _lines(singles: pd.DataFrame, labels: Labels) -> list[_Line]:
    experiments, found = list(singles["experiment"].unique()), sizes(singles)
    schemes = present(SCHEMES, list(singles["scheme"]))
    names = {name: _name(name, singles, labels) for name in experiments}
    lines = [_Line("overall", "overall")]
    lines += [_Line("unpruned", "unpruned")] if "unpruned" in schemes else []
    if len(found) > 1:
        lines += [_Line(f"all of {square(size)}", "size", size=size) for size in found]
    if len(experiments) > 1:
        lines += [_Line(names[name], "network", experiment=name) for name in experiments]
    for name in experiments:
        lines += [_Line(names[name], "")] if len(experiments) > 1 else []
        lines += [
            _Line(f"{square(size)}, {SCHEME_NAMES[scheme]}", "comparison", name, size, scheme)
            for size in found
            for scheme in schemes
        ]
    return lines


def _name(experiment: str, table: pd.DataFrame, labels: Labels) -> str:
    """The network, with its data where another one is called alike."""
    name = labels.network(experiment)
    alike = [other for other in table["experiment"].unique() if labels.network(other) == name]
    if len(alike) == 1:
        return name
    data = {str(row["experiment"]): str(row["dataset"]) for row in table.to_dict("records")}
    distinct = len({data[other] for other in alike}) == len(alike)
    return f"{name}, {labels.dataset(data[experiment])}" if distinct else experiment


def _breaks(lines: list[_Line]) -> list[float]:
    """Where one crossbar size or network ends among the single comparisons."""
    return [
        y + 0.5
        for y, (line, after) in enumerate(itertools.pairwise(lines))
        if line.level == "comparison" and (line.experiment, line.size) != (after.experiment, after.size)
    ]


def _told(singles: pd.DataFrame) -> str:
    singles = singles[singles["counted"]]
    told = singles["verdict"].value_counts()
    counts = ", ".join(f"{told.get(outcome, 0)} {outcome}" for outcome in VERDICT_COLOURS)
    return f"Of {count(len(singles), 'comparison')}: {counts}."


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """One x axis for all panels of a claim, with zero and everything shown on it."""
    values = table[["effect", "low", "high"]].astype(float)
    low, high = min(0.0, float(values.min().min())), max(0.0, float(values.max().max()))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _interval(
    panel: Axes, low: float | None, high: float | None, y: float, outcome: str, look: dict[str, float]
) -> None:
    if low is not None and high is not None and pd.notna(low) and pd.notna(high):
        colour, width = VERDICT_COLOURS[outcome], look["linewidth"]
        panel.plot([low, high], [y, y], color=colour, linewidth=width, solid_capstyle="butt")


def _mark(
    panel: Axes,
    x: Sequence[float],
    y: Sequence[float],
    outcome: str,
    look: dict[str, float],
    *,
    named: bool = True,
) -> None:
    panel.plot(
        x,
        y,
        linestyle="none",
        marker=VERDICT_MARKERS[outcome],
        markersize=look["markersize"],
        color=VERDICT_COLOURS[outcome],
        label=outcome if named else "_",
    )
