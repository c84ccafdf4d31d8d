"""What batch norms win back from read noise and from drift, and what they cannot."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import gain_words, sizes
from xbarpaper.figures.panels import bar_words, means, move, name_axes, points
from xbarpaper.figures.style import BLUE, GREY, ORANGE, ArtifactFigure, panel_grid, shared_legend
from xbarpaper.support.words import join, square

_MITIGATIONS: Final = {"none": (GREY, "o", 0.0), "BN": (BLUE, "s", -2.5), "norms": (ORANGE, "^", 2.5)}
"""Colour, marker, and how far right of its place it is drawn, points of the page."""
_CALLED: Final = {"none": "as they are"}
_AXES: Final = {
    "read noise": "read noise (sigma/mu)",
    "drift": "time of drift (s)",
    "rest": "error that no scale or shift\nof a channel removes (%)",
}


def batch_norm_limits(table: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Points lost with batch norms as they are, measured anew and tuned: by read noise, by drift, and by the rest.

    A column of panels for each crossbar size; the rows are of one network.
    """
    found = sizes(table)
    figure, panels = panel_grid([(row, size) for row in _AXES for size in found], 1.75, columns=len(found))
    for (row, size), panel in panels.items():
        if row == "read noise":
            panel.set_title(square(size))
        for name, (colour, marker, right) in _MITIGATIONS.items():
            own = table[(table["crossbar_size"] == size) & (table["mitigation"] == name)]
            if row == "rest":
                mean = _lost(own, ["experiment", "axis", "value"], labels)
                rest = own.groupby(["axis", "value"])["rest"].mean()
                mean["rest"] = [100 * rest[place] for place in zip(mean["axis"], mean["value"], strict=True)]
                for drifted, rows in mean.groupby(mean["axis"] == "drift"):
                    hollow = bool(drifted)
                    points(panel, rows["rest"], rows, colour=colour, marker=marker, label="_",
                           hollow=hollow, right=right)  # fmt: skip
                continue
            # devices without read noise have one of sigma 0
            own = own[own["axis"].isin({"read noise": ["none", "read noise"], "drift": ["drift"]}[row])]
            mean = _lost(own, ["experiment", "value"], labels)
            called = _CALLED.get(name, name)
            points(
                panel, mean["value"], mean, colour=colour, marker=marker, label=called, line="-", right=right
            )
            told = own.dropna(subset="published").drop_duplicates("value")
            stars = panel.plot(
                told["value"], told["published"], "*", color=colour, markersize=11, markerfacecolor="white",
                zorder=1.9, label=f"{called}, published",
            )  # fmt: skip
            move(panel, stars, right)
        panel.margins(x=0.07)
        if row == "drift":
            panel.set_xscale("log")
    axes = list(panels.values())
    for rank, label in enumerate(_AXES.values()):
        name_axes(axes[rank * len(found) :][: len(found)], x=label, y="accuracy lost\n(points)")
    axes[0].plot([], [], "o", color="0.3", markerfacecolor="white", label="drift, in the last row")
    shared_legend(figure, columns=2)
    figure.heading = "What batch norms win back on crossbars, and what not"
    conventions = table[["r_min_ohm", "gain"]].drop_duplicates().to_dict("records")
    convention = join(
        [f"R_min {one['r_min_ohm'] / 1e3:g} kΩ, {gain_words(one['gain'])}" for one in conventions]
    )
    figure.caption = (
        f"{labels.subject(table)}: accuracy lost on crossbars, the classifier off them, {convention}; resistances act, "
        "and read noise or drift. Batch norms: as they are, statistics measured anew (BN), or scale and shift tuned "
        "besides (norms), at another reading than the one that tests; BN stands a little left of its place and norms "
        "right. Stars: arXiv 2305.18416 (second hand), at every size where it tells none. Below: against the part of the "
        "outputs' error that no norm can undo, percent of their variance, mean over layers. "
        f"{bar_words(table, labels).replace('device variation', 'the devices')}"
        " Bars end where no accuracy is left."
    )
    return figure


def _lost(table: pd.DataFrame, by: list[str], labels: Labels) -> pd.DataFrame:
    """Mean points lost, with intervals that end where no accuracy is left."""
    found = means(table, by, "lost", labels)
    return found.assign(high=found["high"].clip(upper=float(table["software_accuracy"].mean())))
