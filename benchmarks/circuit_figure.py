"""The figure of ``circuit.py``: time per tile of every solver, and how many times faster this one is."""

from __future__ import annotations

from typing import Any

import pandas as pd
from circuit_peers import BADCROSSBAR, DENSE, OURS, SUPERLU
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from xbarpaper.figures import style
from xbarpaper.figures.style import BLUE, GREEN, GREY, ORANGE, SKY, ArtifactFigure

# Name and precision, with the circuit on which its line is measured.
_LINES = {
    (DENSE, "float64", "full"): (GREY, "D"),
    (BADCROSSBAR, "float64", "wires only"): (GREEN, "v"),
    (SUPERLU, "float64", "full"): (ORANGE, "^"),
    (OURS, "float64", "full"): (SKY, "s"),
    (OURS, "float32", "full"): (BLUE, "o"),
}
_BARS = {
    (SUPERLU, "float32"): (ORANGE, ""),
    (SUPERLU, "float64"): (ORANGE, "////"),
    (BADCROSSBAR, "float32"): (GREEN, ""),
    (BADCROSSBAR, "float64"): (GREEN, "////"),
}
_GUIDES = {3: "∝ N³", 4: "∝ N⁴"}
_GUIDE_BELOW = 0.35  # of the fastest solver's time, so that no line is crossed
_GUIDE_SPAN = 2.5  # largest over smallest size of a guide


def draw(table: pd.DataFrame, machine: str, command: str) -> ArtifactFigure:
    """Time per tile against size on the left, ratios to the peers on the right.

    Args:
        table: what ``circuit.py`` writes into circuit.csv.
        machine: processor and versions.
        command: what makes the figure.
    """
    figure, (left, right) = style.new_figure(1, 2, height=3.3, width=2 * style.COLUMN_INCHES)
    times(left, table)
    ratios(right, table)
    for panel in (left, right):
        panel.set_xlabel("rows and columns of a tile, N")
    figure.supxlabel(
        "\n".join([*machine.split("; "), f"Made by: {command}"]), fontsize=7, x=0.01, ha="left", color="0.3"
    )
    figure.heading = "Speed of the circuit solver beside its peers"
    figure.caption = (
        "Left: processor time per tile of each solver, medians. Right: tiles per second of this solver over those of a "
        "peer on the same circuit, solid in float32, hatched in float64. badcrossbar has neither drivers nor sense "
        "resistances and is compared on its own circuit; the peers solve one tile after another. Errors are the largest, "
        f"relative to the largest element of G_eff. {machine}."
    )
    return figure


def times(panel: Axes, table: pd.DataFrame) -> None:
    """A line per solver on log-log axes, with the slopes of N³ and N⁴."""
    for (solver, precision, circuit), (colour, marker) in _LINES.items():
        rows = table[(table["solver"] == solver) & (table["circuit"] == circuit)].sort_values("size")
        rows = rows[rows["precision"] == precision]
        if len(rows):
            where = "" if circuit == "full" else " (its own circuit)"
            label = f"{solver}{where}, {precision}: error {rows['error'].max():.0e}"
            panel.plot(rows["size"], rows["ms_per_tile"], color=colour, marker=marker, label=label)
    panel.set_xscale("log")
    panel.set_yscale("log")
    guides(panel, table)
    found = sorted(table["size"].unique())
    panel.set_xticks(found, [str(size) for size in found])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_ylabel("time per tile (ms)")
    _legend_above(panel)


def guides(panel: Axes, table: pd.DataFrame) -> None:
    """Lines of slope 3 and 4 that meet below the fastest solver's largest size."""
    largest = table["size"].max()
    lowest = _GUIDE_BELOW * table.loc[table["size"] == largest, "ms_per_tile"].min()
    for power, text in _GUIDES.items():
        sizes = [largest / _GUIDE_SPAN, largest]
        low = lowest / _GUIDE_SPAN**power
        panel.plot(sizes, [low, lowest], ":", color="0.5", linewidth=1)
        panel.annotate(
            text, (sizes[0], low), (-3, 0), textcoords="offset points", ha="right", va="center", fontsize=7
        )


def ratios(panel: Axes, table: pd.DataFrame) -> None:
    """Bars from zero, a group per size, each with its number."""
    present = [key for key in _BARS if len(table[table["solver"] == key[0]])]
    found = sorted(table["size"].unique())
    width = 0.84 / len(present)
    for rank, (peer, precision) in enumerate(present):
        colour, hatch = _BARS[peer, precision]
        rows = table[table["solver"] == peer].set_index("size")[f"ratio_{precision}"].reindex(found)
        x = [index + (rank - (len(present) - 1) / 2) * width for index in range(len(found))]
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white" if hatch else colour}
        bars = panel.bar(x, rows, width=0.9 * width, label=f"{precision} over {peer}", **look)
        numbers = ["" if pd.isna(ratio) else f"{ratio:.0f}" for ratio in rows]
        panel.bar_label(bars, numbers, fontsize=7, padding=2, rotation=90)
    panel.set_xticks(range(len(found)), [str(size) for size in found])
    panel.grid(visible=False, axis="x")
    panel.margins(y=0.18)  # room for the numbers
    panel.set_ylabel("tiles per second over the peer's (×)")
    _legend_above(panel)


def _legend_above(panel: Axes) -> None:
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.4)
