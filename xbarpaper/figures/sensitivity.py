"""Where the claims live: effects and losses along the axes, a panel each, and maps over pairs of axes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES, present
from xbarpaper.claims.regions import CLAIMS, effects, with_loss
from xbarpaper.experiments.sensitivity.axes import AXES, MAPS, text_of
from xbarpaper.figures.panels import scheme_points, seed_words
from xbarpaper.figures.style import (
    PAGE_INCHES,
    ArtifactFigure,
    new_figure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import SCHEMES, Gain
from xbarpaper.support.statistics import RESOLUTION, intervals
from xbarpaper.support.words import join, square

_EFFECT_NAMES: Final = {
    "C2": "effect of pruning on the loss",
    "C3": "effect of R",
    "C4": "effect of WCT",
    "C3+C4": "effect of R+WCT",
}
_EFFECT_WORDS: Final = {
    "C2": "Loss of each pruned network minus that of the unpruned one",
    "C3": "Loss without R minus that with R",
    "C4": "Loss without WCT minus that with WCT",
    "C3+C4": "Loss without mitigation minus that with R and WCT",
}
_COLOURS: Final = "RdBu"


def claim_along_axes(
    table: pd.DataFrame, labels: Labels, claim: str, own: Mapping[str, float | Gain]
) -> ArtifactFigure:
    """The effect of one claim along every axis, a line per scheme; positive is what the paper claims.

    Args:
        table: what ``sensitivity.evaluate`` gives, of one experiment.
        labels: words of the profile.
        claim: one of ``sensitivity.CLAIMS``.
        own: the profile's own value on each axis.
    """
    found = effects(table[~table["axis"].isin(MAPS)])
    found = found[found["claim"] == claim]
    figure = _along_axes(found, labels, "effect", own)
    figure.axes[0].set_ylabel("effect (points)")
    figure.heading = f"{labels.subject(table)}: {_EFFECT_NAMES[claim]}"
    figure.caption = (
        f"{_EFFECT_WORDS[claim]}, points, paired by variation seed; above zero is what the paper claims. "
        f"{_circumstances(table, labels)} {_sign_changes(found)}"
    )
    return figure


def loss_along_axes(table: pd.DataFrame, labels: Labels, own: Mapping[str, float | Gain]) -> ArtifactFigure:
    """Points of accuracy lost without mitigation along every axis, a line per scheme; see ``claim_along_axes``."""
    plain = with_loss(table[(table["mitigation"] == "none") & ~table["axis"].isin(MAPS)])
    figure = _along_axes(plain, labels, "loss", own)
    figure.heading = f"{labels.subject(table)}: what the crossbars cost"
    means = plain.groupby(["axis", "value"], sort=False)["loss"].mean()
    least, most = (means.index[int(at)] for at in (means.argmin(), means.argmax()))
    figure.caption = (
        "Accuracy in software minus accuracy on the crossbars, points, without mitigation. "
        f"{_circumstances(table, labels)} The mean over schemes lies between {means.min():.1f} points "
        f"({AXES[least[0]].short}: {least[1]}) and {means.max():.1f} ({AXES[most[0]].short}: {most[1]})."
    )
    return figure


def claim_map(
    table: pd.DataFrame, labels: Labels, axis: str, own: Mapping[str, float | Gain]
) -> ArtifactFigure:
    """Heat maps of every effect over two axes, a row per claim and a column per scheme.

    Args:
        table: what ``sensitivity.evaluate`` gives, of one experiment.
        labels: words of the profile.
        axis: one of ``sensitivity.MAPS``.
        own: the profile's own value on each axis.
    """
    found = effects(table[table["axis"] == axis])
    keys = ["claim", "scheme", "value", "second"]
    means = found.groupby(keys, sort=False)["effect"].mean().reset_index()
    schemes = present(SCHEMES, list(means["scheme"]))
    figure, axes = new_figure(len(CLAIMS), len(schemes), panel_inches=(PAGE_INCHES / len(schemes), 1.95))
    first, second = MAPS[axis]
    for claim, row in zip(CLAIMS, axes, strict=True):
        chosen = means[means["claim"] == claim]
        extent = max(float(chosen["effect"].abs().max()), 0.1)
        image = None
        for scheme, panel in zip(schemes, row, strict=True):
            own_rows = chosen[chosen["scheme"] == scheme]
            panel.set_visible(bool(len(own_rows)))
            if len(own_rows):
                grid = own_rows.pivot_table(index="second", columns="value", values="effect")
                grid = grid[list(dict.fromkeys(own_rows["value"]))].sort_index(ascending=False)
                image = _annotated(panel, grid, extent)
                _frame(panel, grid, text_of(own[first.name]), own[second.name])
                panel.set_title(f"{_EFFECT_NAMES[claim]}, {SCHEME_NAMES.get(scheme, scheme)}")
                panel.set_xlabel(first.label)
                panel.set_ylabel(second.label)
        if image is not None:
            figure.colorbar(image, ax=row, label="points")
    figure.heading = f"{labels.subject(table)}: effects over {first.short} and {second.short}"
    size = _size(table[table["axis"] == axis])
    figure.caption = (
        f"Mean effects in points over {found['seed'].nunique()} variation seeds, on {size}; "
        "blue, above zero, is what the paper claims, red the opposite. Framed: the profile's own point. "
        + " ".join(_map_sentence(means, claim) for claim in CLAIMS)
    )
    return figure


def _along_axes(
    table: pd.DataFrame, labels: Labels, value: str, own: Mapping[str, float | Gain]
) -> ArtifactFigure:
    figure, panels = panel_grid([axis for axis in AXES if axis in set(table["axis"])], 3, 2.0)
    schemes = present(SCHEMES, list(table["scheme"]))
    for axis, panel in panels.items():
        here = table[table["axis"] == axis]
        places = _places(axis, list(here["value"].unique()))
        summary = intervals(here, ["scheme", "value"], value, labels.confidence)
        for rank, scheme in enumerate(schemes):
            chosen = summary[summary["scheme"] == scheme]
            x = _apart(axis, np.array([places[one] for one in chosen["value"]], dtype=float), rank)
            scheme_points(panel, x, chosen, scheme)
        _axis_below(panel, axis, places)
        panel.axhline(0, color="0.3", linewidth=0.8)
        panel.axvline(places[text_of(own[axis])], color="0.3", linewidth=0.8, linestyle=":", zorder=0)
    for panel in list(panels.values())[::3]:
        panel.set_ylabel(f"{value} (points)")
    shared_legend(figure, next(iter(panels.values())))
    return figure


def _places(axis: str, values: list[str]) -> dict[str, float]:
    """Where each value stands on the x axis of its panel."""
    if AXES[axis].scale == "even":
        return {value: float(rank) for rank, value in enumerate(values)}
    return {value: float(value) for value in values}


def _apart(axis: str, x: np.ndarray[Any, Any], rank: int) -> np.ndarray[Any, Any]:
    """Lines a little beside each other, so that their intervals can be told apart."""
    step = rank - 1.5
    if AXES[axis].scale == "log":
        return np.asarray(x * np.exp(0.01 * np.log(x.max() / x.min()) * step))
    return np.asarray(x + (0.06 if AXES[axis].scale == "even" else 0.012 * float(np.ptp(x))) * step)


def _axis_below(panel: Axes, name: str, places: Mapping[str, float]) -> None:
    axis = AXES[name]
    panel.set_xlabel(axis.label)
    if axis.scale == "log":
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
    if axis.every_value:
        panel.set_xticks(list(places.values()), list(places))
    elif axis.scale == "log":
        panel.xaxis.set_major_locator(LogLocator(10))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))


def _annotated(panel: Axes, grid: pd.DataFrame, extent: float) -> Any:
    values = grid.to_numpy()
    image = panel.imshow(values, cmap=_COLOURS, vmin=-extent, vmax=extent, aspect="auto")
    for (row, column), effect in np.ndenumerate(values):
        colour = "white" if abs(effect) > 0.65 * extent else "0.1"
        panel.text(
            column, row, f"{round(effect, 1) + 0.0:+.1f}", ha="center", va="center", color=colour, fontsize=7
        )
    panel.set_xticks(range(len(grid.columns)), list(grid.columns))
    panel.set_yticks(range(len(grid.index)), [text_of(float(value)) for value in grid.index])
    panel.grid(visible=False)
    return image


def _frame(panel: Axes, grid: pd.DataFrame, first: str, second: float | Gain) -> None:
    column = list(grid.columns).index(first)
    row = int(np.abs(grid.index.to_numpy(dtype=float) - float(second)).argmin())
    for colour, width in (("white", 3.2), ("black", 1.6)):  # seen on light and dark cells alike
        corner = (column - 0.5, row - 0.5)
        panel.add_patch(
            Rectangle(corner, 1, 1, fill=False, edgecolor=colour, linewidth=width, zorder=5, clip_on=False)
        )


def _circumstances(table: pd.DataFrame, labels: Labels) -> str:
    at_home = table[~table["axis"].isin([*MAPS, "size"])]
    return (
        f"On {_size(at_home)} but where the size varies; readout gain: {labels.gain} but where it varies; wires and "
        f"variation act ({seed_words(table, labels)}). Dotted: the profile's own point."
    )


def _size(table: pd.DataFrame) -> str:
    return f"crossbars of {join([square(int(size)) for size in sorted(table['crossbar_size'].unique())])}"


def _sign_changes(found: pd.DataFrame) -> str:
    """Between which values of each axis the mean over schemes and seeds changes its sign."""
    changes: list[str] = []
    steady: dict[str, list[str]] = {}
    for axis in dict.fromkeys(found["axis"]):
        means = found[found["axis"] == axis].groupby("value", sort=False)["effect"].mean()
        signed = [(value, mean > 0) for value, mean in means.items() if abs(mean) > RESOLUTION]
        turns = [f"{one} and {other}" for (one, sign), (other, then) in pairwise(signed) if sign != then]
        if turns:
            changes.append(f"{AXES[axis].short} between {join(turns)}")
        else:
            side = ("above" if signed[0][1] else "below") if signed else "at"
            if 0 < len(signed) < len(means):
                side = f"at or {side}"
            steady.setdefault(f"{side} zero", []).append(AXES[axis].short)
    told = [f"changes its sign along {'; '.join(changes)}"] if changes else []
    told += [f"is {side} all along {join(axes)}" for side, axes in steady.items()]
    return f"The mean over schemes {'; it '.join(told)}."


def _map_sentence(means: pd.DataFrame, claim: str) -> str:
    chosen = means.loc[means["claim"] == claim, "effect"]
    return f"The {_EFFECT_NAMES[claim]} is above zero in {int((chosen > 0).sum())} of {len(chosen)} cells."
