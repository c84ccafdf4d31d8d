"""Losses that others report beside this artifact's, under several conventions."""

from __future__ import annotations

from itertools import cycle
from typing import Final

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import gain_words
from xbarpaper.figures.style import BLUE, ORANGE, PURPLE, VERMILION, ArtifactFigure, panel_grid, shared_legend
from xbarpaper.support.words import join

_LOOKS: Final = ((BLUE, "o"), (ORANGE, "^"), (PURPLE, "D"), (VERMILION, "s"))
_SOURCES = {
    "arXiv 2201.05229": "the paper, arXiv 2201.05229, of a network that is not named",
    "arXiv 2305.18416": "arXiv 2305.18416, of VGG16",
}


def beside_published(table: pd.DataFrame, distances: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Points lost where others report a number: theirs, and ours under each convention.

    ``distances`` is what ``claims.published.distances`` gives of the table.
    """
    pooled = labels.pooled(table)
    experiments = list(pooled["experiment"].unique())
    settings = table[["source", "setting", "published"]].drop_duplicates().reset_index(drop=True)
    rank = settings["source"].map({name: at for at, name in enumerate(settings["source"].unique())})
    places = pd.Series(settings.index, settings.index) + rank + 1  # a line for the name of each source
    figure, panels = panel_grid(experiments, 0.36 * (places.iloc[-1] + 1) + 0.9, columns=1)
    looks = dict(zip(sorted(table["r_min_ohm"].unique()), cycle(_LOOKS), strict=False))
    gains = list(table["gain"].unique())
    for experiment, panel in panels.items():
        own = pooled[pooled["experiment"] == experiment]
        if len(experiments) > 1:
            panel.set_title(labels.trained(experiment, own))
        for at, row in zip(places, settings.to_dict("records"), strict=True):
            panel.plot(
                [row["published"]] * 2, [at - 0.4, at + 0.4], color="0.1", linewidth=2, zorder=3, label="_"
            )
            here = own[(own["source"] == row["source"]) & (own["setting"] == row["setting"])]
            for (r_min, gain), points in (
                here.groupby(["r_min_ohm", "gain"], sort=False)["lost"].mean().items()
            ):
                colour, marker = looks[r_min]
                line = gains.index(gain) * len(looks) + list(looks).index(r_min)  # no mark covers another
                panel.plot(
                    points, at + 0.8 * ((line + 0.5) / (len(gains) * len(looks)) - 0.5), marker, markersize=3.5,
                    color=colour, markerfacecolor="white" if gain == "none" else colour,
                )  # fmt: skip
        panel.set_yticks(places, list(settings["setting"]))
        panel.set_ylim(places.iloc[-1] + 0.6, -0.6)
        for source, first in places.groupby(settings["source"]).min().items():
            panel.text(-2, float(first) - 1, str(source), va="center", fontsize=7, color="0.3")
        panel.set_xlim(-3, 93)
        panel.grid(visible=False, axis="y")
        panel.set_xlabel("accuracy lost on the crossbars (points)")
    first = next(iter(panels.values()))
    first.plot([], [], color="0.1", linewidth=2, label="published")
    for r_min, (colour, marker) in looks.items():
        first.plot([], [], marker, color=colour, label=f"R_min {r_min / 1e3:g} kΩ")
    for gain in gains:
        fill = "white" if gain == "none" else "0.4"
        first.plot([], [], "o", color="0.4", markerfacecolor=fill, label=gain_words(str(gain)))
    shared_legend(figure, columns=2)
    figure.heading = "What others lose on crossbars, and what these networks lose there"
    figure.caption = _caption(table, distances, labels)
    return figure


def _caption(table: pd.DataFrame, distances: pd.DataFrame, labels: Labels) -> str:
    first = distances.groupby("experiment", sort=False).first()
    told = join(
        [
            f"{row['r_min_ohm'] / 1e3:g} kΩ with {gain_words(row['gain'])} for {labels.network(str(name))} "
            f"({row['all']:.1f} points off, root mean square)"
            for name, row in first.iterrows()
        ]
    )
    sources = join([_SOURCES[str(one)] for one in table["source"].unique()])
    return (
        f"{labels.subject(table)}: accuracy lost on crossbars of the given size, mean over draws, under each convention, "
        f"beside what is reported (second hand: {sources}). In the first, resistances and variation act, in the "
        "second resistances alone, with the classifier off the crossbars; BN: batch-norm statistics measured anew, "
        f"norms: scale and shift tuned besides. Nearest to the numbers without mitigation: R_min of {told}."
    )
