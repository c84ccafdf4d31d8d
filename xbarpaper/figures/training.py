"""How the networks learnt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present, schemes_of
from xbarpaper.figures.panels import per_experiment
from xbarpaper.figures.style import (
    SCHEME_COLOURS,
    SCHEME_MARKERS,
    ArtifactFigure,
    shared_legend,
)
from xbarpaper.params import SCHEMES
from xbarpaper.support.words import square


def training_curves(training: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Test accuracy through training, fine-tuning after pruning, and WCT, a panel per experiment.

    The phases follow each other on the axis, each as wide as the others however many epochs it has; where a scheme was
    trained for several crossbar sizes, the thinner lines are the larger sizes.

    Args:
        training: the tidy table of epochs, with its ``step``.
        labels: words of the profile.
    """
    schemes = present(SCHEMES, list(training["scheme"]))
    phases = present(tuple(_PHASES), list(training["step"]))
    phase_epochs = {phase: int(training.loc[training["step"] == phase, "epoch"].max()) for phase in phases}
    figure, panels = per_experiment(training, height=2.6)
    for experiment, panel in panels.items():
        own = training[training["experiment"] == experiment]
        by = ["scheme", "step", "crossbar_size"]
        for (scheme, step, size), rows in own.groupby(by, sort=False, dropna=False):
            found = sorted(own.loc[own["scheme"] == scheme, "crossbar_size"].dropna().unique())
            rank = found.index(size) if size in found else 0
            panel.plot(
                _places(phases.index(str(step)), rows["epoch"], phase_epochs[str(step)]),
                rows["test_accuracy"],
                color=SCHEME_COLOURS[str(scheme)],
                marker=SCHEME_MARKERS[str(scheme)],
                markersize=2,
                linewidth=1.2 / (1 + rank),
            )
        for scheme in schemes:
            panel.plot(
                [],
                [],
                color=SCHEME_COLOURS[scheme],
                marker=SCHEME_MARKERS[scheme],
                label=SCHEME_NAMES[scheme],
            )
        ticks: dict[float, str] = {}
        for rank, (phase, length) in enumerate(phase_epochs.items()):
            ends = np.unique([1, length])
            ticks |= dict(zip(_places(rank, ends, length).tolist(), map(str, ends), strict=True))
            panel.text(rank + 0.5, 3, _PHASES[phase], ha="center", fontsize=7, color="0.3")
            panel.axvline(rank, color="0.6", linewidth=0.8)
        panel.set_xticks(list(ticks), list(ticks.values()))
        panel.grid(visible=False, axis="x")
        panel.set_xlim(0, len(phases))
        panel.set_ylim(0, 100)
        panel.set_title(labels.network(experiment))
        panel.set_xlabel("epoch of each phase")
        panel.set_ylabel("test accuracy (%)")
    shared_legend(figure, next(iter(panels.values())))
    final = training.groupby(["experiment", "scheme", "step"])["epoch"].idxmax()
    accuracies = training.loc[final, "test_accuracy"]
    widths = sorted(int(size) for size in training["crossbar_size"].dropna().unique())
    several = f" XCS and XRS have a network for each of {', '.join(map(square, widths))}." if widths else ""
    figure.heading = "Training"
    figure.caption = (
        f"{labels.subject(training)}: test accuracy in software after each epoch, for "
        f"{schemes_of(schemes)}; phases, drawn equally wide: {', '.join(_PHASES[phase] for phase in phases)}."
        f"{several} At the ends of the phases it lies between {accuracies.min():.1f} and {accuracies.max():.1f} %. "
        "One training run each."
    )
    return figure


def _places(rank: int, epochs: npt.ArrayLike, length: int) -> npt.NDArray[np.float64]:
    """Where a phase's epochs lie on an axis on which every phase is 1 wide, with a margin on both sides."""
    return rank + 0.1 + 0.8 * (np.asarray(epochs) - 0.5) / length


_PHASES = {"trained": "training", "pruned": "pruning", "fine-tuned": "fine-tuning", "wct": "WCT"}
