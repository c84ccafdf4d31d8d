"""One large crossbar, in a process of its own so that its peak memory is its own: ``circuit.py`` runs this.

``python benchmarks/circuit_crossbar.py --rows 256 --columns 256 --superlu`` prints one line of JSON. Seconds are
processor time of one thread, in float64 on both sides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch
from circuit_network import peak_bytes

from xbarpaper.hardware.circuit import Parasitics, dissection, reference, reference_effective_conductance
from xbarpaper.support import memory

SUPERLU_BYTES = 3.1e4  # per device; a process takes 3.0e4 at 512 x 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--columns", type=int, required=True)
    parser.add_argument("--wires", type=float, default=1.0, help="resistance relative to the default")
    parser.add_argument("--repeats", type=int, default=3, help="timings, the median of which counts")
    parser.add_argument("--superlu", action="store_true", help="time the nodal equations for all inputs")
    print(json.dumps(measure(**vars(parser.parse_args()))))


def measure(rows: int, columns: int, wires: float, repeats: int, superlu: bool) -> dict[str, Any]:
    """A row of the table."""
    torch.set_num_threads(1)
    usual = Parasitics()
    parasitics = usual.model_copy(
        update={name: wires * getattr(usual, name) for name in ("row_wire_ohm", "column_wire_ohm")}
    )
    generator = torch.Generator().manual_seed(rows)
    tile = 5e-6 + 45e-6 * torch.rand(1, rows, columns, dtype=torch.float64, generator=generator)
    dissection.solve(tile[:, :17, :17], parasitics)  # compiles
    before = peak_bytes()
    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        found, bound = dissection.solve(tile, parasitics)
        seconds.append(time.process_time() - start)
    row = {
        "rows": rows,
        "columns": columns,
        "wires": wires,
        "repeats": repeats,
        "seconds": statistics.median(seconds[1:]),
        "first_seconds": seconds[0],
        "bound": float(bound),
        "added_gb": (peak_bytes() - before) / 1e9,
        "peak_gb": peak_bytes() / 1e9,
    }
    inputs = range(rows) if superlu else [0, rows // 3, rows - 1]
    return row | checked(tile[0].numpy(), parasitics, found[0].numpy(), list(inputs), timed=superlu)


def checked(
    G: np.ndarray[Any, Any],
    parasitics: Parasitics,
    found: np.ndarray[Any, Any],
    inputs: list[int],
    *,
    timed: bool,
) -> dict[str, Any]:
    """The error, by the nodal equations for some inputs, and how long those take where ``timed``."""
    nothing = dict.fromkeys(("error", "checked_inputs", "superlu_seconds", "superlu_solving_seconds"))
    if memory.free() < SUPERLU_BYTES * G.size:
        return nothing
    inside: list[float] = []
    names = vars(reference)
    names["splu"] = _Timed(names["splu"], inside)
    start = time.process_time()
    expected = reference_effective_conductance(G, parasitics, refine=False, inputs=inputs)
    total = time.process_time() - start
    error = float(np.abs(found[inputs] - expected).max() / found.max())
    times = {"superlu_seconds": total, "superlu_solving_seconds": sum(inside)} if timed else {}
    return nothing | {"error": error, "checked_inputs": len(inputs)} | times


class _Timed:
    """scipy's ``splu``, whose factorisation and solutions are timed without the assembly around them."""

    def __init__(self, splu: Any, seconds: list[float]) -> None:
        self._splu, self._seconds = splu, seconds

    def __call__(self, matrix: Any) -> _Timed:
        self._factors = self._measured(self._splu, matrix)
        return self

    def solve(self, sides: Any) -> Any:
        return self._measured(self._factors.solve, sides)

    def _measured(self, work: Any, argument: Any) -> Any:
        start = time.process_time()
        result = work(argument)
        self._seconds.append(time.process_time() - start)
        return result


if __name__ == "__main__":
    main()
