"""What pruning saves, and how a layer's conductances decide its non-ideality."""

from __future__ import annotations

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, schemes_of, sizes
from xbarpaper.figures.panels import grouped_bars, label_left, per_experiment, per_experiment_and_size
from xbarpaper.figures.style import SCHEME_COLOURS, SCHEME_MARKERS, ArtifactFigure, shared_legend
from xbarpaper.params import SCHEMES
from xbarpaper.support.statistics import spearman
from xbarpaper.support.words import square


def compression(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """The crossbar-compression-rate of each pruning scheme and crossbar size, a panel per experiment.

    Args:
        evaluation: the tidy table of evaluations; rows without mitigation of pruned networks are shown.
        labels: words of the profile.
    """
    table = evaluation[(evaluation["mitigation"] == "none") & (evaluation["scheme"] != "unpruned")]
    table = table.drop_duplicates(["experiment", "scheme", "crossbar_size"])
    bars = table.assign(mean=table["compression_rate"], low=float("nan"), high=float("nan"))
    schemes, found = present(SCHEMES, list(bars["scheme"])), sizes(bars)
    figure, panels = per_experiment(bars, height=2.7)
    for experiment, panel in panels.items():
        grouped_bars(
            panel,
            bars[bars["experiment"] == experiment],
            groups=found,
            group_column="crossbar_size",
            series=schemes,
            series_column="scheme",
            colours=SCHEME_COLOURS,
            names=SCHEME_NAMES,
            value_format=".2f",
        )
        panel.axhline(1, color="0.3", linestyle=":", linewidth=1)
        panel.set_xticks(range(len(found)), [square(size) for size in found])
        panel.set_ylim(0, 1.15 * bars["compression_rate"].max())
        panel.set_title(labels.panel(experiment, table))
        panel.set_xlabel("crossbar (rows × columns)")
        panel.set_ylabel("crossbar-compression-rate (×)")
    shared_legend(figure, next(iter(panels.values())))
    figure.heading = "Crossbar-compression-rate"
    rates = bars.groupby("scheme")["compression_rate"].agg(["min", "max"])
    sparsities = sorted(float(value) for value in table["sparsity"].unique().tolist())
    targets = ", ".join(f"{value:g}" for value in sparsities)
    lowest, highest = rates["min"], rates["max"]
    shown = ", ".join(f"{SCHEME_NAMES[name]} {lowest[name]:.2f} to {highest[name]:.2f}" for name in schemes)
    figure.caption = (
        f"{labels.subject(table)}: crossbars of the unpruned network divided by crossbars of the pruned "
        f"one, at one crossbar size and a target sparsity of {targets}; counted, so nothing is random. "
        f"Dotted: no saving. Rates: {shown}."
    )
    return figure


def non_ideality(layers: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Each layer's non-ideality factor against its share of low conductances, coloured by scheme.

    Args:
        layers: the tidy table of layers; rows without mitigation are shown.
        labels: words of the profile.
    """
    measured = layers[layers["mitigation"] == "none"]
    measured = measured.dropna(subset=["nf", "low_conductance_share"])
    table = labels.pooled(measured)
    schemes = present(SCHEMES, list(table["scheme"]))
    figure, panels = per_experiment_and_size(table, labels)
    correlations = []
    for (experiment, size), panel in panels.items():
        rows = table[(table["experiment"] == experiment) & (table["crossbar_size"] == size)]
        for scheme in schemes:
            own = rows[rows["scheme"] == scheme]
            panel.plot(
                100 * own["low_conductance_share"],
                own["nf"],
                linestyle="none",
                color=SCHEME_COLOURS[scheme],
                marker=SCHEME_MARKERS[scheme],
                alpha=0.8,
                label=SCHEME_NAMES[scheme],
            )
        told = _correlations(rows)
        if told:
            correlations.append(f"{told} ({labels.trained(experiment, table)}, {square(size)})")
        panel.set_xlabel("low-conductance share (%)")
    label_left(panels, "non-ideality factor")
    shared_legend(figure, next(iter(panels.values())))
    figure.heading = "Non-ideality factor against low-conductance share"
    each = ", of each training" if table["training_seed"].notna().any() else ""
    figure.caption = (
        f"{labels.subject(measured)}: a point per layer and scheme ({schemes_of(schemes)}), without "
        "mitigation. Non-ideality factor: share of the ideal current that the wires take, mean over a "
        "layer's crossbars and columns, without device variation; low-conductance share: programmed "
        "devices near the lowest conductance. "
        + (
            f"Spearman's rank correlation over the points of a panel{each}: {', '.join(correlations)}."
            if correlations
            else ""
        )
    ).strip()
    return figure


def _correlations(rows: pd.DataFrame) -> str:
    """Rank correlation over the points of a panel, or the range of those of each of several trainings."""
    trainings = [one for _, one in rows.groupby("training_seed", sort=False, dropna=False)]
    found = [spearman(one["low_conductance_share"], one["nf"]) for one in trainings]
    known = [rho for rho in found if rho is not None]
    if not known:
        return ""
    ends = dict.fromkeys(f"{rho:.2f}" for rho in (min(known), max(known)))
    return f"{' to '.join(ends)}, {len(trainings[0])} layers"
