"""What crossbars cost networks of several widths, from the reports of several profiles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import sizes
from xbarpaper.figures.panels import MAPPED, by_scheme, means, name_axes, unmitigated
from xbarpaper.figures.style import ArtifactFigure, panel_grid, shared_legend
from xbarpaper.support.words import join, square


def loss_by_width(reports: Mapping[str, tuple[float, pd.DataFrame, Labels]]) -> ArtifactFigure:
    """Points lost on crossbars against the width of the network, a line per scheme, a panel per crossbar size.

    The first report of a width is on the line; others of that width stand beside it, hollow.

    Args:
        reports: by name, the width relative to the standard network, the tidy table of evaluations of one network, or of
            trainings of one, and the words of its profile; mitigation ``none``, both effects and the readout's gain are
            shown.
    """
    parts = []
    for name, (width, table, labels) in reports.items():
        plain = unmitigated(table, labels)
        lost = plain.assign(lost=plain["software_accuracy"] - plain["accuracy"])
        parts.append(means(lost, MAPPED, "lost", labels).assign(width=width, report=name))
    found, widths = pd.concat(parts, ignore_index=True), sorted({width for width, _, _ in reports.values()})
    found = found.sort_values("width", kind="stable")
    first = found["report"] == found.groupby("width")["report"].transform("first")
    figure, panels = panel_grid(sizes(found), 2.4, columns=3)
    for size, panel in panels.items():
        here = found["crossbar_size"] == size
        by_scheme(panel, found[here & first], "width", widths, line="-", apart=0.06)
        by_scheme(panel, found[here & ~first], "width", widths, hollow=True, apart=0.06, aside=0.3)
        panel.set_title(square(size))
        panel.set_xlim(-0.4, len(widths) - 0.6)
        panel.set_xticks(range(len(widths)), [f"{width:g}" for width in widths])
    figure.axes[0].set_ylim(bottom=0)  # all share it
    beside = list(found.loc[~first, "report"].unique())
    if beside:
        figure.axes[0].plot([], [], "o", color="0.3", markerfacecolor="white", label=join(beside))
    name_axes(panels.values(), x="width (×)", y="lost on crossbars (points)")
    shared_legend(figure)
    figure.heading = "Loss on crossbars against the width of the network"
    subjects = "; ".join(f"{name}: {labels.subject(table)}" for name, (_, table, labels) in reports.items())
    figure.caption = (
        f"{subjects}: accuracy in software minus that on non-ideal crossbars without mitigation, against channels "
        "relative to the standard network. "
        + (f"Hollow, beside the line: {join(beside)}, another training at the same width. " if beside else "")
        + f"Bars: {labels.percent} intervals of the mean, over trainings where there are "
        "several and over draws of device variation otherwise. Training recipes and sparsities are those of each profile."
    )
    return figure
