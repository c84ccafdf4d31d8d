"""What was measured: accuracies, what crossbars cost, what pruning saves, what mitigations give back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED, SCHEME_NAMES, gain_words, present, sizes
from xbarpaper.figures.panels import (
    accuracy_axis,
    at,
    bar_words,
    by_scheme,
    means,
    name_axes,
    per_experiment,
    per_experiment_and_size,
    points,
    span_words,
    unmitigated,
)
from xbarpaper.figures.style import (
    EFFECT_COLOURS,
    EFFECT_MARKERS,
    EFFECT_NAMES,
    MITIGATION_NAMES,
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    shared_legend,
)
from xbarpaper.params import GAINS, SCHEMES
from xbarpaper.support.words import count, join, square

_PHASES: Final = {"trained": "training", "pruned": "pruning", "fine-tuned": "fine-tuning", "wct": "WCT"}
_PHASE: Final = ["scheme", "step", "crossbar_size", "training_seed"]
"""Columns that tell the phases of all trainings of a network."""

_MOST_ROWS: Final = 9
_BEYOND: Final = {
    "BN": "BN: batch-norm statistics measured anew on each chip",
    "norms": "norms: scale and shift of the batch norms tuned besides, on unlabelled images",
    "tuned": "tuned: trained on through the circuits",
    "PC": "PC: devices programmed so that what wires and drivers take is added before",
    "PC+norms": "PC + norms: PC, and scale and shift of the batch norms tuned on unlabelled images of each chip",
    "PC/chip": "PC/chip: each chip's own devices known, too",
}
"""Mitigations beyond the paper's, for captions."""


def accuracy_by_size(
    evaluation: pd.DataFrame, labels: Labels, chance: Mapping[str, float] | None = None
) -> ArtifactFigure:
    """Accuracy on the crossbars against their size and in software, a line per scheme, a panel per network.

    Shown are evaluations without mitigation, with both effects and the readout's gain.
    """
    table = unmitigated(evaluation, labels)
    found = means(table, MAPPED, "accuracy", labels)
    software = means(table, MAPPED, "software_accuracy", labels).assign(low=np.nan, high=np.nan)
    figure, panels = per_experiment(table, labels, height=2.7)
    for experiment, panel in panels.items():
        for rows, line, hollow in ((found, "-", False), (software, "--", True)):
            own = rows[rows["experiment"] == experiment]
            by_scheme(panel, own, "crossbar_size", sizes(table), line=line, hollow=hollow, apart=0.06)
        panel.plot([], [], "--o", color="0.3", markerfacecolor="white", label="in software")
        panel.set_xticks(range(len(sizes(table))), map(square, sizes(table)))
    accuracy_axis(panels.values(), table, chance)
    name_axes(panels.values(), x="crossbar (rows × columns)", y="test accuracy (%)")
    shared_legend(figure, columns=3)
    figure.heading = "Accuracy against crossbar size"
    ordered = found.sort_values("mean", kind="stable")
    low, high = (
        f"{row['mean']:.1f} % ({SCHEME_NAMES[row['scheme']]}, {square(row['crossbar_size'])})"
        for row in (ordered.iloc[0], ordered.iloc[-1])
    )
    figure.caption = (
        f"{labels.subject(table)}: test accuracy on non-ideal crossbars without mitigation (filled) and of the same "
        f"networks in software (hollow), {_circumstances(table, labels)} The means lie between {low} and {high}."
    )
    return figure


def compression(
    evaluation: pd.DataFrame, labels: Labels, chance: Mapping[str, float] | None = None
) -> ArtifactFigure:
    """Accuracy against the crossbar-compression-rate, a mark per scheme and size, a panel per network.

    Shown are evaluations without mitigation, with both effects and the readout's gain. Unpruned networks, whose rate is
    1, stand on a strip of their own where that is far from the rates of the others.
    """
    table = unmitigated(evaluation, labels)
    found, rates = (means(table, MAPPED, name, labels) for name in ("accuracy", "compression_rate"))
    software = means(table, MAPPED, "software_accuracy", labels).assign(low=np.nan, high=np.nan)
    pruned = rates["scheme"] != "unpruned"
    low, high = rates.loc[pruned, "mean"].agg(["min", "max"])
    step = max(0.08 * (high - low), 0.1)
    unpruned = max(1.0, low - 3 * step)
    places = rates["mean"].where(pruned, unpruned).to_dict()
    figure, panels = per_experiment(table, labels, height=2.9)
    scale = MaxNLocator(4 if len(panels) == 1 else 2, steps=[1, 2, 5, 10])
    ticks = [tick for tick in scale.tick_values(low - step, high + step) if tick > max(unpruned, low - step)]
    for experiment, panel in panels.items():
        own = rates[rates["experiment"] == experiment]
        for index, row in own.sort_values("crossbar_size", ascending=False, kind="stable").iterrows():
            scheme, rank = str(row["scheme"]), sizes(table).index(int(row["crossbar_size"]))
            # The unpruned network in software is one, whatever the crossbars.
            marks = [(found, False), (software, True)][: 1 if scheme == "unpruned" and rank else 2]
            for rows, hollow in marks:
                points(
                    panel, [places[index]], rows.loc[[index]], colour=SCHEME_COLOURS[scheme],
                    marker=SCHEME_MARKERS[scheme], label="_" if hollow or rank else SCHEME_NAMES[scheme],
                    hollow=hollow, size=3 + 1.6 * rank,
                )  # fmt: skip
        panel.plot([], [], "o", color="0.3", markerfacecolor="white", label="in software")
        for rank, size in enumerate(sizes(table)):
            panel.plot([], [], "o", color="0.3", markersize=3 + 1.6 * rank, label=square(size))
        if unpruned > 1:
            panel.axvspan(unpruned - step, unpruned + step, color="0.92", zorder=0)
        panel.set_xticks([unpruned, *ticks], ["1", *(f"{tick:g}" for tick in ticks)])
        panel.set_xlim(min(unpruned, low) - step, high + step)
    accuracy_axis(panels.values(), table, chance)
    name_axes(panels.values(), x="compression rate (×)", y="test accuracy (%)")
    shared_legend(figure, columns=3)
    figure.heading = "What pruning saves, and what it costs"
    sparsities = sorted({f"{value:g}" for value in table.loc[table["scheme"] != "unpruned", "sparsity"]})
    figure.caption = (
        f"{labels.subject(table)}: crossbars of the unpruned network divided by those of the pruned one (target sparsity "
        f"{join(sparsities)}), at one crossbar size, against test accuracy on non-ideal crossbars (filled) and in "
        f"software (hollow), without mitigation, {_circumstances(table, labels)} "
        + ("On grey, off the scale: the unpruned networks. " if unpruned > 1 else "")
        + f"Rates: {span_words(rates, 'mean')}."
    )
    return figure


def loss_by_effect(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Accuracy lost to the wires alone, to device variation alone and to both, per scheme and crossbar size.

    Shown are evaluations without mitigation at the readout's gain.
    """
    shown = evaluation[(evaluation["mitigation"] == "none") & (evaluation["gain"] == labels.gain)]
    shown = shown.assign(loss=shown["software_accuracy"] - shown["accuracy"])
    found = means(shown, [*MAPPED, "effects"], "loss", labels)
    schemes = present(SCHEMES, list(found["scheme"]))
    figure, panels = per_experiment_and_size(shown, labels)
    for place, panel in panels.items():
        for shift, effect in zip((-0.22, 0, 0.22), EFFECT_NAMES, strict=True):
            rows = at(found, place)
            rows = rows[rows["effects"] == effect]
            places = rows["scheme"].map(schemes.index).to_numpy(dtype=float) + shift
            points(
                panel, places, rows, colour=EFFECT_COLOURS[effect], marker=EFFECT_MARKERS[effect],
                label=EFFECT_NAMES[effect],
            )  # fmt: skip
        panel.axhline(0, color="0.3", linewidth=0.8)
        panel.set_xticks(range(len(schemes)), [SCHEME_NAMES[name] for name in schemes], rotation=90)
    name_axes(panels.values(), x="", y="accuracy lost (points)")
    shared_legend(figure)
    figure.heading = "Which effect costs the accuracy"
    shares = found.groupby("effects")["mean"].mean()
    figure.caption = (
        f"{labels.subject(shown)}: software accuracy minus accuracy on the crossbars, without mitigation, when only the "
        "wires act (nothing random), only device variation, and both, with "
        f"{gain_words(labels.gain)}. {bar_words(shown, labels)} Averaged over panels and schemes: "
        + ", ".join(f"{EFFECT_NAMES[name]} {shares[name]:.2f}" for name in EFFECT_NAMES if name in shares)
        + " points."
    )
    return figure


def gain_sensitivity(
    evaluation: pd.DataFrame, labels: Labels, chance: Mapping[str, float] | None = None
) -> ArtifactFigure:
    """Accuracy on the crossbars for every gain mode of the readout, per scheme and crossbar size.

    Shown are evaluations without mitigation under both effects.
    """
    shown = evaluation[(evaluation["mitigation"] == "none") & (evaluation["effects"] == "both")]
    found = means(shown, [*MAPPED, "gain"], "accuracy", labels)
    gains = present(GAINS, list(found["gain"]))
    figure, panels = per_experiment_and_size(shown, labels)
    for place, panel in panels.items():
        by_scheme(panel, at(found, place), "gain", gains)
        panel.set_xticks(range(len(gains)), gains)
    accuracy_axis(panels.values(), shown, chance)
    name_axes(panels.values(), x="one readout gain per", y="test accuracy (%)")
    shared_legend(figure)
    average = found.groupby("gain")["mean"].mean()
    figure.heading = "How much hangs on the readout gain"
    figure.caption = (
        f"{labels.subject(shown)}: test accuracy on non-ideal crossbars, without mitigation, when the digital readout "
        "has no gain factor, or one least-squares factor per layer, crossbar (tile) or crossbar column. "
        f"{bar_words(shown, labels)} Averaged over panels and schemes: "
        + ", ".join(f"{gain} {average[gain]:.1f} %" for gain in gains)
        + f". All other figures use: {labels.gain}."
    )
    return figure


def mitigations(table: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Points of accuracy that crossbars take under each mitigation, a line for each, a panel per network and size.

    The table is that of evaluations or of further mitigations; shown are both effects at the readout's gain, of the
    mitigations that ``MITIGATION_NAMES`` lists.
    """
    shown = table[table["mitigation"].isin(MITIGATION_NAMES) & (table["gain"] == labels.gain)]
    shown = shown[shown["effects"] == "both"] if "effects" in shown else shown
    before = shown[shown["mitigation"] == "none"].groupby(MAPPED)["software_accuracy"].first()
    shown = shown.assign(
        lost=before.loc[list(shown[MAPPED].itertuples(index=False))].to_numpy() - shown["accuracy"]
    )
    found = means(shown, [*MAPPED, "mitigation"], "lost", labels)
    names = present(tuple(MITIGATION_NAMES), list(found["mitigation"]))
    if len(names) > _MOST_ROWS:  # the least new is what R and WCT do together
        found, names = found[found["mitigation"] != "R+WCT"], [name for name in names if name != "R+WCT"]
    figure, panels = per_experiment_and_size(shown, labels, height=0.65 + 0.24 * len(names))
    for place, panel in panels.items():
        by_scheme(panel, at(found, place), "mitigation", names, sideways=True)
        panel.set_yticks(range(len(names)), [MITIGATION_NAMES[name] for name in names])
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.grid(visible=False, axis="y")
        panel.axvline(0, color="0.3", linewidth=1)
    ends = found[["mean", "low", "high"]].to_numpy(dtype=float)
    limits = min(0.0, float(np.nanmin(ends)) - 1), float(np.nanmax(ends)) + 1
    for panel in panels.values():
        panel.set_xlim(*limits)
    name_axes(panels.values(), x="accuracy lost (points)", y="")
    shared_legend(figure)
    average = found.groupby("mitigation")["mean"].mean()
    beyond = [_BEYOND[name] for name in names if name in _BEYOND]
    figure.heading = "What stays lost under each mitigation"
    figure.caption = (
        f"{labels.subject(shown)}: points of test accuracy that non-ideal crossbars take from each network, counted from "
        f"its accuracy in software before any mitigation, {_circumstances(shown, labels)} Averaged over panels and "
        f"schemes: {', '.join(f'{MITIGATION_NAMES[name]} {average[name]:.1f}' for name in names)}."
        + (f" {'; '.join(beyond)}." if beyond else "")
    )
    return figure


def non_ideality(layers: pd.DataFrame, labels: Labels) -> ArtifactFigure | None:
    """Do crossbars with more low conductances keep more current? Rank correlations within each layer, by scheme.

    Rows without mitigation of ``layers``; a layer on few crossbars has no correlation. None where no layer has one.
    """
    if "share_nf_rho" not in layers:  # the table of an older report
        return None
    measured = layers[layers["mitigation"] == "none"].dropna(subset=["share_nf_rho"])
    if measured.empty:
        return None
    table = labels.pooled(measured.assign(kept=-measured["share_nf_rho"]))
    average = table.groupby([*MAPPED, "layer"], sort=False)["kept"].mean().reset_index()
    networks = [list(rows["layer"].unique()) for _, rows in layers.groupby("experiment", sort=False)]
    every = dict.fromkeys(name for one in sorted(networks, key=len, reverse=True) for name in one)
    names = [name for name in every if name in set(average["layer"])]
    figure, panels = per_experiment_and_size(measured, labels, height=2.3)
    found = average.assign(mean=average["kept"], low=np.nan, high=np.nan)
    for place, panel in panels.items():
        by_scheme(panel, at(found, place), "layer", names)
        panel.axhline(0, color="0.3", linewidth=0.8)
        panel.set_xticks(range(len(names)), names, rotation=90)
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.set_ylim(-1.05, 1.05)
    name_axes(panels.values(), x="", y="rank correlation")
    shared_legend(figure)
    figure.heading = "Low conductances and the current that is kept"
    positive = average["kept"] > 0
    figure.caption = (
        f"{labels.subject(measured)}: Spearman's rank correlation, over the crossbars of a layer, between the share of "
        "programmed devices near the lowest conductance and the share of the ideal current that the wires leave, without "
        "mitigation and device variation. Above zero, crossbars with more low conductances keep more, which is the "
        f"mechanism of C5: so in {positive.sum()} of {len(average)} layers. Layers on too few crossbars are left out; "
        "calculated, mean over trainings where there are several; no intervals."
    )
    return figure


def training_curves(training: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Test accuracy through training, fine-tuning after pruning, and WCT, a panel per network.

    The phases follow each other on the axis, each as wide as the others however many epochs it has.
    """
    phases = present(tuple(_PHASES), list(training["step"]))
    lengths = {phase: int(training.loc[training["step"] == phase, "epoch"].max()) for phase in phases}
    pooled, schemes = labels.pooled(training), present(SCHEMES, list(training["scheme"]))
    widths = [0.5 * (len(schemes) - rank) for rank in range(len(schemes))]
    figure, panels = per_experiment(training.assign(dataset=""), labels, height=2.4)
    for experiment, panel in panels.items():
        own = pooled[pooled["experiment"] == experiment]
        for (scheme, step, *_), rows in own.groupby(_PHASE, sort=False, dropna=False):
            x = phases.index(str(step)) + 0.1 + 0.8 * (rows["epoch"] - 0.5) / lengths[str(step)]
            # A line of one epoch would not be seen without marks; what lies below is wider than what covers it.
            mark, above = SCHEME_MARKERS[str(scheme)] if len(rows) == 1 else "", schemes.index(str(scheme))
            panel.plot(
                x, rows["test_accuracy"], color=SCHEME_COLOURS[str(scheme)], linewidth=widths[above],
                marker=mark, markersize=2 + 1.2 * widths[above], markerfacecolor="none", markeredgewidth=0.8,
                zorder=2 + 0.1 * above,
            )  # fmt: skip
        for scheme, width in zip(schemes, widths, strict=True):
            panel.plot([], [], color=SCHEME_COLOURS[scheme], linewidth=width, label=SCHEME_NAMES[scheme])
        names = [f"{_PHASES[phase]}\n({count(length, 'epoch')})" for phase, length in lengths.items()]
        panel.set_xticks(np.arange(len(phases)) + 0.5, names, rotation=90 if len(panels) > 1 else 0)
        panel.grid(visible=False, axis="x")
        for edge in range(1, len(phases)):
            panel.axvline(edge, color="0.6", linewidth=0.8)
        panel.set_xlim(0, len(phases))
    accuracy_axis(panels.values())
    name_axes(panels.values(), x="", y="test accuracy (%)")
    shared_legend(figure)
    last = pooled.groupby(["experiment", *_PHASE], dropna=False)["epoch"].idxmax()
    ends = pooled.loc[last, "test_accuracy"]
    figure.heading = "How the networks learnt"
    figure.caption = (
        f"{labels.subject(training)}: test accuracy in software after each epoch, a line for each network trained; "
        f"phases are drawn equally wide. At their ends it lies between {ends.min():.1f} and {ends.max():.1f} %."
    )
    return figure


def _circumstances(table: pd.DataFrame, labels: Labels) -> str:
    return f"wires and device variation acting, {gain_words(labels.gain)}. {bar_words(table, labels)}"
