"""Time and error of the exact solver beside scipy's SuperLU on the nodal equations, for the same tiles.

python benchmarks/circuit.py --sizes 16 32 64 --tiles 128
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from xbarpaper.circuit import Parasitics, effective_conductance, reference_effective_conductance

T = TypeVar("T")

REPEATS = 3  # of the fast solver, the best of which counts: other processes only ever slow it down


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[16, 32, 64], help="rows and columns of a tile"
    )
    parser.add_argument("--tiles", type=int, default=128, help="tiles for the fast solver")
    parser.add_argument(
        "--reference-tiles", type=int, default=4, help="how many of them the reference solves"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.tiles} tiles, devices 5 to 50 uS, float64, {arguments.threads} threads, ms per tile")
    print(f"{'size':>9} {'exact':>10} {'nodal':>10} {'ratio':>8} {'error':>10}")
    for size in arguments.sizes:
        compare(size, arguments.tiles, min(arguments.reference_tiles, arguments.tiles))


def compare(size: int, tiles: int, reference_tiles: int) -> None:
    """Print one line of the table."""
    parasitics = Parasitics(driver_ohm=1e3, row_wire_ohm=5.0, column_wire_ohm=10.0, sense_ohm=1e3)
    generator = torch.Generator().manual_seed(size)
    G = 5e-6 + 45e-6 * torch.rand(tiles, size, size, dtype=torch.float64, generator=generator)
    effective_conductance(G[:8], parasitics)
    runs = [timed(lambda: effective_conductance(G, parasitics)) for _ in range(REPEATS)]
    found = runs[0][1][:reference_tiles].numpy()
    exact_ms = 1e3 * min(seconds for seconds, _ in runs) / tiles
    seconds, expected = timed(
        lambda: np.stack(
            [reference_effective_conductance(tile, parasitics) for tile in G[:reference_tiles].numpy()]
        )
    )
    nodal_ms = 1e3 * seconds / reference_tiles
    error = np.abs(found - expected).max() / expected.max()
    print(
        f"{size:>4}x{size:<4} {exact_ms:>10.3f} {nodal_ms:>10.1f} {nodal_ms / exact_ms:>8.0f} {error:>10.1e}"
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that ``work`` took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
