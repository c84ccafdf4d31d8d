"""The exact solver: a tile's devices, wires, drivers and sense resistances as one matrix.

A tile has M rows (inputs) and N columns (outputs). Row wire i is driven from its left end through
``driver_ohm``; column wire j ends at the bottom, row M-1, and reaches virtual ground through ``sense_ohm``.
Wires and devices are linear, so ``currents = voltages @ G_eff`` for every input, and ``G_eff`` is all there
is to know. It is found by block elimination, column by column.

**One column.** Let r be the row-wire voltages at column j, g = diag(G[:, j]) and x the device currents. The
column wire lifts its node i by sum_k K_c[i, k] x_k, where

    K_c[i, k] = sense_ohm + column_wire_ohm * (M - 1 - max(i, k))

is the resistance that the paths of both devices to ground share. So ``x = g (r - K_c x)``, that is
``x = Y r`` with

    Y = g^1/2 (I + g^1/2 K_c g^1/2)^-1 g^1/2.

K_c is positive semidefinite, so the matrix in brackets has no eigenvalue below 1: Cholesky factorises it
whatever is zero, a resistance, a device or a whole column.

**The row wires** are a transmission line whose M conductors meet one Y_j after another, with R =
``row_wire_ohm`` between neighbouring columns. Let A_j be the admittance of all columns from j on, seen at
column j. From the far end,

    A_{N-1} = Y_{N-1},    A_j = Y_j + A_{j+1} W_{j+1},    W_j = (I + R A_j)^-1,    r_{j+1} = W_{j+1} r_j,

and at the driver ``r_0 = (I + driver_ohm A_0)^-1 V``. A_j is symmetric positive semidefinite and commutes
with W_j, which again comes from a Cholesky factorisation. Nothing is ever divided by a resistance.

**Accumulation.** Column j's current is ``1^T Y_j r_j``. Going backward, the rows ``1^T Y_j`` of the columns
already passed are kept as one stack, to be multiplied by each further W; after the driver's factor, the
stack is ``G_eff^T``.

The cost is of order N M^3. Where M > N the reciprocal circuit is solved instead (drive the columns, sense
the rows), whose transfer conductances are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xbarpaper.params import Parasitics

_WORKING_SET_BYTES = 64 * 2**20
_LARGEST_CHUNK = 256  # beyond, batches only leave the processor's cache: slower, not faster


@torch.no_grad()
def effective_conductance(
    conductance: Tensor,
    parasitics: Parasitics,
    *,
    tiles_per_chunk: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """The matrix ``G_eff`` of ``currents = voltages @ G_eff`` for each tile, exact up to rounding.

    All arithmetic is float64, whatever the input's type. Not differentiable: the result carries no gradient.

    Args:
        conductance: device conductances, siemens, shape (..., M, N), float32 or float64; 0 means no device.
        parasitics: resistances of drivers, wires and sense circuits; any may be zero.
        tiles_per_chunk: tiles solved at a time, which bounds the working memory; by default as many as need
            some 200 MB, at most 256.
        progress: called after each chunk with the number of tiles that it held, such as ``tqdm.update``.

    Returns:
        Siemens; shape, type and device of ``conductance``. A plain copy of it where all resistances are zero.

    Raises:
        ValueError: ``conductance`` has fewer than two dimensions, no rows or no columns, another type, or a
            value that is negative, infinite or NaN; or ``tiles_per_chunk`` is not positive.
    """
    _refuse_unusable(conductance)
    if tiles_per_chunk is not None and tiles_per_chunk < 1:
        raise ValueError(f"tiles_per_chunk = {tiles_per_chunk} must be at least 1")
    rows, columns = conductance.shape[-2:]
    tiles = conductance.reshape(-1, rows, columns)
    effective = torch.empty_like(tiles, memory_format=torch.contiguous_format)
    solve = _solve_reciprocal if rows > columns else _solve
    chunk = tiles_per_chunk or _default_chunk(min(rows, columns), max(rows, columns))
    for start in range(0, len(tiles), chunk):
        part = tiles[start : start + chunk]
        effective[start : start + chunk] = part if _is_ideal(parasitics) else solve(part.double(), parasitics)
        if progress is not None:
            progress(len(part))
    return effective.reshape(conductance.shape)


def _refuse_unusable(conductance: Tensor) -> None:
    shape = tuple(conductance.shape)
    if conductance.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"conductance: type {conductance.dtype} must be torch.float32 or torch.float64")
    if len(shape) < 2:
        raise ValueError(f"conductance: shape {shape} must be (..., rows, columns)")
    if 0 in shape[-2:]:
        raise ValueError(f"conductance: shape {shape} must have at least one row and one column")
    if conductance.numel() == 0:
        return
    lowest, highest = (float(bound) for bound in torch.aminmax(conductance))  # a NaN anywhere makes both NaN
    if not lowest >= 0 or not highest < float("inf"):
        found = lowest if not lowest >= 0 else highest
        raise ValueError(f"conductance: holds {found:g}; every value must be finite and at least 0 siemens")


def _is_ideal(parasitics: Parasitics) -> bool:
    wires = parasitics.row_wire_ohm == 0 and parasitics.column_wire_ohm == 0
    return wires and parasitics.driver_ohm == 0 and parasitics.sense_ohm == 0


def _default_chunk(rows: int, columns: int) -> int:
    """Tiles whose stack, A, W and temporaries fit the working set; the Y_j come in blocks of columns."""
    bytes_per_tile = 8 * rows * (3 * columns + 6 * rows)
    return max(1, min(_WORKING_SET_BYTES // bytes_per_tile, _LARGEST_CHUNK))


def _solve_reciprocal(G: Tensor, parasitics: Parasitics) -> Tensor:
    """The same transfer conductances from the circuit with rows and columns exchanged.

    Sources now sit where the sense ends were (bottom) and sinks where the drivers were (left), so
    both orders turn round: the source end must come first and the sink end last.
    """
    exchanged = Parasitics(
        driver_ohm=parasitics.sense_ohm,
        row_wire_ohm=parasitics.column_wire_ohm,
        column_wire_ohm=parasitics.row_wire_ohm,
        sense_ohm=parasitics.driver_ohm,
    )
    return _solve(G.mT.flip(-2, -1), exchanged).mT.flip(-2, -1)


def _solve(G: Tensor, parasitics: Parasitics) -> Tensor:
    """``G_eff`` of a batch of tiles, shape (B, M, N) in float64; the module says how."""
    batch, rows, columns = G.shape
    K_c = _column_resistance(rows, parasitics, G)
    block = max(1, _WORKING_SET_BYTES // (3 * 8 * batch * rows * rows))
    stack = G.new_zeros(batch, columns, rows)
    A = G.new_zeros(batch, rows, rows)
    for stop in range(columns, 0, -block):
        start = max(0, stop - block)
        Y = _column_admittances(G[..., start:stop].permute(2, 0, 1), K_c)
        for j in reversed(range(start, stop)):
            if j < columns - 1 and parasitics.row_wire_ohm > 0:
                W = _inverse(A * parasitics.row_wire_ohm)
                stack[:, j + 1 :] = stack[:, j + 1 :] @ W
                A = A @ W
            A = A + Y[j - start]
            stack[:, j] = Y[j - start].sum(-2)
    if parasitics.driver_ohm > 0:
        stack = stack @ _inverse(A * parasitics.driver_ohm)
    return stack.mT


def _column_resistance(rows: int, parasitics: Parasitics, like: Tensor) -> Tensor:
    """K_c, ohm: what the paths of two devices of one column to virtual ground share, shape (M, M)."""
    row = torch.arange(rows, dtype=like.dtype, device=like.device)
    steps = rows - 1 - torch.maximum(row[:, None], row)
    return parasitics.sense_ohm + parasitics.column_wire_ohm * steps


def _column_admittances(g: Tensor, K_c: Tensor) -> Tensor:
    """Y of each column, siemens: device currents per row-wire voltage; g is (..., M), Y is (..., M, M)."""
    root = g.sqrt()
    scale = root[..., :, None] * root[..., None, :]
    return _inverse(scale * K_c).mul_(scale)


def _inverse(semidefinite: Tensor) -> Tensor:
    """``(I + semidefinite)^-1`` for symmetric positive semidefinite matrices; overwrites its argument."""
    semidefinite.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return torch.cholesky_inverse(torch.linalg.cholesky(semidefinite))
