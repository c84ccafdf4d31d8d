"""Pictures of one network: how it learnt, its masks, tiles and conductances. They take plain tables and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xbarpaper.figures.panels import name_axes
from xbarpaper.figures.style import (
    BLUE,
    ORANGE,
    VERMILION,
    ArtifactFigure,
    new_figure,
    panel_grid,
    shared_legend,
)
from xbarpaper.support.words import count

MICROSIEMENS: Final = 1e6
_BINS: Final = 40  # of a histogram, the same edges for both conditions
_REMOVED: Final = "#e8e8e8"
_KEPT: Final = "#1b2a41"
_TILE_COLOURS: Final = ("#0173b2", "#de8f05", "#029e73", "#cc78bc", "#56b4e9", "#ca9161")

Array = NDArray[Any]


def learning_curve(training: pd.DataFrame, title: str = "Learning curve") -> ArtifactFigure:
    """Accuracy and loss of one network, epoch by epoch.

    Args:
        training: columns ``epoch``, ``train_loss``, ``train_accuracy`` (percent), ``test_accuracy``
            (percent).
        title: of the figure.
    """
    table = training.sort_values("epoch")
    figure, (upper, lower) = new_figure(2, 1, height=1.7)
    upper.plot(table["epoch"], table["train_accuracy"], "-", color=BLUE, marker="o", label="training images")
    upper.plot(table["epoch"], table["test_accuracy"], "--", color=ORANGE, marker="s", label="test images")
    upper.set_ylabel("accuracy (%)")
    upper.set_ylim(0, 100)
    upper.legend(loc="lower right")
    lower.plot(table["epoch"], table["train_loss"], "-", color=VERMILION, marker="^")
    lower.set_ylabel("training loss (nat)")
    lower.set_ylim(bottom=0)
    lower.set_xlabel("epoch")
    for panel in (upper, lower):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    last = table.iloc[-1]
    figure.heading = title
    figure.caption = (
        f"Accuracy and training loss over {count(len(table), 'epoch')}; the last epoch ends at "
        f"{last['train_accuracy']:.2f} % on augmented training images and {last['test_accuracy']:.2f} % on "
        "test images."
    )
    return figure


def pruning_masks(masks: Mapping[str, Array], title: str = "Which weights were pruned") -> ArtifactFigure:
    """A panel per layer: kept weights dark, removed ones light; the title gives the layer's sparsity.

    Args:
        masks: layer -> matrix (rows: inputs, columns: outputs), true or non-zero where a weight is kept.
        title: of the figure.
    """
    figure, panels = _small_multiples(list(masks), height=1.25)
    removed, total = 0, 0
    for name, panel in panels.items():
        kept = np.asarray(masks[name]).astype(bool)
        removed, total = removed + int((~kept).sum()), total + kept.size
        _cells(panel, kept, ListedColormap([_REMOVED, _KEPT]), (0, 1))
        panel.set_title(f"{name}\n{_shape(kept)}, {100 * (~kept).mean():.1f} % removed", fontsize=7)
        panel.grid(visible=False)
        panel.set_xticks([])
        panel.set_yticks([])
    patches = [Patch(color=_KEPT, label="kept"), Patch(color=_REMOVED, label="removed")]
    figure.legend(handles=patches, loc="outside lower center", ncols=2)
    figure.heading = title
    figure.caption = (
        f"Weight matrices of {count(len(masks), 'layer')} (rows: inputs, columns: outputs), each drawn to "
        f"fill its panel. Of {total} weights {removed} ({100 * removed / total:.1f} %) were removed."
    )
    return figure


def tile_map(owner: Array, *, padding: int = 0, title: str = "Where the weights sit") -> ArtifactFigure:
    """Which tile every weight of a layer's matrix sits on.

    Args:
        owner: the layer's matrix (rows: inputs, columns: outputs): the number of the tile that holds the
            weight, from 0, or -1 where compaction (T) removed it.
        padding: cells of the tiles that hold no device.
        title: of the figure.
    """
    owner = np.asarray(owner)
    figure, (panel,) = new_figure(1, 1, height=3.0)
    colours = ListedColormap([_REMOVED, *_TILE_COLOURS])
    _cells(panel, _tile_colours(owner), colours, (0, len(_TILE_COLOURS)))
    panel.set_xlabel("column (output)")
    panel.set_ylabel("row (input)")
    panel.grid(visible=False)
    tiles = len(np.unique(owner[owner >= 0]))
    gone = int((owner < 0).sum())
    crossbars = f"on one of {count(tiles, 'crossbar')}"
    removed = f"removed by T ({gone} weights)"
    handles = [
        Patch(color=_TILE_COLOURS[0], label=crossbars), Patch(facecolor=_REMOVED, edgecolor="0.6", label=removed)
    ]  # fmt: skip
    if padding:
        empty = f"padding, not shown ({padding} cells)"
        handles.append(Patch(facecolor="white", edgecolor="0.6", hatch="////", label=empty))
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    figure.heading = title
    figure.caption = (
        f"A weight matrix of {_shape(owner)} (rows: inputs, columns: outputs) on "
        f"{count(tiles, 'crossbar')}: each weight has the colour of its crossbar; T removed {gone} weights "
        f"({100 * gone / owner.size:.1f} %); {padding} cells of the crossbars are padding without a device."
    )
    return figure


def conductance_histograms(
    before: Mapping[str, Array],
    after: Mapping[str, Array] | None = None,
    *,
    names: tuple[str, str] = ("before", "after"),
    title: str = "Conductances",
) -> ArtifactFigure:
    """A histogram per layer of the programmed conductances, for one condition or for two overlaid.

    Args:
        before: layer -> conductances of its programmed devices, siemens, any shape; zeros (no device) are
            left out.
        after: the same layers under a second condition.
        names: of the two conditions.
        title: of the figure.
    """
    figure, panels = _small_multiples(list(before), height=1.6)
    conditions = [(names[0], before, BLUE)]
    if after is not None:
        conditions.append((names[1], after, ORANGE))
    means = dict.fromkeys(names, 0.0)
    for name, panel in panels.items():
        samples = [(label, _programmed(layers[name]), colour) for label, layers, colour in conditions]
        edges = np.histogram_bin_edges(np.concatenate([sample for _, sample, _ in samples]), _BINS)
        for label, sample, colour in samples:
            share = 100 * np.histogram(sample, edges)[0] / max(1, sample.size)
            # The first condition is filled, the second an outline, so that both show where they overlap.
            filled = label == names[0]
            alpha = 0.55 if filled else 1.0
            panel.stairs(share, edges, color=colour, label=label, fill=filled, linewidth=1.3, alpha=alpha)
            means[label] += float(sample.mean()) / len(panels)
        panel.set_yscale("log")
        panel.set_title(name, fontsize=7)
    name_axes(panels.values(), x="conductance (µS)", y="devices (%)")
    if after is not None:
        shared_legend(figure, columns=2)
    figure.heading = title
    shown = " and ".join(f"{label} {means[label]:.2f} µS" for label, _, _ in conditions)
    figure.caption = (
        f"Programmed conductances of {count(len(panels), 'layer')}, both arrays of the differential pair, "
        f"share of each layer's devices on a logarithmic axis; mean over layers: {shown}."
    )
    return figure


def heat_maps(
    matrices: Mapping[str, Array],
    title: str,
    unit: str,
    colourbar_label: str,
    *,
    limits: tuple[float, float] | None = None,
    axis_names: tuple[str, str] = ("row (input)", "column (output)"),
) -> ArtifactFigure:
    """Matrices side by side on one colour scale, such as a layer's conductances before and after a mitigation.

    Args:
        matrices: name -> values, shape (rows, columns); NaN (no device, no tile) is light grey.
        title: of the figure.
        unit: of the values, empty for a plain number; values are not converted.
        colourbar_label: what the values are.
        limits: values of the darkest and the brightest colour; those of all values by default.
        axis_names: of rows and columns.
    """
    values = {name: np.asarray(matrix, dtype=float) for name, matrix in matrices.items()}
    low, high = limits or (
        float(min(np.nanmin(matrix) for matrix in values.values())),
        float(max(np.nanmax(matrix) for matrix in values.values())),
    )
    figure, row = new_figure(
        1, len(values), height=2.6, share_y=len({one.shape for one in values.values()}) == 1
    )
    for panel, (name, matrix) in zip(row, values.items(), strict=True):
        image = _cells(panel, matrix, "cividis", (low, high))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=4, min_n_ticks=1))
        panel.set_facecolor(_REMOVED)
        panel.grid(visible=False)
        panel.set_title(name)
        panel.set_xlabel(axis_names[1])
    if len(row) > 2:  # narrow panels, whose labels would meet
        for panel in {*row} - {row[len(row) // 2]}:
            panel.set_xlabel("")
    row[0].set_ylabel(axis_names[0])
    figure.colorbar(
        image, ax=row, location="bottom", label=f"{colourbar_label} ({unit})" if unit else colourbar_label
    )
    figure.heading = title
    means = ", ".join(
        f"{name + ' ' if name else ''}{float(np.nanmean(matrix)):.4g}" for name, matrix in values.items()
    )
    figure.caption = (
        f"{colourbar_label[:1].upper()}{colourbar_label[1:]}{' in ' + unit if unit else ''}; mean: {means}."
    )
    return figure


def _programmed(conductance: Array) -> NDArray[np.float64]:
    flat = np.asarray(conductance, dtype=np.float64).ravel()
    return np.asarray(flat[np.isfinite(flat) & (flat > 0)] * MICROSIEMENS)


def _cells(
    panel: Axes, matrix: Array, colours: str | ListedColormap, limits: tuple[float, float]
) -> AxesImage:
    """Draw a matrix cell by cell, filling the panel, without blending neighbours."""
    low, high = limits
    return panel.imshow(matrix, cmap=colours, vmin=low, vmax=high, aspect="auto", interpolation="none")


def _tile_colours(owner: Array) -> Array:
    """Colour of every cell: 0 where removed, otherwise from 1, different on tiles that touch if possible."""
    neighbours: dict[int, set[int]] = {int(tile): set() for tile in np.unique(owner[owner >= 0])}
    for axis in (0, 1):
        # What T removed between two tiles does not keep them apart to the eye.
        filled = pd.DataFrame(owner).where(owner >= 0).ffill(axis=axis).fillna(-1).to_numpy(dtype=int)
        first, second = (filled[:-1], filled[1:]) if axis == 0 else (filled[:, :-1], filled[:, 1:])
        touching = (first != second) & (first >= 0) & (second >= 0)
        for one, other in np.unique(np.stack([first[touching], second[touching]]), axis=1).T.tolist():
            neighbours[one].add(other)
            neighbours[other].add(one)
    chosen: dict[int, int] = {}
    for tile, near in neighbours.items():
        # Each tile tries its own colour first, so that all of them are used.
        order = [1 + (tile + step) % len(_TILE_COLOURS) for step in range(len(_TILE_COLOURS))]
        taken = {chosen[other] for other in near if other in chosen}
        chosen[tile] = next((colour for colour in order if colour not in taken), order[0])
    colours = np.zeros(int(owner.max(initial=-1)) + 2, dtype=int)
    for tile, colour in chosen.items():
        colours[tile] = colour
    return np.asarray(colours[np.where(owner < 0, len(colours) - 1, owner)])


def _small_multiples(names: list[str], *, height: float) -> tuple[ArtifactFigure, dict[str, Axes]]:
    if not names:
        raise ValueError("there are no layers to draw")
    return panel_grid(names, height, share_y=False)


def _shape(matrix: Array) -> str:
    return f"{matrix.shape[0]} × {matrix.shape[1]}"
