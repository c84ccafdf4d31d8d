"""AC/DC beside gradual pruning."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import MAPPED, SCHEME_NAMES, gain_words, present
from xbarpaper.figures.panels import accuracy_axis, bar_words, means, points
from xbarpaper.figures.style import SCHEME_COLOURS, SCHEME_MARKERS, ArtifactFigure, new_figure, shared_legend
from xbarpaper.params import SCHEMES
from xbarpaper.params.names import SCHEDULES
from xbarpaper.support.words import square


def acdc_beside_gradual(table: pd.DataFrame, labels: Labels) -> ArtifactFigure:
    """Software accuracy, and accuracy lost on crossbars, of each scheme by AC/DC and by gradual pruning."""
    table = table.assign(lost=table["software_accuracy"] - table["accuracy"])
    experiments = list(labels.pooled(table)["experiment"].unique())
    schemes = present((*SCHEMES, "unstructured"), list(table["scheme"]))
    software, lost = (
        means(table, [*MAPPED, "schedule"], name, labels) for name in ("software_accuracy", "lost")
    )
    if not labels.replicates:  # every draw of the devices has the same
        software[["low", "high"]] = np.nan
    figure, axes = new_figure(len(experiments), 2, height=0.75 + 0.42 * len(schemes), share_y=True)
    for rank, experiment in enumerate(experiments):
        for panel, found in zip(axes[2 * rank : 2 * rank + 2], (software, lost), strict=True):
            for schedule, shift, hollow in zip(SCHEDULES, (-0.22, 0.22), (True, False), strict=True):
                own = found[(found["experiment"] == experiment) & (found["schedule"] == schedule)]
                for name, rows in own.groupby("scheme", sort=False):
                    scheme = str(name)
                    points(
                        panel, [schemes.index(scheme) + shift], rows, colour=SCHEME_COLOURS[scheme],
                        marker=SCHEME_MARKERS[scheme], label="_", hollow=hollow, sideways=True,
                    )  # fmt: skip
            panel.set_yticks(range(len(schemes)), [SCHEME_NAMES[name] for name in schemes])
            panel.set_ylim(len(schemes) - 0.5, -0.5)
            panel.grid(visible=False, axis="y")
        if len(experiments) > 1:
            axes[2 * rank].set_title(labels.trained(experiment, labels.pooled(table)))
    accuracy_axis(axes[::2], sideways=True)
    axes[-2].set_xlabel("accuracy in software (%)")
    axes[-1].set_xlabel("lost on crossbars (points)")
    for schedule, fill in zip(SCHEDULES, ("white", "0.3"), strict=True):
        axes[0].plot([], [], "o", color="0.3", markerfacecolor=fill, label=schedule)
    shared_legend(figure)
    figure.heading = "AC/DC beside gradual pruning, at equal epochs"
    told = [
        f"{schedule} {software.loc[software['schedule'] == schedule, 'mean'].mean():.1f} % and "
        f"{lost.loc[lost['schedule'] == schedule, 'mean'].mean():.1f} points"
        for schedule in SCHEDULES
    ]
    size, gain = square(int(table["crossbar_size"].iloc[0])), table["gain"].iloc[0]
    figure.caption = (
        f"{labels.subject(table)}: accuracy in software, and what is lost of it on non-ideal crossbars of {size}, of "
        "networks pruned gradually after training (hollow) and of those trained by AC/DC from scratch for as many epochs "
        f"(filled), wires and device variation acting, {gain_words(gain)}. "
        f"{bar_words(table, labels)} Averaged over panels and schemes: {'; '.join(told)}."
    )
    return figure
