"""Where the claims live: effects and losses along the axes, a panel each, and over pairs of axes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from xbarpaper.claims.accuracy import can_be_tested
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import present
from xbarpaper.claims.regions import CLAIMS, effects, with_loss
from xbarpaper.experiments.sensitivity.axes import AXES, MAPS, own_values, text_of
from xbarpaper.figures.panels import bar_words, by_scheme, means, name_axes, points
from xbarpaper.figures.style import ArtifactFigure, new_figure, panel_grid, shared_legend
from xbarpaper.params import Params
from xbarpaper.support.words import count, square

# Short, for a panel; in a sentence.
_WORDS: Final = {
    "loss": ("accuracy lost", "accuracy in software minus accuracy on crossbars, without mitigation"),
    "C2": ("effect of pruning", "loss of each pruned network minus that of the unpruned one"),
    "C3": ("effect of R", "loss on crossbars without R minus that with it"),
    "C4": ("effect of WCT", "loss on crossbars without WCT minus that with it"),
    "C3+C4": ("effect of R + WCT", "loss on crossbars without mitigation minus that with R and WCT"),
}
_CONFOUNDED: Final = "sparsity"
_SHADES: Final = ("#9ecae1", "#4292c6", "#08519c", "#021c36")
_MARKERS: Final = "osD^"


def along_axes(table: pd.DataFrame, params: Params, shown: str, chance: float) -> ArtifactFigure:
    """An effect or the loss along every axis, a mark per scheme, one scale for all panels.

    The sparsity is left out: networks of another sparsity than the profile's had fewer epochs of fine-tuning.

    Args:
        table: what ``sensitivity.evaluate`` gives, of one experiment.
        params: the profile.
        shown: ``loss``, or one of ``regions.CLAIMS``; positive is then what the paper claims.
        chance: accuracy of guessing, percent; effects that cannot be tested for it are left out.
    """
    labels, single = Labels.of(params), table[~table["axis"].isin([*MAPS, _CONFOUNDED])]
    found, value = _measured(single, shown, params.claims.chance_distance_points + chance)
    heading = f"Where the claims live: {_WORDS[shown][0]}"
    if found.empty:
        return _nothing(heading, f"{labels.subject(table)}: {_circumstances(table, params, labels)}")
    figure, panels = panel_grid([axis for axis in AXES if axis in set(found["axis"])], 1.75)
    own = own_values(params, str(table["experiment"].iloc[0]))
    summary = means(found, ["experiment", "axis", "scheme", "value"], value, labels)
    for axis, panel in panels.items():
        here = summary[summary["axis"] == axis]
        values = _values(axis, here)
        by_scheme(panel, here, "value", values, line=":" if AXES[axis].scale != "even" else "none")
        panel.set_xticks(range(len(values)), values)
        panel.set_xlabel(AXES[axis].label)
        panel.axhline(0, color="0.3", linewidth=0.8)
        if (at_home := text_of(own[axis])) in values:
            panel.axvspan(*(values.index(at_home) + np.array([-0.4, 0.4])), color="0.92", zorder=0)
    axes = list(panels.values())
    name_axes(axes, x="", y=f"{_WORDS[shown][0]}\n(points)")
    shared_legend(figure, axes[0])
    figure.heading = heading
    epochs = f"{params.sensitivity.fine_tuning_epochs} epochs of fine-tuning against {params.prune.epochs}"
    figure.caption = (
        f"{labels.subject(table)}: {_WORDS[shown][1]}, in points"
        + ("; above zero is what the paper claims. " if shown != "loss" else ". ")
        + f"{_circumstances(table, params, labels)} On grey: the profile's own point. The sparsity is left out of the "
        f"figures, because networks of another sparsity had {epochs}. "
        + (_clear_of_zero(summary) if shown != "loss" else "")
    ).rstrip()
    return figure


def over_pair(table: pd.DataFrame, params: Params, pair: str, chance: float) -> ArtifactFigure:
    """Every effect over two axes, mean over the schemes: a panel per claim, a line for each value of the second axis.

    Args:
        table: what ``sensitivity.evaluate`` gives, of one experiment.
        params: the profile.
        pair: one of ``axes.MAPS``.
        chance: accuracy of guessing, percent; effects that cannot be tested for it are left out.
    """
    labels, (first, second) = Labels.of(params), MAPS[pair]
    found = _testable(effects(table[table["axis"] == pair]), params.claims.chance_distance_points + chance)
    heading = f"Effects over {first.short} and {second.short}"
    if found.empty:
        return _nothing(heading, f"{labels.subject(table)}: {_circumstances(table, params, labels)}")
    keys = ["experiment", "claim", "value", "second"]
    summary = means(
        found.groupby([*keys, "seed"], sort=False)["effect"].mean().reset_index(), keys, "effect", labels
    )
    figure, panels = panel_grid(present(tuple(CLAIMS), list(summary["claim"])), 1.85)
    values = list(dict.fromkeys(summary["value"]))
    lines = sorted(summary["second"].unique())
    for claim, panel in panels.items():
        for rank, one in enumerate(lines):
            rows = summary[(summary["claim"] == claim) & (summary["second"] == one)]
            x = rows["value"].map(values.index).to_numpy(dtype=float) + 0.12 * (rank - (len(lines) - 1) / 2)
            points(
                panel, x, rows, colour=_SHADES[rank % len(_SHADES)], marker=_MARKERS[rank % len(_MARKERS)],
                label=f"{second.short} {text_of(float(one))}", line=":",
            )  # fmt: skip
        panel.set_xticks(range(len(values)), values)
        panel.set_title(_WORDS[claim][0])
        panel.axhline(0, color="0.3", linewidth=0.8)
    axes = list(panels.values())
    name_axes(axes, x=first.label, y="effect (points)")
    shared_legend(figure, axes[0], columns=2)
    figure.heading = heading
    figure.caption = (
        f"{labels.subject(table)}: effects in points, mean over the schemes; above zero is what the paper claims. "
        f"{_circumstances(table[table['axis'] == pair], params, labels)} {_clear_of_zero(summary)}"
    )
    return figure


def _nothing(heading: str, caption: str) -> ArtifactFigure:
    """The figure of a profile whose networks all guess."""
    figure, (panel,) = new_figure(1, 1, height=0.9)
    panel.set_axis_off()
    panel.text(0.5, 0.5, "Every network is at chance:\nnothing can be tested.", ha="center", va="center")
    figure.heading, figure.caption = heading, f"{caption} No effect is left."
    return figure


def _measured(table: pd.DataFrame, shown: str, limit: float) -> tuple[pd.DataFrame, str]:
    """The rows of an effect or of the loss, and the column that holds it."""
    if shown == "loss":
        return with_loss(table[table["mitigation"] == "none"]), "loss"
    found = effects(table)
    return _testable(found[found["claim"] == shown], limit), "effect"


def _testable(found: pd.DataFrame, limit: float) -> pd.DataFrame:
    """The effects that say something: not those of networks that are as good as guessing."""
    by = ["axis", "value", "second", "scheme"]
    parts = [
        own[can_be_tested(own, pd.Series(limit, index=own.index), pruning=claim == "C2", by=by)]
        for claim, own in found.groupby("claim", sort=False)
    ]
    return pd.concat(parts) if parts else found


def _values(axis: str, table: pd.DataFrame) -> list[str]:
    """The values of an axis from left to right; numbers rise."""
    found = list(dict.fromkeys(table["value"]))
    return found if axis in ("gain", "w_max") else sorted(found, key=float)


def _circumstances(table: pd.DataFrame, params: Params, labels: Labels) -> str:
    size = square(params.sensitivity.crossbar_size)
    return (
        f"Crossbars of {size}, one readout gain per {labels.gain}, wires and variation acting, but where an axis moves "
        f"them; {params.sensitivity.test_images} random test images. "
        f"Effects of networks at chance are left out. {bar_words(table, labels)}"
    )


def _clear_of_zero(summary: pd.DataFrame) -> str:
    """How many means have an interval on one side of zero."""
    above, below = int((summary["low"] > 0).sum()), int((summary["high"] < 0).sum())
    return f"Of {count(len(summary), 'mean')} {above} have an interval above zero and {below} one below."
