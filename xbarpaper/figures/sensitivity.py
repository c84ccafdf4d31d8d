"""The survey of conventions: effects and losses along its axes, over pairs of axes, and what survives where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from xbarpaper.claims.accuracy import can_be_tested
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import gain_words, present
from xbarpaper.claims.regions import CLAIMS, at_home, effects, with_loss
from xbarpaper.claims.schema import OUTCOMES
from xbarpaper.experiments.sensitivity.axes import Axes, own_values, text_of
from xbarpaper.figures.panels import FEWEST, bar_words, by_scheme, means, name_axes, points
from xbarpaper.figures.style import (
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    ArtifactFigure,
    new_figure,
    panel_grid,
    shared_legend,
)
from xbarpaper.params import Params
from xbarpaper.support.words import count, join, square

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
_TICK_CHARACTERS: Final = 24  # that fit side by side below a panel
_ROW_INCHES: Final = 0.14


def along_axes(table: pd.DataFrame, axes: Axes, params: Params, shown: str, chance: float) -> ArtifactFigure:
    """An effect or the loss along every axis, a mark per scheme, one scale for all panels.

    The sparsity is left out: networks of another sparsity than the profile's had fewer epochs of fine-tuning.

    Args:
        table: what ``evaluating.evaluate`` gives, of one experiment.
        axes: the survey.
        params: the profile.
        shown: ``loss``, or one of ``regions.CLAIMS``; positive is then what the paper claims.
        chance: accuracy of guessing, percent; effects that cannot be tested for it are left out.
    """
    labels, single = Labels.of(params), table[table["second"].isna() & (table["axis"] != _CONFOUNDED)]
    found, value = _measured(single, shown, params.claims.chance_distance_points + chance)
    heading = f"Under other conventions: {_WORDS[shown][0]}"
    if found.empty:
        return _nothing(heading, table, axes, labels)
    figure, panels = panel_grid([axis for axis in axes.single if axis in set(found["axis"])], 1.75)
    own = own_values(axes, params, str(table["experiment"].iloc[0]))
    summary = means(found, ["experiment", "axis", "scheme", "value"], value, labels)
    for axis, panel in panels.items():
        here, moved = summary[summary["axis"] == axis], axes.single[axis]
        values = list(dict.fromkeys(here["value"]))
        values = sorted(values, key=float) if moved.joined else values
        # Values of a numeric axis are joined, and stand next to where they are.
        look: dict[str, Any] = {"line": ":", "apart": 0.04} if moved.joined else {}
        by_scheme(panel, here, "value", values, **look)
        names = [moved.name_of(one) for one in values]
        turned: dict[str, Any] = {"rotation": 90} if sum(map(len, names)) > _TICK_CHARACTERS else {}
        panel.set_xticks(range(len(values)), names, **turned)
        panel.set_xlabel(moved.label)
        panel.axhline(0, color="0.3", linewidth=0.8)
        if (own_value := text_of(own[axis])) in values:
            panel.axvspan(*(values.index(own_value) + np.array([-0.4, 0.4])), color="0.92", zorder=0)
    name_axes(panels.values(), x="", y=f"{_WORDS[shown][0]}\n(points)")
    shared_legend(figure)
    figure.heading = heading
    left_out = ""
    if _CONFOUNDED in axes.single:
        epochs = count(params.sensitivity.fine_tuning_epochs, "epoch")
        epochs += f" of fine-tuning against {params.prune.epochs}"
        left_out = (
            f" The sparsity is left out of the figures, because networks of another sparsity had {epochs}."
        )
    figure.caption = (
        f"{labels.subject(table)}: {_WORDS[shown][1]}, in points"
        + ("; above zero is what the paper claims. " if shown != "loss" else ". ")
        + f"{_circumstances(table, axes, labels)} On grey: the profile's own point.{left_out} "
        + (_clear_of_zero(summary) if shown != "loss" else "")
    ).rstrip()
    return figure


def over_pair(table: pd.DataFrame, axes: Axes, params: Params, pair: str, chance: float) -> ArtifactFigure:
    """Every effect over two axes, mean over the schemes: a panel per claim, a line for each value of the second axis.

    Args:
        table: what ``sensitivity.evaluate`` gives, of one experiment.
        params: the profile.
        pair: one of ``axes.maps``.
        chance: accuracy of guessing, percent; effects that cannot be tested for it are left out.
    """
    labels, (first, second) = Labels.of(params), axes.maps[pair]
    found = _testable(effects(table[table["axis"] == pair]), params.claims.chance_distance_points + chance)
    heading = f"Effects over {first.short} and {second.short}"
    if found.empty:
        return _nothing(heading, table, axes, labels)
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
            x = rows["value"].map(values.index).to_numpy(dtype=float) + 0.04 * (rank - (len(lines) - 1) / 2)
            points(
                panel, x, rows, colour=_SHADES[rank % len(_SHADES)], marker=_MARKERS[rank % len(_MARKERS)],
                label=f"{second.short} {text_of(float(one))}", line=":",
            )  # fmt: skip
        panel.set_xticks(range(len(values)), values)
        panel.set_title(_WORDS[claim][0])
        panel.axhline(0, color="0.3", linewidth=0.8)
    name_axes(panels.values(), x=first.label, y="effect (points)")
    shared_legend(figure, columns=2)
    figure.heading = heading
    figure.caption = (
        f"{labels.subject(table)}: effects in points, mean over the schemes; above zero is what the paper claims. "
        f"{_circumstances(table[table['axis'] == pair], axes, labels)} {_clear_of_zero(summary)}"
    )
    return figure


def surviving(held: pd.DataFrame, axes: Axes, params: Params) -> ArtifactFigure:
    """The effect of every claim at every point with its interval and verdict: a panel per claim, a line per point.

    The first line is the profile's own point; its interval is that of the axis with the most values. Panels of smaller
    effects are zoomed by a whole number, which stands above them.

    Args:
        held: what ``regions.regions`` gives, of one experiment.
        axes: the survey.
        params: the profile.
    """
    labels, (home, first) = Labels.of(params), at_home(held, axes, params)
    lines: list[tuple[str, pd.DataFrame | None]] = [("as it is", held[first])]
    for name in present(tuple(axes.single), list(held["axis"])):
        moved = held[(held["axis"] == name) & ~home]
        lines.append((axes.single[name].short, None))
        lines += [
            (axes.single[name].name_of(str(value)), rows)
            for value, rows in moved.groupby("value", sort=False)
        ]
    claims, draws = present(tuple(CLAIMS), list(held["claim"])), axes.settings.variation_seeds
    several = draws >= FEWEST
    height = _ROW_INCHES * len(lines) + 1.2
    figure, panels = new_figure(1, len(claims), height=height, share_y=True)
    for claim, panel in zip(claims, panels, strict=True):
        for y, (_, rows) in enumerate(lines):
            for one in [] if rows is None else rows[rows["claim"] == claim].to_dict("records"):
                colour, marker = VERDICT_COLOURS[one["verdict"]], VERDICT_MARKERS[one["verdict"]]
                if several:
                    panel.plot([one["low"], one["high"]], [y, y], color=colour, linewidth=1.4)
                panel.plot([one["effect"]], [y], marker, color=colour, markersize=3.5)
        panel.axvline(0, color="0.3", linewidth=0.8)
        panel.axhspan(-0.5, 0.5, color="0.92", zorder=0)
        panel.margins(x=0.1)
        panel.grid(visible=False, axis="y")
        panel.set_xlabel("effect\n(points)")
    spans = {
        claim: max(float(np.ptp(panel.get_xlim())), 1.0) for claim, panel in zip(claims, panels, strict=True)
    }
    scales = {claim: int(max(spans.values()) / span) for claim, span in spans.items()}
    for claim, panel in zip(claims, panels, strict=True):
        half = max(spans.values()) / scales[claim] / 2
        panel.set_xlim(*(np.mean(panel.get_xlim()) + np.array([-half, half])))
        panel.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 1.5, 2, 3, 5, 10]))
        scale = f"{scales[claim]} × zoom" if scales[claim] > 1 else ""
        panel.set_title(f"{claim}: {CLAIMS[claim]}\n{scale}")
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    panels[0].set_yticks(range(len(lines)), [label for label, _ in lines])
    for tick, (_, rows) in zip(panels[0].get_yticklabels(), lines, strict=True):
        tick.set_fontweight("normal" if rows is not None else "bold")
    for verdict in present(OUTCOMES, list(held["verdict"])):
        panels[0].plot([], [], VERDICT_MARKERS[verdict], color=VERDICT_COLOURS[verdict], label=verdict)
    shared_legend(figure, columns=3)
    figure.heading = "What survives which effect of the devices"
    zoomed = [f"{claim} {scale} times" for claim, scale in scales.items() if scale > 1]
    drawn = "drawn as bars" if several else "too wide to draw with so few draws"
    figure.caption = (
        f"{labels.subject(held)}: effects and verdicts, mean over the pruned networks and {draws} draws of the devices; "
        f"above zero is what the paper claims. Verdicts are read from {labels.percent} intervals (Student's t, corrected "
        f"for the values of each axis), {drawn}. Crossbars of {square(axes.settings.crossbar_size)}, "
        f"{gain_words(labels.gain)}, {axes.settings.test_images} random test images. "
        + (f"The panels differ in scale: beside the widest, {join(zoomed)} larger. " if zoomed else "")
        + " ".join(_survival(held, home, first, axes))
    )
    return figure


def _survival(held: pd.DataFrame, home: pd.Series, first: pd.Series, axes: Axes) -> Iterator[str]:
    """A sentence for each claim: how it stands at the profile's own point, and where it stands otherwise."""
    for claim, rows in held.groupby("claim", sort=False):
        own = str(rows.loc[first, "verdict"].iloc[0])
        others = rows[~home[rows.index]]
        changed = others[others["verdict"] != own]
        listed = join(
            [
                f"{axes.single[axis].said(value)} ({verdict})"
                for axis, value, verdict in changed[["axis", "value", "verdict"]].itertuples(index=False)
            ]
        )
        yield (
            f"{claim} is {own} as it is and at {len(others) - len(changed)} of {len(others)} strengths"
            + (f"; not with {listed}." if len(changed) else ".")
        )


def _nothing(heading: str, table: pd.DataFrame, axes: Axes, labels: Labels) -> ArtifactFigure:
    """The figure of a profile whose networks all guess."""
    figure, (panel,) = new_figure(1, 1, height=0.9)
    panel.set_axis_off()
    panel.text(0.5, 0.5, "Every network is at chance:\nnothing can be tested.", ha="center", va="center")
    figure.heading = heading
    figure.caption = f"{labels.subject(table)}: {_circumstances(table, axes, labels)} No effect is left."
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
        own[can_be_tested(own, limit, pruning=claim == "C2", by=by)]
        for claim, own in found.groupby("claim", sort=False)
    ]
    return pd.concat(parts) if parts else found


def _circumstances(table: pd.DataFrame, axes: Axes, labels: Labels) -> str:
    size = square(axes.settings.crossbar_size)
    return (
        f"Crossbars of {size}, {gain_words(labels.gain)}, wires and variation acting, but where an axis moves "
        f"them; {axes.settings.test_images} random test images. "
        f"Effects of networks at chance are left out. {bar_words(table, labels)}"
    )


def _clear_of_zero(summary: pd.DataFrame) -> str:
    """How many means have an interval on one side of zero."""
    above, below = int((summary["low"] > 0).sum()), int((summary["high"] < 0).sum())
    return f"Of {count(len(summary), 'mean')} {above} have an interval above zero and {below} one below."
