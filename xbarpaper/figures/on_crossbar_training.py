"""Training on crossbars: what each phase costs, and how good writes and devices must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.on_crossbar_training import rows_of
from xbarpaper.figures.panels import means, points
from xbarpaper.figures.style import BLUE, ORANGE, ArtifactFigure, new_figure
from xbarpaper.params import Devices, OnCrossbarTraining
from xbarpaper.support.words import count, square

_CASE: Final = ["phases", "refresh_steps", "write_nonlinearity", "write_noise", "on_off_ratio"]
_AXES: Final = {
    "write_nonlinearity": "write non-linearity",
    "write_noise": "write noise, share of the range",
    "on_off_ratio": "ON/OFF ratio",
}


def on_crossbar_training(
    table: pd.DataFrame, labels: Labels, settings: OnCrossbarTraining, devices: Devices
) -> ArtifactFigure:
    """Accuracy that one network loses against the same training in software: by phase, and with one thing changed."""
    shown = table.assign(lost=table["software_accuracy"] - table["accuracy"])
    found = means(shown, ["experiment", *_CASE], "lost", labels)
    usual = settings.usual(devices)
    alone = [phase for phase in settings.phases if phase != usual["phases"]]
    figure, axes = new_figure(2, 2, height=1.75)
    together = _along(found, usual, "refresh_steps").sort_values("refresh_steps", ascending=False)
    rows = pd.concat([*(_along(found, usual | {"phases": phase}, "") for phase in alone), together])
    words = [*alone, *(f"all, L = {steps}" for steps in together["refresh_steps"])]
    points(axes[0], range(len(rows)), rows, colour=BLUE, marker="o", label="_", sideways=True)
    axes[0].set_yticks(range(len(rows)), words)
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    axes[0].axvline(0, color="0.3", linewidth=0.8)
    axes[0].set_xlabel("lost (points)")
    for panel, (name, title) in zip(axes[1:], _AXES.items(), strict=True):
        own = _along(found, usual, name).sort_values(name)
        points(panel, range(len(own)), own, colour=ORANGE, marker="s", label="_", line="-")
        panel.set_xticks(range(len(own)), [f"{value:g}" for value in own[name]])
        panel.set_xlabel(title)
        panel.set_ylabel("lost (points)")
        panel.axhline(0, color="0.3", linewidth=0.8)
    figure.heading = "Training on crossbars"
    lost = _along(found, usual, "")["mean"].mean()
    size, seeds = int(table["crossbar_size"].iloc[0]), table.groupby("experiment")["seed"].nunique().max()
    start = "fresh weights" if settings.start == "fresh" else "the trained network"
    figure.caption = (
        f"{labels.subject(table)}: accuracy lost by training on crossbars of {square(size)}, against the same training "
        f"in software, {count(settings.epochs, 'epoch')} from {start}. First panel: one phase on non-ideal crossbars, "
        "the others exact, and all of them, L steps from one solution of the circuits to the next. Others: all of them, "
        f"one thing changed, each on its own axis; else a write non-linearity of {usual['write_nonlinearity']:g}, "
        f"a write noise of {usual['write_noise']:g}, an ON/OFF ratio of {usual['on_off_ratio']:g}, "
        f"L = {usual['refresh_steps']}. All together lose {lost:.1f} points. "
        f"Bars: {labels.percent} intervals of the mean (Student's t) over {count(int(seeds), 'training')}, "
        "each with devices of its own."
    )
    return figure


def _along(found: pd.DataFrame, usual: Mapping[str, Any], name: str) -> pd.DataFrame:
    """The cases that differ from the usual one in nothing but ``name``."""
    return rows_of(found, {other: value for other, value in usual.items() if other != name})
