"""What the crossbars cost: accuracy against their size, loss by effect, sensitivity to the gain."""

from __future__ import annotations

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, schemes_of, sizes
from xbarpaper.figures.panels import (
    at_panel,
    label_left,
    losses_by_scheme,
    means_and_trainings,
    per_experiment,
    per_experiment_and_size,
    scheme_points,
    seed_words,
    training_dots,
)
from xbarpaper.figures.style import (
    EFFECT_COLOURS,
    EFFECT_HATCHES,
    EFFECT_NAMES,
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    shared_legend,
)
from xbarpaper.params import GAINS, SCHEMES
from xbarpaper.support.statistics import intervals
from xbarpaper.support.words import count, square


def accuracy_by_size(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Accuracy on the crossbars against their size, a line per scheme, a panel per experiment.

    Args:
        evaluation: the tidy table of evaluations; mitigation ``none``, both effects and the readout's gain
            are shown.
        labels: words of the profile.
    """
    table = evaluation[evaluation["mitigation"] == "none"]
    rows = table[(table["effects"] == "both") & (table["gain"] == labels.gain)]
    means = intervals(rows, ["experiment", "scheme", "crossbar_size"], "accuracy", labels.confidence)
    schemes, found = present(SCHEMES, list(means["scheme"])), sizes(means)
    figure, panels = per_experiment(means, height=2.8)
    start = _axis_start(means)
    for experiment, panel in panels.items():
        for rank, scheme in enumerate(schemes):
            rows = means[(means["experiment"] == experiment) & (means["scheme"] == scheme)]
            rows = rows.sort_values("crossbar_size")
            x = rows["crossbar_size"].map(found.index).to_numpy(dtype=float)
            x = x + 0.07 * (rank - (len(schemes) - 1) / 2)
            scheme_points(panel, x, rows, scheme)
            own = table[(table["experiment"] == experiment) & (table["scheme"] == scheme)]
            software = own.groupby("crossbar_size")["software_accuracy"].mean().loc[rows["crossbar_size"]]
            colour, marker = SCHEME_COLOURS[scheme], SCHEME_MARKERS[scheme]
            panel.plot(x, software, "--", color=colour, marker=marker, linewidth=0.8, markerfacecolor="white")
        panel.plot([], [], "--o", color="0.3", markerfacecolor="white", linewidth=0.8, label="in software")
        panel.set_title(labels.panel(experiment, table))
        panel.set_xticks(range(len(found)), [square(size) for size in found])
        panel.set_xlim(-0.4, len(found) - 0.6)
        panel.set_ylim(start, 100)
        panel.set_xlabel("crossbar (rows × columns)")
        panel.set_ylabel("test accuracy (%)")
    shared_legend(figure, next(iter(panels.values())), columns=5)
    figure.heading = "Accuracy against crossbar size"
    figure.caption = (
        f"{labels.subject(table)}: test accuracy on non-ideal crossbars of {_sizes(found)}, without "
        f"mitigation, for {schemes_of(schemes)} (filled marks; {seed_words(table, labels)}) and of the same "
        "networks in software (hollow marks, dashed). Wires and device variation both act; readout gain: "
        f"{labels.gain}. "
        f"{_range(means)}" + (f" The axis starts at {start} %." if start else "")
    )
    return figure


def loss_by_effect(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Accuracy lost to the wires alone, to device variation alone and to both, per scheme and crossbar size.

    Args:
        evaluation: the tidy table of evaluations; mitigation ``none`` at the readout's gain is shown.
        labels: words of the profile.
    """
    shown = evaluation[(evaluation["mitigation"] == "none") & (evaluation["gain"] == labels.gain)]
    table = labels.pooled(shown.assign(loss=shown["software_accuracy"] - shown["accuracy"]))
    effects = present(tuple(EFFECT_NAMES), list(table["effects"]))
    figure, means = losses_by_scheme(
        table, labels, "effects", effects, colours=EFFECT_COLOURS, hatches=EFFECT_HATCHES, names=EFFECT_NAMES
    )
    figure.heading = "Loss by effect"
    shares = means.groupby("effects")["mean"].mean()
    figure.caption = (
        f"{labels.subject(shown)}: software accuracy minus accuracy on the crossbars, without mitigation, "
        "when only the wires act (nothing random: one evaluation), only device variation, and both "
        f"({seed_words(table, labels)}). Readout gain: {labels.gain}. Averaged over all panels and schemes: "
        + ", ".join(f"{EFFECT_NAMES[name]} {shares[name]:.2f}" for name in EFFECT_NAMES if name in shares)
        + " points."
    )
    return figure


def gain_sensitivity(evaluation: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Accuracy on the crossbars for every gain mode of the readout, per scheme and crossbar size.

    Args:
        evaluation: the tidy table of evaluations; mitigation ``none`` under both effects is shown.
        labels: words of the profile.
    """
    shown = evaluation[(evaluation["mitigation"] == "none") & (evaluation["effects"] == "both")]
    table = labels.pooled(shown)
    keys = ["experiment", "scheme", "crossbar_size", "gain"]
    means, trainings = means_and_trainings(table, keys, "accuracy", labels)
    schemes, gains = present(SCHEMES, list(means["scheme"])), present(GAINS, list(means["gain"]))
    figure, panels = per_experiment_and_size(table, labels)
    for (experiment, size), panel in panels.items():
        for rank, scheme in enumerate(schemes):
            here = [at_panel(part, experiment, size) for part in (means, trainings)]
            rows, dots = (part[part["scheme"] == scheme] for part in here)
            shift = 0.1 * (rank - (len(schemes) - 1) / 2)
            x = rows["gain"].map(gains.index).to_numpy(dtype=float) + shift
            scheme_points(panel, x, rows, scheme, "none")
            training_dots(panel, dots["gain"].map(gains.index).to_numpy(dtype=float) + shift, dots)
        panel.set_xticks(range(len(gains)), gains)
        panel.set_xlim(-0.5, len(gains) - 0.5)
        panel.set_ylim(0, 100)
        panel.set_xlabel("one readout gain per")
    label_left(panels, "test accuracy (%)")
    shared_legend(figure, next(iter(panels.values())))
    average = means.groupby("gain")["mean"].mean()
    figure.heading = "Sensitivity to the readout gain"
    figure.caption = (
        f"{labels.subject(shown)}: test accuracy on non-ideal crossbars, without mitigation, when the "
        "digital readout has no gain factor, or one least-squares factor per layer, crossbar tile or tile "
        f"column ({seed_words(table, labels)}). Averaged over panels and schemes: "
        + ", ".join(f"{gain} {average[gain]:.1f} %" for gain in gains)
        + f". All other figures use: {labels.gain}."
    )
    return figure


def _sizes(found: list[int]) -> str:
    return f"{', '.join(map(square, found))} ({count(len(found), 'size')})"


def _axis_start(means: pd.DataFrame) -> int:
    """A multiple of ten below everything shown: lines tell by their distances, so they need no zero."""
    lowest = float(means[["mean", "low"]].min().min())
    return max(0, 10 * int((lowest - 5) // 10))


def _range(means: pd.DataFrame) -> str:
    ordered = means.sort_values("mean", kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    ends = [
        f"{row['mean']:.1f} % ({SCHEME_NAMES[row['scheme']]}, {square(row['crossbar_size'])})"
        for row in (low, high)
    ]
    return f"The means lie between {ends[0]} and {ends[1]}."
