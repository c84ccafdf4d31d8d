"""The fast solver: a tile is joined from blocks whose inner nodes have been eliminated (nested dissection).

Wires and devices are a network of conductances, here called weights. A *block* is a part of the tile, some rows by some
columns, with all of its inner nodes eliminated: it is known by the weights between its *ports*, where its row wires
leave to the left and right, its column wires to the top and bottom. The smallest block is one device with a segment of
row wire to its left and one of column wire below it; a driver or a sense circuit takes the segment's place at the
tile's edge. Two neighbours join by eliminating the ports that they share. The ports of the whole tile are its sources
and its grounds, and the weight between source i and ground j is ``G_eff[i, j]``.

**Elimination** of a node k, whose weights ``w[k, j]`` have the sum s, leaves between any two of its neighbours the weight

    w[i, j] + w[i, k] w[k, j] / s        (the star becomes a mesh).

Only positive numbers are added, multiplied and divided, so nothing cancels, whatever the devices and resistances.

**Order.** The longer side of a block is halved until 8 x 8 devices are left. Of an N x N block, N/2 or N nodes are
eliminated beside some 4 N ports, which costs N^3, and smaller blocks cost less in sum: about 33 N^3 operations for a
tile, where elimination column by column takes N^4. Nodes are sorted as they are eliminated, so the weights of a block
go into those of the next, its *front*, without turning round. Blocks of 8 x 8, and tiles up to 16 x 16, are joined eight
at a time in the lanes of vectors; larger blocks are matrices, which are eliminated as fast as matrices are multiplied.
`plans` works the order out, once for each shape, and `kernels` follows it.

**The bound.** Two networks whose weights agree to a factor between 1 - e and 1 + e draw powers that agree to the same
factor, for any voltages of their ports; and they still do after any elimination, which finds the least power. So errors
of rounding add up, one elimination after another, and do not grow. One elimination changes no weight by more than some
roundings, which are counted here for each shape, in the worst case. An output's error is an off-diagonal element of a
matrix whose quadratic form is at most e times the power, hence

    |error of G_eff[i, j]| <= e (Y_i Y_j)^1/2,

where Y_i is what driver i draws at 1 V with all else grounded, at most the current through its driver and all devices of
its row in parallel; likewise Y_j for a column. Rounding is far kinder than its worst case: errors found are near 1e-15,
while the bound is 1e-10 at 64 x 64 and 1e-9 at 256 x 256.

**No resistance.** A wire without resistance would join its nodes. It is given one so small that it changes the powers by
less than a rounding: with x the currents of the devices, all row wires take at most ``ohm N^2 sum x^2``, all column wires
``ohm M^2 sum x^2``, beside ``sum x^2 / G`` in the devices.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xbarpaper.hardware.circuit import kernels
from xbarpaper.hardware.circuit.plans import Plan, plan_of
from xbarpaper.params import Parasitics
from xbarpaper.support import memory
from xbarpaper.support.errors import CircuitError

_TILES_PER_TASK = 64
_DEVICES_PER_TASK = 2**15
_LEAST = 1e-200  # of the highest conductance: smaller weights may have been lost to underflow

Floats = npt.NDArray[np.floating]


def solve(tiles: Tensor, parasitics: Parasitics, tiles_per_task: int | None = None) -> tuple[Tensor, Tensor]:
    """``G_eff`` of tiles, shape (B, M, N), in their own type; and the bound proven on the error of each, shape (B,).

    Bounds are relative to the tile's largest element.

    Raises:
        CircuitError: there is not enough memory for tiles of this size.
    """
    given = np.ascontiguousarray(tiles.numpy())
    count, rows, columns = given.shape
    usual = min(_TILES_PER_TASK, max(1, _DEVICES_PER_TASK // (rows * columns)))
    most = min(tiles_per_task or usual, count)
    parts = _parts(count, most)
    threads = max(1, min(torch.get_num_threads(), len(parts)))
    memory.require(
        8.0 * threads * numbers(rows, columns, most),
        f"the circuit of {rows} x {columns} crossbars",
        "use smaller crossbars or fewer threads",
        CircuitError,
    )
    plan = plan_of(rows, columns)
    rooms = [_Room(plan, most) for _ in range(threads)]
    G_eff, bounds = np.empty_like(given), np.empty(count)

    def work(part: slice) -> None:
        room = rooms.pop()
        bound = _solve(given[part], parasitics, plan, room, G_eff[part])
        rooms.append(room)
        bounds[part] = bound + np.finfo(given.dtype).eps

    _in_threads(work, parts, threads)
    return torch.from_numpy(G_eff), torch.from_numpy(bounds)


def numbers(rows: int, columns: int, tiles: int) -> float:
    """How many numbers of memory some tiles take that one thread solves together; an estimate from above."""
    wires, devices = rows + columns, rows * columns
    return 10.0 * wires**2 + 20.0 * tiles * devices + 2e5


def _solve(given: Floats, parasitics: Parasitics, plan: Plan, room: _Room, G_eff: Floats) -> Floats:
    """Writes ``G_eff`` of tiles; returns the bound on the error of each, relative to its largest element."""
    count, rows, columns = given.shape
    G, found = np.empty(given.shape), np.empty(given.shape)
    unit, drawn, most = np.empty(count), np.empty((2, count)), np.empty(count)
    kernels.scale(given, G, unit, drawn)
    least = 2.0**-60 / (rows**2 + columns**2)
    ends = np.array([[parasitics.driver_ohm], [parasitics.sense_ohm]])
    ohms = [parasitics.row_wire_ohm, parasitics.column_wire_ohm, parasitics.driver_ohm, parasitics.sense_ohm]
    with np.errstate(all="ignore"):  # what over- or underflows ends in an infinite bound
        wires = 1 / np.maximum(np.outer(unit, ohms), least)
        power = np.prod(drawn / (1 + unit * ends * drawn), axis=0)
    S, U, W, out = room.lanes, room.scratch, room.matrices, room.blocks
    for block, origins in plan.blocks:
        kernels.join_blocks(
            G, wires, block.rows, block.columns, origins, block.steps, block.zeros, block.copies, block.sums,
            block.tiles, block.result, block.stride, block.ports, S, U, plan.blocks_size, out, found,
        )  # fmt: skip
    if len(plan.steps):
        first, stride, top, left = plan.result
        for tile in range(count):
            kernels.join_matrices(W, out[tile * plan.blocks_size :], plan.steps, plan.maps)
            table = W[first : first + plan.sources * stride].reshape(plan.sources, stride)
            found[tile] = table[top : top + rows, left : left + columns]
    kernels.unscale(found, unit, G_eff, most)
    with np.errstate(all="ignore"):
        bound: Floats = plan.roundings * np.finfo(np.float64).eps / 2 * np.sqrt(power) / most
    bound[~(most > _LEAST)] = np.inf
    bound[drawn[0] == 0] = 0
    return bound


class _Room:
    """Memory in which one thread solves."""

    def __init__(self, plan: Plan, tiles: int) -> None:
        lanes = kernels.LANES
        self.lanes = _aligned(lanes * max(block.size for block, _ in plan.blocks))
        self.scratch = _aligned(lanes * max(block.scratch for block, _ in plan.blocks))
        self.matrices = _aligned(plan.size)
        self.blocks = _aligned(plan.blocks_size * tiles)


def _parts(count: int, most: int) -> list[slice]:
    """Even parts of at most so many, but enough to keep all threads busy."""
    pieces = max(-(-count // most), min(torch.get_num_threads(), count)) if count else 0
    ends = [count * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [slice(*pair) for pair in pairwise(ends)]


def _aligned(size: int) -> Floats:
    """Numbers at a multiple of 64 bytes, so that no vector straddles two cache lines."""
    space = np.zeros(size + 8)
    return space[-(space.ctypes.data // 8) % 8 :][:size]


def _in_threads(work: Callable[[slice], None], parts: list[slice], threads: int) -> None:
    """Do ``work`` on all parts; the kernels let go of the GIL."""
    if threads < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))  # raises what a part raised
