"""What crossbars cost networks of several widths, from the reports of several profiles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import sizes
from xbarpaper.figures.panels import MAPPED, by_scheme, means, name_axes, unmitigated
from xbarpaper.figures.style import ArtifactFigure, panel_grid, shared_legend
from xbarpaper.support.words import join, square


def loss_by_width(reports: Mapping[float, tuple[pd.DataFrame, Labels]]) -> ArtifactFigure:
    """Points lost on crossbars against the width of the network, a line per scheme, a panel per crossbar size.

    Args:
        reports: by width relative to the standard network, the tidy table of evaluations of one network, or of trainings
            of one, and the words of its profile; mitigation ``none``, both effects and the readout's gain are shown.
    """
    parts = []
    for width, (table, labels) in sorted(reports.items()):
        plain = unmitigated(table, labels)
        lost = plain.assign(lost=plain["software_accuracy"] - plain["accuracy"])
        parts.append(means(lost, MAPPED, "lost", labels).assign(width=width))
    found, widths = pd.concat(parts, ignore_index=True), sorted(reports)
    figure, panels = panel_grid(sizes(found), 2.4, columns=3)
    for size, panel in panels.items():
        by_scheme(panel, found[found["crossbar_size"] == size], "width", widths, line="-", apart=0.06)
        panel.set_title(square(size))
        panel.set_xlim(-0.4, len(widths) - 0.6)
        panel.set_xticks(range(len(widths)), [f"{width:g}" for width in widths])
    axes = list(panels.values())
    axes[0].set_ylim(bottom=0)  # all share it
    name_axes(axes, x="width (×)", y="lost on crossbars (points)", columns=3)
    shared_legend(figure, axes[0])
    figure.heading = "Loss on crossbars against the width of the network"
    subjects = join(
        [f"{width:g}: {labels.subject(table)}" for width, (table, labels) in sorted(reports.items())]
    )
    figure.caption = (
        f"{subjects}: accuracy in software minus that on non-ideal crossbars without mitigation, against channels "
        f"relative to the standard network. Bars: {labels.percent} intervals of the mean, over trainings where there are "
        "several and over draws of device variation otherwise. Training recipes and sparsities are those of each profile."
    )
    return figure
