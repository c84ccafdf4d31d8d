"""What the fast method's bound is worth: the accuracy asked for, the error found, and the time it took, in float64.

python benchmarks/circuit_accuracy.py
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from circuit_peers import expected
from tqdm import tqdm

from xbarpaper import figures
from xbarpaper.figures.style import BLUE, GREEN, GREY, ORANGE, ArtifactFigure, new_figure
from xbarpaper.hardware.circuit import Parasitics, modal
from xbarpaper.support import files

COMMAND = "python benchmarks/circuit_accuracy.py"
REPORTS = Path("reports/benchmarks")
ASKED = 10.0 ** -np.arange(1, 13)
TILES = 4
COLOURS = {16: GREEN, 32: ORANGE, 64: BLUE}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(COLOURS), choices=list(COLOURS))
    parser.add_argument("--output", type=Path, default=REPORTS, help=f"folder, {REPORTS} if not given")
    arguments = parser.parse_args()
    table = pd.concat([measured(size) for size in tqdm(arguments.sizes, unit="size")], ignore_index=True)
    print(table.to_string(index=False, float_format="{:.2g}".format))
    print(files.write_table(arguments.output / "circuit-accuracy.csv", table))
    figures.save(
        draw(table), arguments.output, "circuit-accuracy", command=COMMAND, captions=figures.Captions()
    )


def measured(size: int) -> pd.DataFrame:
    """A row per accuracy asked for, on random tiles at the default resistances."""
    generator = torch.Generator().manual_seed(size)
    tiles = 5e-6 + 45e-6 * torch.rand(TILES, size, size, dtype=torch.float64, generator=generator)
    exact = expected(tiles, Parasitics())
    modal.solve(tiles, Parasitics(), 0.1)  # compiles
    rows = []
    for asked in ASKED:
        start = time.perf_counter()
        found, reached = modal.solve(tiles, Parasitics(), asked)
        seconds = time.perf_counter() - start
        error = float(((found - exact).abs().amax((1, 2)) / exact.amax((1, 2))).max())
        reach = bool(reached.all())
        rows.append(
            {
                "size": size,
                "asked": asked,
                "proven": reach,
                "error": error,
                "ms_per_tile": 1e3 * seconds / TILES,
            }
        )
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> ArtifactFigure:
    """Error against the accuracy asked for; below the dashed line the bound holds."""
    figure, (panel,) = new_figure(1, 1, height=3.0)
    panel.plot(ASKED, ASKED, "--", color=GREY, label="error = what was asked")
    for size in sorted(set(table["size"])):
        rows = table[(table["size"] == size) & table["proven"]]
        panel.plot(rows["asked"], rows["error"], "o", color=COLOURS[size], label=f"{size} x {size}")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("bound asked for (rtol)")
    panel.set_ylabel("largest error found, relative")
    panel.legend()
    figure.heading = "The fast circuit solver: bound asked for and error found"
    figure.caption = (
        f"Largest error over {TILES} random tiles (5 to 50 uS, default resistances, float64) against the refined nodal "
        "solution, relative to the largest element of G_eff. The solver stops after the sweep that proves its bound, so "
        "errors come in steps."
    )
    return figure


if __name__ == "__main__":
    main()
