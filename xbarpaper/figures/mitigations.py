"""What the mitigations give back: R and WCT before and after, and all mitigations side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, sizes
from xbarpaper.figures.panels import (
    at_panel,
    error_bars,
    grouped_bars,
    losses_by_scheme,
    means_and_trainings,
    seed_words,
    training_dots,
)
from xbarpaper.figures.style import (
    MITIGATION_COLOURS,
    MITIGATION_HATCHES,
    PAGE_INCHES,
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    new_figure,
    shared_legend,
)
from xbarpaper.params import MITIGATIONS, SCHEMES
from xbarpaper.support.words import count, join, square

_KEYS = ["experiment", "scheme", "crossbar_size"]
_LONG_NAMES = {"R": "crossbar column rearrangement (R)", "WCT": "Weight-Constrained-Training (WCT)"}


def before_and_after(evaluation: pd.DataFrame, labels: Labels, mitigation: str) -> ArtifactFigure:
    """A mitigation against none: the loss with and without it, and the paired change of accuracy.

    Args:
        evaluation: the tidy table of evaluations; both effects at the readout's gain are shown.
        labels: words of the profile.
        mitigation: ``R``, ``WCT`` or another one of the table.
    """
    shown = _compared(evaluation, labels)
    shown = shown[shown["mitigation"].isin(["none", mitigation])]
    table = labels.pooled(shown)
    losses, dots = means_and_trainings(table, [*_KEYS, "mitigation"], "loss", labels)
    pairs = labels.pooled(_paired_differences(shown, mitigation, "none", "accuracy"))
    changes, change_dots = means_and_trainings(pairs, _KEYS, "difference", labels)
    experiments, schemes = list(table["experiment"].unique()), present(SCHEMES, list(table["scheme"]))
    groups = [(size, scheme) for size in sizes(table) for scheme in schemes]
    names = [SCHEME_NAMES[scheme] for _, scheme in groups]
    figure, axes = new_figure(len(experiments), 2, panel_inches=(PAGE_INCHES / 2, 2.8))
    for experiment, (left, right) in zip(experiments, axes, strict=True):
        own, own_dots = (_with_group(part[part["experiment"] == experiment]) for part in (losses, dots))
        grouped_bars(
            left,
            own,
            trainings=own_dots,
            groups=groups,
            group_column="group",
            series=["none", mitigation],
            series_column="mitigation",
            colours=MITIGATION_COLOURS,
            hatches=MITIGATION_HATCHES,
            names={"none": "without", mitigation: f"with {mitigation}"},
        )
        left.set_ylabel("accuracy lost (points)")
        right.set_ylabel("change of accuracy (points)")
        gained = changes[changes["experiment"] == experiment]
        for rank, (size, scheme) in enumerate(groups):
            row = gained[(gained["crossbar_size"] == size) & (gained["scheme"] == scheme)]
            if len(row):
                at = row["mean"].to_numpy() * 0 + rank
                right.plot(at, row["mean"], SCHEME_MARKERS[scheme], color=SCHEME_COLOURS[scheme], zorder=5)
                error_bars(right, at, row, SCHEME_COLOURS[scheme])
                each = at_panel(change_dots, experiment, size)
                each = each[each["scheme"] == scheme]
                training_dots(right, np.full(len(each), float(rank)), each)
        right.axhline(0, color="0.3", linewidth=0.8)
        right.set_xlim(-0.6, len(groups) - 0.4)
        for panel in (left, right):
            _two_level_axis(panel, names, [square(size) for size in sizes(table)], len(schemes))
            panel.set_title(labels.panel(experiment, table))
    shared_legend(figure, axes[0][0])
    better, total = int((changes["mean"] > 0).sum()), len(changes)
    figure.heading = f"{mitigation} before and after"
    figure.caption = (
        f"{labels.subject(shown)}. Left: software accuracy minus accuracy on the crossbars, each against "
        "its own network's software accuracy, without mitigation and with "
        f"{_LONG_NAMES.get(mitigation, mitigation)} ({seed_words(table, labels)}). Right: change of the "
        f"accuracy on the crossbars, paired by variation seed (the same devices), {_spread(table, labels)}; "
        f"above zero the mitigation helps. The mean change is above zero in {better} of "
        f"{count(total, 'comparison')} and lies between {changes['mean'].min():+.2f} and "
        f"{changes['mean'].max():+.2f} points. Readout gain: {labels.gain}."
    )
    return figure


def rearrangement(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """``before_and_after`` of R, crossbar column rearrangement."""
    return before_and_after(evaluation, labels, "R")


def constrained_training(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """``before_and_after`` of WCT, Weight-Constrained-Training."""
    return before_and_after(evaluation, labels, "WCT")


def side_by_side(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """The loss without and with every mitigation, per scheme, a panel per experiment and crossbar size.

    Args:
        evaluation: the tidy table of evaluations; both effects at the readout's gain are shown.
        labels: words of the profile.
    """
    shown = _compared(evaluation, labels)
    table = labels.pooled(shown)
    mitigations = present(MITIGATIONS, list(table["mitigation"]))
    figure, losses = losses_by_scheme(
        table,
        labels,
        "mitigation",
        mitigations,
        colours=MITIGATION_COLOURS,
        hatches=MITIGATION_HATCHES,
        names={"none": "no mitigation"},
    )
    average = losses.groupby("mitigation")["mean"].mean()
    figure.heading = "All mitigations side by side"
    figure.caption = (
        f"{labels.subject(shown)}: software accuracy minus accuracy on the crossbars, each against its own "
        "network's software accuracy (WCT trains on, so its networks have their own), for "
        f"{join(mitigations)} ({seed_words(table, labels)}). Readout gain: {labels.gain}. Averaged over "
        "panels and schemes: "
        + ", ".join(f"{name} {average[name]:.2f}" for name in mitigations)
        + " points lost."
    )
    return figure


def _paired_differences(table: pd.DataFrame, after: str, before: str, value: str) -> pd.DataFrame:
    """``value`` with one mitigation minus that with another, for each network and variation seed that both have."""
    keys = [*_KEYS, "seed"]
    first, second = (table.loc[table["mitigation"] == name, [*keys, value]] for name in (after, before))
    pairs = first.merge(second, on=keys, suffixes=("_after", "_before"), validate="one_to_one")
    return pairs[keys].assign(difference=pairs[f"{value}_after"] - pairs[f"{value}_before"])


def _compared(evaluation: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    table = evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == labels.gain)]
    return table.assign(loss=table["software_accuracy"] - table["accuracy"])


def _with_group(table: pd.DataFrame) -> pd.DataFrame:
    groups = [(size, scheme) for size, scheme in zip(table["crossbar_size"], table["scheme"], strict=True)]
    return table.assign(group=pd.Series(groups, index=table.index, dtype=object))


def _spread(table: pd.DataFrame, labels: Labels) -> str:
    several = table["training_seed"].notna()
    intervals = f"with {labels.percent} intervals"
    if several.all():
        return "dots: each training"
    return f"{intervals}, or with a dot for each of several trainings" if several.any() else intervals


def _two_level_axis(panel: Axes, names: list[str], groups: list[str], members: int) -> None:
    """Scheme names along the axis, upright so that they never touch, and the crossbar sizes below them."""
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.grid(visible=False, axis="x")
    below = panel.secondary_xaxis(-0.30)
    below.set_xticks([members * (rank + 0.5) - 0.5 for rank in range(len(groups))], groups)
    below.tick_params(length=0)
    below.spines["bottom"].set_visible(False)
    for rank in range(1, len(groups)):
        panel.axvline(members * rank - 0.5, color="0.7", linewidth=0.8)
