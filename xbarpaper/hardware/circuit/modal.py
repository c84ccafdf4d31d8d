"""The fast solver: two modes of the column wires exactly, the row wires exactly, the rest by sweeps that converge.

Notation is that of `elimination`: devices G (M x N), row wires driven from the left, column wires sensed at the
bottom, K_c the resistance that the paths of two devices of one column to ground share.

**Row wires.** Let c be the column-wire voltages. Given c, each row wire is a ladder of its own: its device currents
are ``x_i = z_i V_i - Z_i c_i``. Everything about Z_i is known from two recurrences along the wire (the admittance
beyond a node, the resistance before it): Z_i has a diagonal D and off-diagonal elements ``-U[i,j] V[i,k]`` for j < k,
all products of positive numbers, so nothing cancels; and ``x_i`` for any c_i costs two short recurrences.

**Column wires.** ``c = K_c x`` couples the rows. K_c has a few large eigenvalues: the sense resistance and the
slowest wire modes, which fall as 1/k^2 and are soon far below the devices' resistance. Write

    K_c = Q L Q^T + lump I + rest,

with the two leading modes Q, and ``lump`` 0.3 of the third eigenvalue: a resistance in series with every device,
which takes part of the work off the rest. Without the rest, the modes' amplitudes obey a dense system of size 2 N,
``H = I + w^T Z w`` with ``w = Q L^1/2``, built from U, V, D and factorised by Cholesky once per tile.

**Sweeps.** For 16 inputs at a time: going down the rows, the ladders give the currents x of the assumed c, and their
sums the currents in the column wires; going up, those give ``K_c x``, hence the residual ``rho = K_c x - c`` of the
full circuit, at every device. The system without the rest, applied to rho, corrects the output at once (its column
sums are enough) and c for the next sweep, should there be one.

**The bound.** In currents the circuit is ``A x = V``, with ``A = 1/G + K_r + K_c``; rho is its residual exactly, in
volts. Scaled by G^1/2 on both sides A is at least the identity, so a correction is no larger than the residual, and
the residual after it is ``rest`` times it:

    ||G^1/2 rho'|| <= q ||G^1/2 rho||,   q = max(G) max(lump, third eigenvalue - lump).

An output's error is the current that rho' drives into a column, at most ``||G^1/2 rho'||`` times the root of what that
column draws with 1 V on it (the power of its currents). This holds for every tile, needs only numbers at hand, and is
10 to 100 times the error found; an estimate of the rounding is added. What does not reach the asked bound is left to
`elimination`.

**Cost.** O(M^2 N) per sweep and O(M N^2 + N^3) per tile: N^3, where elimination takes N^4. At the default resistances
and 64 x 64, q is 0.02 and a sweep gains two digits. The circuit may be turned round (drive columns, sense rows) since
its transfer conductances are the same; the side with the smaller third eigenvalue becomes the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xbarpaper.hardware.circuit import kernels
from xbarpaper.hardware.circuit.wires import exchanged, shared_resistance
from xbarpaper.params import Parasitics

_MOST_SWEEPS = 24
_SLOWEST = 0.35  # q beyond which elimination is the better method
_TILES_PER_TASK = 64

Floats = npt.NDArray[np.floating]


def solve(
    tiles: Tensor,
    parasitics: Parasitics,
    rtol: float,
    tiles_per_task: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[Tensor, Tensor]:
    """``G_eff`` of tiles, shape (B, M, N), in their own type; and which of them are within ``rtol``, shape (B,).

    ``progress`` is told how many tiles are finished, and never of those that are not within ``rtol``.
    """
    rows, columns = tiles.shape[-2:]
    here = _modes(rows, parasitics.sense_ohm, parasitics.column_wire_ohm)
    there = _modes(columns, parasitics.driver_ohm, parasitics.row_wire_ohm)
    turn = there[1][2] < here[1][2]
    shapes, ohms = there if turn else here
    circuit = exchanged(parasitics) if turn else parasitics
    # By numpy: torch would wake its threads for the copy, which then spin in the way of those below.
    given = tiles.numpy()
    G = np.ascontiguousarray(_turned(given) if turn else given)
    odd = (
        G.shape[1] % 2
    )  # the kernels take rows by twos: a row without devices at the far end changes nothing
    if odd:
        G, shapes = np.pad(G, ((0, 0), (1, 0), (0, 0))), np.pad(shapes, ((1, 0), (0, 0)))
    G_eff, bounds = np.empty_like(G), np.empty(len(G))
    highest = G.reshape(len(G), -1).max(1, initial=0.0)
    path_ohm = (
        circuit.driver_ohm
        + columns * circuit.row_wire_ohm
        + rows * circuit.column_wire_ohm
        + circuit.sense_ohm
    )
    cancelling = 8 * np.finfo(G.dtype).eps * (1 + highest * path_ohm)
    suitable = np.flatnonzero((highest * ohms[2] <= _SLOWEST) & (cancelling <= rtol))
    bounds[:] = np.inf

    def work(part: npt.NDArray[np.intp]) -> int:
        found, bound = np.empty((len(part), *G.shape[1:]), G.dtype), np.empty(len(part))
        kernels.solve_tiles(
            G[part], found, bound, _aligned(kernels.scratch(*G.shape[1:]), G.dtype), shapes.astype(G.dtype), ohms,
            circuit.driver_ohm, circuit.row_wire_ohm, circuit.column_wire_ohm, circuit.sense_ohm,
            np.finfo(G.dtype).eps, rtol, _MOST_SWEEPS,
        )  # fmt: skip
        G_eff[part], bounds[part] = found, bound
        return int((bound <= rtol).sum())

    for done in _in_threads(work, _parts(suitable, tiles_per_task or _TILES_PER_TASK)):
        if progress is not None and done:
            progress(done)
    G_eff = G_eff[:, odd:]
    solved = np.ascontiguousarray(_turned(G_eff) if turn else G_eff)
    return torch.from_numpy(solved), torch.from_numpy(bounds <= rtol)


def _turned(tiles: Floats) -> Floats:
    """`wires.turned` for arrays."""
    return tiles.swapaxes(-2, -1)[..., ::-1, ::-1]


@lru_cache(maxsize=64)
def _modes(length: int, end_ohm: float, wire_ohm: float) -> tuple[Floats, Floats]:
    """Shapes of the two leading modes of a wire, (length, 2), and the resistances of three; zeros beyond its length."""
    ohms, shapes = np.linalg.eigh(shared_resistance(length, end_ohm, wire_ohm))
    leading, three = np.zeros((length, kernels.MODES)), np.zeros(kernels.MODES + 1)
    for mode in range(min(length, kernels.MODES + 1)):
        three[mode] = max(0.0, ohms[-1 - mode])
        if mode < kernels.MODES:
            leading[:, mode] = shapes[:, -1 - mode]
    return leading, three


def _parts(indices: npt.NDArray[np.intp], most: int) -> list[npt.NDArray[np.intp]]:
    """Even parts of at most so many, but enough to keep all threads busy."""
    count = max(-(-len(indices) // most), min(torch.get_num_threads(), len(indices)))
    return np.array_split(indices, count) if count else []


def _aligned(size: int, dtype: np.dtype[np.floating]) -> Floats:
    """Uninitialised numbers at a multiple of 64 bytes, so that no vector straddles two cache lines."""
    space = np.empty(size + 64 // dtype.itemsize, dtype)
    return space[-(space.ctypes.data // dtype.itemsize) % (64 // dtype.itemsize) :][:size]


def _in_threads(
    work: Callable[[npt.NDArray[np.intp]], int], parts: list[npt.NDArray[np.intp]]
) -> Iterator[int]:
    """Results of ``work`` on all parts, in order, on as many threads as torch uses; the kernels let go of the GIL."""
    threads = min(torch.get_num_threads(), len(parts))
    if threads < 2:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, parts)
