"""Where the accuracy goes: parts of the weights' error, and what single layers cost."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present
from xbarpaper.figures.panels import bar_words, means, name_axes, points
from xbarpaper.figures.style import BLUE, ORANGE, ArtifactFigure, panel_grid, shared_legend
from xbarpaper.params import SCHEMES
from xbarpaper.support.words import join, square

# From light to dark, so that neighbours differ in lightness, whatever the eye makes of their hues.
_PARTS: Final = {
    "crossbars": ("#d4e4f3", "between crossbars"),
    "columns": ("#86b5dc", "between columns"),
    "rows": ("#2f6ea5", "between rows"),
    "rest": ("#10263c", "rest: sneak paths, single devices"),
}
_VARIATION: Final = "device variation, alone"


def error_by_layer(table: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """What a gain per layer leaves of each layer's error, by the wires' parts and by variation, a panel per scheme.

    The rows of ``mechanism.error_table`` are of one network and one crossbar size; trainings are averaged.
    """
    figure, panels = _panel_per_scheme(table)
    left = table[table["part"] != "attenuation"]
    average = 100 * left.pivot_table(
        index=["scheme", "layer"], columns=["effects", "part"], values="share", sort=False
    )
    for scheme, panel in panels.items():
        rows = average.loc[scheme]
        x, bottom = np.arange(len(rows)), np.zeros(len(rows))
        for part, (colour, name) in _PARTS.items():
            height = rows["wires", part].to_numpy()
            panel.bar(x - 0.2, height, 0.38, bottom=bottom, color=colour, edgecolor="0.2", label=name)
            bottom += height
        noise = rows["variation"].to_numpy().sum(axis=1)
        panel.bar(x + 0.2, noise, 0.38, color="white", edgecolor="0.2", hatch="/////", label=_VARIATION)
        _layers_below(panel, list(rows.index))
    name_axes(panels.values(), x="", y="error left, % of |W|²")
    shared_legend(figure, columns=2)
    figure.heading = "What one gain per layer leaves of the weights' error"
    wires = table[(table["part"] == "attenuation") & (table["effects"] == "wires")]["share"]
    figure.caption = (
        f"{labels.subject(table)}: squared error of the effective weights over the squared weights, {_size(table)}, "
        f"after one gain per layer, which removes the common attenuation, {100 * wires.min():.0f} to "
        f"{100 * wires.max():.0f} % of the squared weights, not shown. Left bars: the wires, by the readout that would "
        "win each part back. Right bars, hatched: variation of the devices alone, one draw. Calculated, mean over "
        "trainings where there are several; no intervals."
    )
    return figure


def layer_losses(table: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Points each layer costs alone, and points won back by sparing it, a panel per scheme.

    The rows of ``mechanism.layer_table`` are of one network and one crossbar size.
    """
    figure, panels = _panel_per_scheme(table)
    for shift, column, colour, marker, name in (
        (-0.15, "lost_alone", ORANGE, "s", "lost with this layer alone on crossbars"),
        (0.15, "won_back", BLUE, "o", "won back with this layer in software"),
    ):
        found = means(table, ["experiment", "scheme", "layer"], column, labels)
        for scheme, panel in panels.items():
            rows = found[found["scheme"] == scheme]
            x = np.arange(len(rows)) + shift
            points(panel, x, rows, colour=colour, marker=marker, label=name)
            _layers_below(panel, list(rows["layer"]))
    for panel in panels.values():
        panel.axhline(0, color="0.3", linewidth=0.8)
    name_axes(panels.values(), x="", y="accuracy (points)")
    shared_legend(figure, columns=1)
    figure.heading = "What each layer costs"
    figure.caption = (
        f"{labels.subject(table)}: test accuracy in points, {_size(table)}, wires and variation acting. "
        f"{bar_words(table, labels)}"
    )
    return figure


def _panel_per_scheme(table: pd.DataFrame) -> tuple[ArtifactFigure, dict[str, Axes]]:
    columns = 2 if table["layer"].nunique() <= 10 else 1  # names of many layers need the whole width
    figure, panels = panel_grid(present(SCHEMES, list(table["scheme"])), 1.9, columns=columns)
    for scheme, panel in panels.items():
        panel.set_title(SCHEME_NAMES[scheme])
    return figure, panels


def _layers_below(panel: Axes, layers: list[str]) -> None:
    panel.set_xticks(range(len(layers)), layers, rotation=90)
    panel.grid(visible=False, axis="x")


def _size(table: pd.DataFrame) -> str:
    return f"crossbars of {join([square(int(size)) for size in sorted(table['crossbar_size'].unique())])}"
