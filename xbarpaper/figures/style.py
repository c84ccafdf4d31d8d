"""One look for every figure: sizes, fonts, a fixed colour and marker per scheme, mitigation and verdict."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

Name = TypeVar("Name")

COLUMN_INCHES: Final = 3.4
NOTEBOOK_DPI: Final = 150

_COLOURS: Final[list[str]] = sns.color_palette("colorblind").as_hex()
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = _COLOURS

SCHEME_COLOURS: Final = {"unpruned": GREY, "cf": BLUE, "xcs": ORANGE, "xrs": GREEN, "unstructured": PURPLE}
SCHEME_MARKERS: Final = {"unpruned": "o", "cf": "s", "xcs": "^", "xrs": "D", "unstructured": "v"}

MITIGATION_NAMES: Final = {"none": "no mitigation", "R": "R", "WCT": "WCT", "R+WCT": "R + WCT", "BN": "BN",
                           "norms": "norms", "tuned": "tuned", "PC": "PC", "PC+norms": "PC + norms",
                           "PC/chip": "PC/chip"}  # fmt: skip
"""The mitigations that a figure shows, in its order; tables hold every one."""

EFFECT_NAMES: Final = {"wires": "wires only", "variation": "variation only", "both": "both"}
EFFECT_COLOURS: Final = {"wires": SKY, "variation": ORANGE, "both": "#333333"}
EFFECT_MARKERS: Final = {"wires": "v", "variation": "P", "both": "o"}

VERDICT_COLOURS: Final = {
    "supported": BLUE, "contradicted": VERMILION, "no effect": "#222222", "undecided": GREY, "not testable": "#c8c8c8",
}  # fmt: skip
VERDICT_MARKERS: Final = {
    "supported": "o", "contradicted": "X", "no effect": "s", "undecided": "D", "not testable": "x",
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
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "figure.titlesize": 8.5,
    "figure.titleweight": "bold",
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
    mpl.rcdefaults()  # whatever a user's matplotlibrc says that the theme does not
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind", rc=_STYLE)


class ArtifactFigure(Figure):
    """A figure that a notebook shows by itself, with the same bytes on every run, whatever the backend."""

    heading: str = ""  # one-line title, for captions and tables of figures
    caption: str = ""  # data, networks, seeds, and what the figure shows

    def settle(self) -> None:
        """Write the heading over the panels and fix the layout: an adapting one moves by fractions of a pixel."""
        if self.heading and not self.get_suptitle():
            # A character is some 0.075 inches wide.
            self.suptitle(textwrap.fill(self.heading, int(self.get_figwidth() / 0.075)))
        self.draw_without_rendering()
        if self.get_layout_engine() is None:
            return
        self.draw_without_rendering()
        self.set_layout_engine(None)  # "none" leaves a placeholder, and every saving then draws twice

    def _repr_png_(self) -> bytes:
        self.settle()
        target = io.BytesIO()
        self.savefig(target, format="png", dpi=NOTEBOOK_DPI, metadata={"Software": None})
        return target.getvalue()


def new_figure(
    rows: int, columns: int, *, height: float, width: float = COLUMN_INCHES, share_y: bool = False
) -> tuple[ArtifactFigure, list[Axes]]:
    """A figure of panels in the one style, by default as wide as a column of a page, and its axes row by row.

    The figure belongs to no window manager: a notebook shows it once, and it goes with its last reference.

    Args:
        rows, columns: panels.
        height: of a row, inches.
        width: of the figure, inches.
        share_y: one y axis for all panels.
    """
    apply_style()
    figure = ArtifactFigure(figsize=(width, height * rows), layout=ConstrainedLayoutEngine(w_pad=0.08))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    return figure, list(axes.flat)


def panel_grid(
    names: Iterable[Name], height: float, *, columns: int = 2, share_y: bool = True
) -> tuple[ArtifactFigure, dict[Name, Axes]]:
    """One panel for each name, row by row; panels left over are hidden.

    Args:
        names: of the panels, at least one.
        height: of a row, inches.
        columns: panels side by side, fewer where there are fewer names.
        share_y: one y axis for all panels.
    """
    every = list(names)
    columns = min(columns, len(every))
    rows = -(-len(every) // columns)
    figure, axes = new_figure(rows, columns, height=height, share_y=share_y)
    for spare in axes[len(every) :]:
        spare.set_visible(False)
    return figure, dict(zip(every, axes, strict=False))


def shared_legend(figure: Figure, *, columns: int = 4) -> None:
    """Collect the labels of the first panel into one legend below all of them, where it hides no data."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        placed = figure.get_layout_engine() is None  # by hand, with room left for the legend
        figure.legend(
            handles, labels, loc="lower center" if placed else "outside lower center", ncols=columns
        )
