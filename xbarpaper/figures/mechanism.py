"""Where the accuracy goes: parts of the weights' error, and what single layers cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xbarpaper.claims.names import SCHEME_NAMES, present
from xbarpaper.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    ArtifactFigure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import SCHEMES
from xbarpaper.support.words import count, square

_PART_COLOURS: Final = {"crossbars": SKY, "columns": BLUE, "rows": GREEN, "rest": GREY}
_PART_NAMES: Final = {
    "crossbars": "between crossbars",
    "columns": "between columns",
    "rows": "between rows",
    "rest": "rest: sneak paths, single devices",
}
_VARIATION: Final = "device variation, alone"


def error_by_layer(table: pd.DataFrame, title: str) -> ArtifactFigure:
    """What a gain per layer leaves of each layer's error, by the wires' parts and by variation, a panel per scheme.

    Args:
        table: what ``mechanism.error_table`` gives, of one crossbar size; experiments in it are trainings of one
            network, and averaged.
        title: of the figure.
    """
    table = _with_trainings(table)
    figure, panels = _panel_per_scheme(table)
    for scheme, panel in panels.items():
        rows = table[table["scheme"] == scheme]
        layers = list(dict.fromkeys(rows["layer"]))
        wires = rows[rows["effects"] == "wires"].pivot_table(index="layer", columns="part", values="share")
        bottom = np.zeros(len(layers))
        for part, colour in _PART_COLOURS.items():
            height = 100 * wires.loc[layers, part].to_numpy()
            panel.bar(
                np.arange(len(layers)) - 0.2,
                height,
                0.36,
                bottom=bottom,
                color=colour,
                label=_PART_NAMES[part],
            )
            bottom += height
        left = rows[rows["part"] != "attenuation"].groupby(["effects", "experiment", "layer"])["share"].sum()
        noise = 100 * left["variation"].groupby("layer").mean().loc[layers].to_numpy()
        panel.bar(np.arange(len(layers)) + 0.2, noise, 0.36, color=ORANGE, label=_VARIATION)
        if table["experiment"].nunique() > 1:
            for effects, shift in (("wires", -0.2), ("variation", 0.2)):
                for _, one in left[effects].groupby("experiment"):
                    values = 100 * one.droplevel("experiment").loc[layers].to_numpy()
                    panel.plot(np.arange(len(layers)) + shift, values, "o", color="0.15", markersize=2)
        _layers_below(panel, layers)
    _label_left(list(panels.values()), "error left, % of |W|²")
    shared_legend(figure, next(iter(panels.values())), columns=3)
    figure.heading = title
    attenuation = table[(table["part"] == "attenuation") & (table["effects"] == "wires")]["share"]
    figure.caption = (
        f"Squared error of the effective weights over the squared weights, {_size(table)}, after one gain per layer: it "
        f"removes the common attenuation, {100 * attenuation.min():.0f} to {100 * attenuation.max():.0f} % of the "
        "squared weights, not shown. Left bars: the wires, by the readout that would win each part back. Right bars: "
        f"variation of the devices alone, seed 0.{_trainings(table)}"
    )
    return figure


def layer_losses(table: pd.DataFrame, title: str) -> ArtifactFigure:
    """Points each layer costs alone, and points won back by sparing it, a panel per scheme.

    Args:
        table: what ``mechanism.layer_table`` gives, of one crossbar size; experiments in it are trainings of one
            network, and averaged.
        title: of the figure.
    """
    table = _with_trainings(table)
    figure, panels = _panel_per_scheme(table)
    for scheme, panel in panels.items():
        rows = table[table["scheme"] == scheme]
        layers = list(dict.fromkeys(rows["layer"]))
        for shift, column, colour, label in (
            (-0.2, "lost_alone", ORANGE, "lost with this layer alone on crossbars"),
            (0.2, "won_back", BLUE, "won back with this layer in software"),
        ):
            by_layer = rows.groupby("layer")[column]
            means = by_layer.mean().loc[layers].to_numpy()
            panel.bar(np.arange(len(layers)) + shift, means, 0.36, color=colour, label=label)
            for _, seed in rows.groupby(["experiment", "seed"]):
                values = seed.set_index("layer")[column].loc[layers].to_numpy()
                panel.plot(np.arange(len(layers)) + shift, values, "o", color="0.15", markersize=2)
        panel.axhline(0, color="0.3", linewidth=0.8)
        _layers_below(panel, layers)
    _label_left(list(panels.values()), "accuracy (points)")
    shared_legend(figure, next(iter(panels.values())), columns=2)
    figure.heading = title
    trainings = table["experiment"].nunique()
    each = f" of each of {trainings} trainings" if trainings > 1 else ""
    figure.caption = (
        f"Test accuracy in points, {_size(table)}, wires and variation. Bars: mean over "
        f"{count(table['seed'].nunique(), 'draw')} of variation{each}; dots: each draw{each}."
    )
    return figure


def _with_trainings(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its experiments, trainings of one network; a table without that column is of one."""
    return table if "experiment" in table else table.assign(experiment="")


def _trainings(table: pd.DataFrame) -> str:
    number = table["experiment"].nunique()
    return f" Mean over {number} trainings; dots: each of them." if number > 1 else ""


def _panel_per_scheme(table: pd.DataFrame) -> tuple[ArtifactFigure, dict[str, Axes]]:
    figure, panels = panel_grid(present(SCHEMES, list(table["scheme"])), 2, 2.3, share_y=True)
    for scheme, panel in panels.items():
        panel.set_title(SCHEME_NAMES[scheme])
    return figure, panels


def _layers_below(panel: Axes, layers: Sequence[str]) -> None:
    panel.set_xticks(range(len(layers)), list(layers), rotation=90)
    panel.grid(visible=False, axis="x")


def _label_left(panels: Sequence[Axes], text: str) -> None:
    for panel in panels[::2]:
        panel.set_ylabel(text)


def _size(table: pd.DataFrame) -> str:
    sizes = sorted(int(size) for size in table["crossbar_size"].unique())
    return f"crossbars of {', '.join(square(size) for size in sizes)}"
