"""What ``circuit.py`` compares: each solver takes tiles (tiles, rows, columns) and gives their ``G_eff``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xbarpaper.hardware.circuit import Parasitics, effective_conductance, reference_effective_conductance

Floats = npt.NDArray[np.float64]

OURS: Final = "xbarpaper"
SUPERLU: Final = "scipy SuperLU"
BADCROSSBAR: Final = "badcrossbar"
DENSE: Final = "torch.linalg.solve"

_FULL: Final = Parasitics()
CIRCUITS: Final = {
    "full": _FULL,
    # badcrossbar knows neither drivers nor sense resistances, but puts one segment of wire at either end.
    "wires only": Parasitics(driver_ohm=_FULL.row_wire_ohm, sense_ohm=_FULL.column_wire_ohm),
}

# Beyond, one tile's dense equations take seconds and half a gigabyte.
_LARGEST_DENSE: Final = 32


@dataclass(frozen=True)
class Solver:
    """One way to solve tiles."""

    name: str  # of the program
    precision: str  # of its arithmetic
    circuit: str  # which of ``CIRCUITS`` it solves
    # from conductances, siemens, shape (tiles, rows, columns), to ``G_eff`` of the same shape
    solve: Callable[[Tensor], Tensor]


def solvers(size: int) -> list[Solver]:
    """All solvers that can be compared at this size; badcrossbar only where it is installed."""
    found = [_ours(precision, circuit) for circuit in CIRCUITS for precision in ("float32", "float64")]
    found.append(Solver(SUPERLU, "float64", "full", lambda tiles: superlu(tiles, _FULL)))
    if size <= _LARGEST_DENSE:
        found.append(Solver(DENSE, "float64", "full", lambda tiles: dense(tiles, _FULL)))
    if badcrossbar() is not None:
        found.append(Solver(BADCROSSBAR, "float64", "wires only", lambda tiles: by_badcrossbar(tiles, _FULL)))
    present = list(CIRCUITS) if badcrossbar() is not None else ["full"]
    return [solver for solver in found if solver.circuit in present]


def _ours(precision: str, circuit: str) -> Solver:
    parasitics = CIRCUITS[circuit]
    return Solver(OURS, precision, circuit, lambda tiles: effective_conductance(tiles, parasitics))


def superlu(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """The nodal equations by scipy's sparse LU, assembled and solved tile by tile."""
    return _one_by_one(tiles, lambda G: reference_effective_conductance(G, parasitics, refine=False))


def expected(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """What errors are measured against: the same equations, refined to full precision."""
    return _one_by_one(tiles, lambda G: reference_effective_conductance(G, parasitics))


def by_badcrossbar(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """All inputs of a tile in one call, and nothing but output currents asked for: its fastest way."""
    package = badcrossbar()
    assert package is not None
    voltages = np.eye(tiles.shape[-2])
    wires = {"r_i_word_line": parasitics.row_wire_ohm, "r_i_bit_line": parasitics.column_wire_ohm}
    outputs = {"node_voltages": False, "all_currents": False}
    return _one_by_one(tiles, lambda G: package.compute(voltages, 1 / G, **wires, **outputs).currents.output)


@cache
def badcrossbar() -> ModuleType | None:
    """The package, or None where it is not installed."""
    # On import it would set the root logger to tell of every step; that is inert once there is a handler.
    logging.basicConfig(level=logging.WARNING)
    try:
        import badcrossbar as package
    except ImportError:
        return None
    return package if hasattr(package, "compute") else None


def dense(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """The nodal equations as dense matrices, as one might write them without thinking of their zeros.

    Every resistance must be positive.
    """
    count, rows, columns = tiles.shape
    row_node = torch.arange(rows * columns).reshape(rows, columns)
    column_node = row_node + rows * columns
    A = tiles.new_zeros(count, 2 * rows * columns, 2 * rows * columns)
    for a, b, siemens in (
        (row_node[:, :-1], row_node[:, 1:], 1 / parasitics.row_wire_ohm),
        (column_node[:-1], column_node[1:], 1 / parasitics.column_wire_ohm),
        (row_node, column_node, tiles),
    ):
        A[:, a, a] += siemens
        A[:, b, b] += siemens
        A[:, a, b] -= siemens
        A[:, b, a] -= siemens
    A[:, row_node[:, 0], row_node[:, 0]] += 1 / parasitics.driver_ohm
    A[:, column_node[-1], column_node[-1]] += 1 / parasitics.sense_ohm
    sources = tiles.new_zeros(2 * rows * columns, rows)
    sources[row_node[:, 0], torch.arange(rows)] = 1 / parasitics.driver_ohm
    # One by one: oneMKL fails on batches of matrices this large when it may use two threads.
    voltages = torch.stack([torch.linalg.solve(one, sources) for one in A])
    return voltages[:, column_node[-1]].mT / parasitics.sense_ohm


def _one_by_one(tiles: Tensor, solve: Callable[[Floats], Floats]) -> Tensor:
    return torch.from_numpy(np.stack([solve(tile) for tile in tiles.numpy()]))
