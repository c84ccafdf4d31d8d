"""One look for every figure: sizes, fonts, a fixed colour and marker per scheme, mitigation and verdict."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, Final

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMN_INCHES: Final = 3.4
PAGE_INCHES: Final = 7.0
NOTEBOOK_DPI: Final = 110

_COLOURS: Final[list[str]] = sns.color_palette("colorblind").as_hex()
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = _COLOURS

SCHEME_COLOURS: Final = {"unpruned": GREY, "cf": BLUE, "xcs": ORANGE, "xrs": GREEN}
SCHEME_MARKERS: Final = {"unpruned": "o", "cf": "s", "xcs": "^", "xrs": "D"}

MITIGATION_COLOURS: Final = {
    "none": GREY, "R": SKY, "WCT": VERMILION, "R+WCT": PURPLE,
    "R2D": BLUE, "BN": GREEN, "R2D+BN": BROWN, "tuned": ORANGE, "tuned+BN": "#333333",
    "PC": "#8C6BB1", "PC+BN": "#D6A800", "norms": "#4D9221", "PC+norms": "#8C510A", "PC/chip": "#C2185B",
}  # fmt: skip
MITIGATION_MARKERS: Final = {
    "none": "o", "R": "^", "WCT": "s", "R+WCT": "D",
    "R2D": "<", "BN": "v", "R2D+BN": ">", "tuned": "P", "tuned+BN": "X",
    "PC": "p", "PC+BN": "h", "norms": "d", "PC+norms": "H", "PC/chip": "*",
}  # fmt: skip
MITIGATION_HATCHES: Final = {"none": "", "R": "////", "WCT": "....", "R+WCT": "xxxx"}

EFFECT_NAMES: Final = {"wires": "wires only", "variation": "variation only", "both": "both"}
EFFECT_COLOURS: Final = {"wires": SKY, "variation": YELLOW, "both": BROWN}
EFFECT_HATCHES: Final = {"wires": "////", "variation": "....", "both": ""}

VERDICT_COLOURS: Final = {
    "supported": BLUE, "contradicted": VERMILION, "no effect": "black", "undecided": GREY, "not testable": "0.75",
}  # fmt: skip
VERDICT_MARKERS: Final = {
    "supported": "o", "contradicted": "X", "no effect": "s", "undecided": "D", "not testable": "_",
}  # fmt: skip

_STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 110,
    "savefig.dpi": 200,
    # A fixed salt gives the SVG's identifiers, and so the file, the same bytes on every run.
    "svg.hashsalt": "xbarpaper",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "figure.titlesize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "patch.linewidth": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}


def apply_style() -> None:
    """Set seaborn's and matplotlib's defaults to the artifact's one style (no text below 7 points)."""
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind", rc=_STYLE)
    mpl.rcParams.update(_STYLE)


class ArtifactFigure(Figure):
    """A figure that a notebook shows by itself, with the same bytes on every run, whatever the backend.

    Attributes:
        heading: one-line title, for captions and tables of figures.
        caption: data, networks, seeds, and what the figure shows.
    """

    heading: str = ""
    caption: str = ""

    def settle(self) -> None:
        """Fix the layout: drawn again and again, a layout that adapts would move by fractions of a pixel."""
        if self.get_layout_engine() is not None:
            self.draw_without_rendering()
            self.draw_without_rendering()
            self.set_layout_engine(None)  # "none" leaves a placeholder, and every saving then draws twice

    def _repr_png_(self) -> bytes:
        self.settle()
        target = io.BytesIO()
        self.savefig(target, format="png", dpi=NOTEBOOK_DPI, metadata={"Software": None})
        return target.getvalue()


def new_figure(
    rows: int,
    columns: int,
    *,
    panel_inches: tuple[float, float] = (COLUMN_INCHES, 2.4),
    share_y: bool = False,
) -> tuple[ArtifactFigure, list[list[Axes]]]:
    """A figure of ``rows`` x ``columns`` panels in the one style, no wider than a page, and its axes.

    The figure belongs to no window manager: a notebook shows it once, and it goes with its last reference.

    Args:
        rows, columns: panels.
        panel_inches: width and height of a panel, inches; the width shrinks where the page would overflow.
        share_y: one y axis for each row of panels.
    """
    apply_style()
    width = min(panel_inches[0] * columns, PAGE_INCHES)
    figure = ArtifactFigure(figsize=(width, panel_inches[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey="row" if share_y else False)
    return figure, [list(row) for row in axes]


def panel_grid(
    names: Iterable[str], columns: int, height: float, *, width: float | None = None, share_y: bool = False
) -> tuple[ArtifactFigure, dict[str, Axes]]:
    """One panel for each name, row by row; panels left over are hidden.

    Args:
        names: of the panels, at least one.
        columns: panels side by side, fewer where there are fewer names.
        height, width: of a panel, inches; the columns share a page's width if none is given.
        share_y: one y axis for each row of panels.
    """
    every = list(names)
    columns = min(columns, len(every))
    inches = (width or PAGE_INCHES / columns, height)
    figure, axes = new_figure(-(-len(every) // columns), columns, panel_inches=inches, share_y=share_y)
    flat = [panel for row in axes for panel in row]
    for spare in flat[len(every) :]:
        spare.set_visible(False)
    return figure, dict(zip(every, flat, strict=False))


def shared_legend(figure: Figure, axes: Axes, *, columns: int = 4) -> None:
    """Collect the labels of ``axes`` into one legend above the panels, where it hides no data."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        # One column of a page holds four short entries side by side; more go below each other, in threes.
        narrow = figure.get_figwidth() < COLUMN_INCHES + 0.1 and len(labels) > 4
        count = min(3 if narrow else columns, len(labels))
        figure.legend(handles, labels, loc="outside upper center", ncols=count)
