"""What crossbars cost VGG11 of each width that a report has, beside what it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import pandas as pd

from xbarpaper.claims import Labels
from xbarpaper.claims.names import MAPPED, sizes
from xbarpaper.figures import ArtifactFigure
from xbarpaper.figures.panels import by_scheme, means, name_axes, unmitigated
from xbarpaper.figures.style import panel_grid, shared_legend
from xbarpaper.params import Params
from xbarpaper.support.words import count, join, square


def loss_by_width(reports: Mapping[str, tuple[Params, pd.DataFrame]]) -> ArtifactFigure:
    """Points lost on crossbars, a place for each report in the order of widths, a panel per crossbar size.

    No line joins reports: most differ in more than the width, which their places and the caption say.

    Args:
        reports: by name, the parameters that it was measured with, which are of one network or of trainings of one, and
            its tidy table of evaluations; mitigation ``none``, both effects and the readout's gain are shown.
    """
    names = sorted(reports, key=lambda name: _width(reports[name][0]))
    parts, places, subjects = [], [], []
    for name in names:
        params, table = reports[name]
        labels, epochs = Labels.of(params), count(params.train.epochs, "epoch")
        plain = unmitigated(table, labels)
        lost = plain.assign(lost=plain["software_accuracy"] - plain["accuracy"])
        parts.append(means(lost, MAPPED, "lost", labels).assign(report=name))
        kind = "JPEG" if "JPEG" in _images(params) else "lossless"
        places.append(f"{Fraction(_width(params))}: {kind}, {epochs}")
        subjects.append(f"{name}, {labels.subject(table)}, {epochs}")
    found = pd.concat(parts, ignore_index=True)
    figure, panels = panel_grid(sizes(found), 3.6, columns=3)
    for size, panel in panels.items():
        by_scheme(panel, found[found["crossbar_size"] == size], "report", names, apart=0.2)
        panel.set_title(square(size))
        panel.set_xticks(range(len(names)), places, rotation=90)
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.grid(visible=False, axis="x")
    figure.axes[0].set_ylim(bottom=0)  # all share it
    name_axes(panels.values(), x="width (×)", y="lost on crossbars (points)")
    shared_legend(figure)
    figure.heading = "What crossbars cost, by width and recipe"
    figure.caption = (
        "Accuracy in software minus that on non-ideal crossbars without mitigation, by channels relative to the standard "
        f"network: {'; '.join(subjects)}. The same images: {_alike(reports, _images)}. The same training and pruning: "
        f"{_alike(reports, _recipe)}. No mark: not measured. Bars: {labels.percent} intervals of the mean, over "
        "trainings where there are several and over draws of device variation otherwise."
    )
    return figure


def _width(params: Params) -> float:
    return next(iter(params.experiments.values())).width


def _images(params: Params) -> str:
    return next(iter(params.datasets.values())).title


def _recipe(params: Params) -> str:
    return params.model_dump_json(include={"train", "prune", "distillation"})


def _alike(reports: Mapping[str, tuple[Params, pd.DataFrame]], what: Callable[[Params], str]) -> str:
    """The reports that have the same of something, in words."""
    groups: dict[str, list[str]] = {}
    for name, (params, _) in reports.items():
        groups.setdefault(what(params), []).append(name)
    return "; ".join(join(group) for group in groups.values() if len(group) > 1) or "no two of them"
