"""Speed and error of the circuit solver beside its peers on the same tiles, and its time for whole networks.

``python benchmarks/circuit.py`` takes some minutes and writes circuit.csv, circuit-large.csv, circuit-networks.csv and
the figure circuit (PNG, SVG) into reports/benchmarks. In one run, taking turns, on tiles of random devices of 5 to 50 uS
with the default wires, drivers and sense resistances:

- this solver, in float32 and in float64;
- scipy's SuperLU on the nodal equations, assembly included;
- ``torch.linalg.solve`` on the same equations as a dense batch, at small sizes;
- ``badcrossbar``, on its own circuit, which this solver then solves as well. It is an extra, with needs of its own:
  ``apt-get install libcairo2-dev pkg-config && pip install .[bench]``. Without it, its rows are left out.

Then large crossbars, with the default wires and ten times as resistive ones, whose bound, error and peak memory
circuit-large.csv holds; and full-width VGG11 and VGG16 of random weights; each in a process of its own. Every number is
a median of processor time, which other programs on the machine hardly change.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import circuit_figure
import pandas as pd
import torch
from circuit_peers import BADCROSSBAR, CIRCUITS, OURS, SUPERLU, Solver, badcrossbar, expected, solvers
from torch import Tensor
from tqdm import tqdm

from xbarpaper import figures
from xbarpaper.support import files
from xbarpaper.support.words import count

REPORTS = Path("reports/benchmarks")
COMMAND = "python benchmarks/circuit.py"
NETWORK_SIZES = (16, 32, 64)


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    repeats: int = 5  # timings of each solver; the median counts
    cells: int = 2**21  # devices of one batch for the fast solver, over all its tiles
    # rest before each timing, until the threads of the solver before have gone to sleep
    pause_s: float = 0.25
    network_repeats: int = 3  # timings of each network
    networks: tuple[str, ...] = ("vgg11", "vgg16")  # names
    width: float = 1.0  # of the networks
    # rows and columns of large crossbars
    large: tuple[tuple[int, int], ...] = ((256, 256), (512, 512), (1024, 1024), (1024, 64), (64, 1024))
    superlu: int = 512**2  # largest of them, in devices, whose nodal equations are timed for all inputs


# To see that it works; its times say nothing.
QUICK = Scale(
    repeats=2, cells=2**13, pause_s=0.0, network_repeats=1, networks=("vgg11",), width=0.05, large=((24, 20),)
)


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    scale = QUICK if arguments.quick else Scale()
    if badcrossbar() is None:
        print("badcrossbar is not installed (pip install .[bench]): its rows are left out")
    networks = [
        (network, size) for network in scale.networks for size in arguments.sizes if size in NETWORK_SIZES
    ]
    crossbars = [(shape, wires) for shape in scale.large for wires in (1, 10)]
    total = scale.repeats * sum(len(solvers(size)) for size in arguments.sizes)
    total += len(networks) + len(crossbars)
    bar: tqdm[Any]
    with tqdm(total=total, unit="timing") as bar:
        tiles = pd.concat([compare(size, scale, bar) for size in arguments.sizes], ignore_index=True)
        large = [large_row(*shape, wires, scale, bar) for shape, wires in crossbars]
        cases = [network_row(network, size, scale, arguments.threads, bar) for network, size in networks]
    tiles = with_exponents(with_ratios(tiles))
    print_tiles(tiles)
    for rows in (large, cases):
        print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4g}".format))
    print(machine())
    write(arguments.output, tiles, pd.DataFrame(large), pd.DataFrame(cases))


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=None, help="rows and columns of a tile")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it works")
    parser.add_argument("--output", type=Path, default=None, help=f"folder, {REPORTS} if not given")
    parser.add_argument("--threads", type=int, default=1, help="of torch; processor time is that of all")
    arguments = parser.parse_args()
    if arguments.quick and arguments.output is None:
        parser.error("--quick needs --output: its numbers are no results")
    arguments.sizes = sorted(set(arguments.sizes or ([8, 16] if arguments.quick else [16, 32, 64, 128])))
    if arguments.sizes[0] < 1:
        parser.error(f"--sizes {arguments.sizes[0]} must be at least 1")
    arguments.output = arguments.output or REPORTS
    return arguments


def compare(size: int, scale: Scale, bar: tqdm[Any]) -> pd.DataFrame:
    """A row per solver: its times per tile, and its error."""
    few = max(3, min(8, 256 // size))
    tiles = random_tiles(max(few, scale.cells // size**2), size)
    exact = {name: expected(tiles[:few].double(), parasitics) for name, parasitics in CIRCUITS.items()}
    found = solvers(size)
    batches = [batch_for(solver, tiles, few) for solver in found]
    errors = [
        largest_error(solver.solve(batch)[:few], exact[solver.circuit])
        for solver, batch in zip(found, batches, strict=True)
    ]
    seconds: list[list[float]] = [[] for _ in found]
    for _ in range(scale.repeats):
        for solver, batch, times in zip(found, batches, seconds, strict=True):
            bar.set_description(f"{size} x {size}: {solver.name}")
            time.sleep(scale.pause_s)
            times.append(timed(solver, batch))
            bar.update()
    rows = [
        row(solver, size, len(batch), times) | {"error": error, "error_tiles": few}
        for solver, batch, times, error in zip(found, batches, seconds, errors, strict=True)
    ]
    return pd.DataFrame(rows)


def random_tiles(count: int, size: int) -> Tensor:
    """Devices of 5 to 50 uS, in float32 so that every solver gets the same numbers."""
    generator = torch.Generator().manual_seed(size)
    return 5e-6 + 45e-6 * torch.rand(count, size, size, generator=generator)


def batch_for(solver: Solver, tiles: Tensor, few: int) -> Tensor:
    """All tiles for the solver that solves many at once, the first few for its peers."""
    chosen = tiles if solver.name == OURS else tiles[:few]
    return chosen.to(torch.float32 if solver.precision == "float32" else torch.float64)


def largest_error(found: Tensor, exact: Tensor) -> float:
    """Largest error of any tile's ``G_eff``, relative to that tile's largest element."""
    return float(((found.double() - exact).abs().amax((1, 2)) / exact.amax((1, 2))).max())


def timed(solver: Solver, batch: Tensor) -> float:
    """Seconds of processor time for a batch."""
    start = time.process_time()
    solver.solve(batch)
    return time.process_time() - start


def row(solver: Solver, size: int, tiles: int, seconds: list[float]) -> dict[str, object]:
    """What is known of a solver by itself."""
    median = statistics.median(seconds)
    return {
        "circuit": solver.circuit,
        "solver": solver.name,
        "precision": solver.precision,
        "size": size,
        "tiles": tiles,
        "repeats": len(seconds),
        "threads": torch.get_num_threads(),
        "ms_per_tile": 1e3 * median / tiles,
        "ms_per_tile_fastest": 1e3 * min(seconds) / tiles,
        "ms_per_tile_slowest": 1e3 * max(seconds) / tiles,
        "tiles_per_s": tiles / median,
    }


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Adds to the peers how many times more tiles/s this solver reaches on their circuit, in either precision."""
    ours = table[table["solver"] == OURS].pivot(
        index=["circuit", "size"], columns="precision", values="tiles_per_s"
    )
    joined = table.join(ours, on=["circuit", "size"])
    for precision in ours.columns:
        ratio = joined[precision] / table["tiles_per_s"]
        table[f"ratio_{precision}"] = ratio.where(table["solver"] != OURS)
    return table


def with_exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Adds p of "time per tile ~ size^p" between the next smaller size and this one."""
    table = table.sort_values(["circuit", "solver", "precision", "size"], ignore_index=True)
    steps = table.groupby(["circuit", "solver", "precision"])[["ms_per_tile", "size"]]
    before = steps.shift()
    growth = (table["ms_per_tile"] / before["ms_per_tile"]).map(math.log)
    table["exponent"] = growth / (table["size"] / before["size"]).map(math.log)
    return table.sort_values(["size", "circuit"], kind="stable", ignore_index=True)


def large_row(rows: int, columns: int, wires: int, scale: Scale, bar: tqdm[Any]) -> dict[str, object]:
    """What circuit_crossbar.py measures, and how many times faster that is than SuperLU, with and without assembly."""
    bar.set_description(f"{rows} x {columns}, wires x {wires}")
    options = {"--rows": rows, "--columns": columns, "--wires": wires}
    row = measured_apart("circuit_crossbar.py", options, ["--superlu"] * (rows * columns <= scale.superlu))
    for name in ("superlu_seconds", "superlu_solving_seconds"):
        seconds = row[name]
        row[name.replace("seconds", "ratio")] = seconds / row["seconds"] if seconds else None
    bar.update()
    return row


def network_row(network: str, size: int, scale: Scale, threads: int, bar: tqdm[Any]) -> dict[str, object]:
    """What circuit_network.py measures."""
    bar.set_description(f"{network} on {size} x {size}")
    options = {"--network": network, "--width": scale.width, "--size": size, "--threads": threads}
    row = measured_apart("circuit_network.py", options | {"--repeats": scale.network_repeats}, [])
    bar.update()
    return row


def measured_apart(script: str, options: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """The line of JSON that another script of this folder prints."""
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, str(Path(__file__).with_name(script)), *words, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def print_tiles(table: pd.DataFrame) -> None:
    """The tiles, a line per solver and size, and the ratios that count."""
    shown = table.drop(columns=["repeats", "threads", "ms_per_tile_fastest", "ms_per_tile_slowest"])
    digits = {
        "ms_per_tile": "{:.4g}", "tiles_per_s": "{:.4g}", "ratio_float32": "{:.3g}", "ratio_float64": "{:.3g}",
        "error": "{:.1e}", "exponent": "{:.2f}",
    }  # fmt: skip
    formats = {name: one.format for name, one in digits.items()}
    print(shown.to_string(index=False, formatters=formats, na_rep=""))
    for peer in (BADCROSSBAR, SUPERLU):
        rows = table[table["solver"] == peer]
        ratios = [f"{r.ratio_float32:.0f} ({r.ratio_float64:.0f}) at {r.size}" for r in rows.itertuples()]
        if ratios:
            print(f"times more tiles/s than {peer}, float32 (float64): {', '.join(ratios)}")


def machine() -> str:
    """Processor, cores, and the versions that matter."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    versions = [f"Python {platform.python_version()}"]
    for package in ("torch", "numpy", "scipy", "numba", "badcrossbar"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    processor = names[0] if names else platform.processor() or platform.machine()
    cores, threads = count(os.cpu_count() or 1, "core"), count(torch.get_num_threads(), "thread")
    return f"{processor}, {cores}, {threads}; {', '.join(versions)}"


def write(folder: Path, tiles: pd.DataFrame, large: pd.DataFrame, networks: pd.DataFrame) -> None:
    """The three tables and the figure; the machine stands in all of them."""
    for name, table in (("circuit", tiles), ("circuit-large", large), ("circuit-networks", networks)):
        print(files.write_table(folder / f"{name}.csv", table.assign(machine=machine())))
    figure = circuit_figure.draw(tiles, machine(), COMMAND)
    figures.save(figure, folder, "circuit", command=COMMAND, captions=figures.Captions())
    print(folder / "circuit.png")


if __name__ == "__main__":
    main()
