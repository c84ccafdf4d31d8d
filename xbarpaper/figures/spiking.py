"""Spiking networks on the crossbars, step by step."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import sizes
from xbarpaper.figures.panels import bar_words, means, name_axes, points
from xbarpaper.figures.style import BLUE, ORANGE, ArtifactFigure, panel_grid, shared_legend
from xbarpaper.params import Spiking
from xbarpaper.params.names import DEVICE_TITLES
from xbarpaper.support.words import square

_KINDS: Final = {"trained": (BLUE, "o"), "converted": (ORANGE, "s")}
_CODES: Final = {"direct": "the image itself", "poisson": "Poisson spikes"}


def spiking_steps(table: pd.DataFrame, labels: Labels, settings: Spiking) -> ArtifactFigure:
    """Accuracy, and the error of the outputs added up so far, against the number of time steps.

    A column of panels for each crossbar size; accuracy above, error below. The rows are of one network and one coding.
    """
    found = sizes(table)
    rows = ("accuracy", "output_error")
    figure, panels = panel_grid(
        [(value, size) for value in rows for size in found], 1.75, columns=len(found), share_y=False
    )
    noises = [name for name in ("fresh", "none") if name in set(table["read_noise"])]
    shown = table.assign(output_error=100 * table["output_error"])
    for (value, size), panel in panels.items():
        if value == "accuracy":
            panel.set_title(square(size))
        for kind, (colour, marker) in _KINDS.items():
            own = shown[(shown["crossbar_size"] == size) & (shown["kind"] == kind)]
            if value == "accuracy":
                software = own.groupby("steps")["software_accuracy"].mean()
                panel.plot(software.index, software, "--", color=colour, label=f"{kind}, software")
            for noise in noises:
                mean = means(own[own["read_noise"] == noise], ["experiment", "steps"], value, labels)
                hollow = noise == "none" and len(noises) > 1
                label = f"{kind}, {'no read noise' if hollow else 'crossbars'}"
                points(panel, mean["steps"], mean, colour=colour, marker=marker, label=label,
                       line=":" if hollow else "-", hollow=hollow)  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.set_xticks(list(settings.steps), [str(steps) for steps in settings.steps])
        panel.minorticks_off()
    axes = list(panels.values())
    above, below = axes[: len(found)], axes[len(found) :]
    highest = max(panel.get_ylim()[1] for panel in below)
    for upper, lower in zip(above, below, strict=True):
        upper.set_ylim(0, 100)
        lower.set_ylim(0, highest)
    name_axes(above, x="", y="accuracy (%)")
    name_axes(below, x="time steps", y="error of outputs (%)")
    shared_legend(figure, columns=2)
    figure.heading = "Spiking networks on crossbars, step by step"
    last = shown[(shown["steps"] == max(settings.steps)) & (shown["read_noise"] == noises[0])]
    first = shown[(shown["steps"] == min(settings.steps)) & (shown["read_noise"] == noises[0])]
    told = [
        f"{first.loc[first['kind'] == kind, 'output_error'].mean():.0f} % to "
        f"{last.loc[last['kind'] == kind, 'output_error'].mean():.0f} % ({kind})"
        for kind in _KINDS
    ]
    coding = str(table["coding"].iloc[0])
    source = DEVICE_TITLES.get(settings.read_noise, settings.read_noise)
    noise = f", and read noise (of {source}) anew at each step" if "fresh" in noises else ""
    figure.caption = (
        f"{labels.subject(table)}: accuracy on {settings.test_images} random test images at most, and the error of the "
        "outputs added up so far, relative to the same network in software, against the number of time steps. Input: "
        f"{_CODES[coding]}. Trained through {settings.train_steps} steps, and converted from the VGG. On the crossbars, "
        f"wires and device variation act alike at all steps{noise}. From the first to the last number of steps, mean "
        f"over the crossbars, the error goes from {' and from '.join(told)}. {bar_words(table, labels)}"
    )
    return figure
