"""The direct solver: a tile's circuit by block elimination, column by column, whatever its values.

A tile has M rows (inputs) and N columns (outputs). Row wire i is driven from its left end through ``driver_ohm``;
column wire j ends at the bottom, row M-1, and reaches virtual ground through ``sense_ohm``. Wires and devices are linear,
so ``currents = voltages @ G_eff`` for every input, and ``G_eff`` is all there is to know.

**One column.** Let r be the row-wire voltages at column j, g = diag(G[:, j]) and x the device currents. The
column wire lifts its node i by sum_k K_c[i, k] x_k, where

    K_c[i, k] = sense_ohm + column_wire_ohm * (M - 1 - max(i, k))

is the resistance that the paths of both devices to ground share. So ``x = g (r - K_c x)``, that is ``x = Y r`` with

    Y = g^1/2 (I + g^1/2 K_c g^1/2)^-1 g^1/2.

K_c is positive semidefinite, so the matrix in brackets has no eigenvalue below 1: Cholesky factorises it
whatever is zero, a resistance, a device or a whole column.

**The row wires** are a transmission line whose M conductors meet one Y_j after another, with R = ``row_wire_ohm``
between neighbouring columns. Let A_j be the admittance of all columns from j on, seen at column j. From the far end,

    A_{N-1} = Y_{N-1},    A_j = Y_j + A_{j+1} W_{j+1},    W_j = (I + R A_j)^-1,    r_{j+1} = W_{j+1} r_j,

and at the driver ``r_0 = (I + driver_ohm A_0)^-1 V``. A_j is symmetric positive semidefinite and commutes with W_j,
which again comes from a Cholesky factorisation. Nothing is ever divided by a resistance.

**What is returned.** Column j's current is ``1^T Y_j r_j``. Going backward, the rows ``1^T Y_j`` of the columns already
passed are kept as one stack, to be multiplied by each further W; after the driver's factor, the stack is ``G_eff^T``.
With the W_j kept, the voltages anywhere follow for any input.

The cost is of order N M^3. Where M > N the reciprocal circuit is solved instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xbarpaper.hardware.circuit.wires import exchanged, shared_resistance, turned
from xbarpaper.params import Parasitics

_WORKING_SET_BYTES = 128 * 2**20
_LARGEST_CHUNK = 256  # beyond, batches only leave the processor's cache: slower, not faster


@dataclass(frozen=True)
class Potentials:
    """What a tile's wires and devices carry, for S inputs; (B, S, M, N) unless said otherwise."""

    row: Tensor  # voltages of the row wires, volts
    column: Tensor  # voltages of the column wires, volts
    current: Tensor  # device currents from row to column wire, amperes


def tiles_per_chunk(rows: int, columns: int) -> int:
    """Tiles that fit the working set: the stack, and Y and W of every column."""
    short, long = min(rows, columns), max(rows, columns)
    fitting = _WORKING_SET_BYTES // (8 * short * (3 * long + (2 * long + 6) * short))
    return max(1, min(fitting, _LARGEST_CHUNK))


def solve(tiles: Tensor, parasitics: Parasitics) -> tuple[Tensor, Tensor]:
    """``G_eff`` of tiles, shape (B, M, N) in float64, and a check of each, shape (B,): see ``_disagreement``."""
    if tiles.shape[-2] > tiles.shape[-1]:
        G_eff, check = solve(turned(tiles), exchanged(parasitics))
        return turned(G_eff), check
    factors = _factorise(tiles, parasitics)
    everywhere = tiles.new_ones(len(tiles), tiles.shape[-2], 1)
    G_eff = factors.stack.mT
    return G_eff, _disagreement(tiles, parasitics, G_eff, _follow(factors, everywhere))


def potentials(tiles: Tensor, parasitics: Parasitics, voltages: Tensor) -> Potentials:
    """Voltages and currents everywhere; tiles (B, M, N) and voltages (B, S, M) in float64."""
    return _follow(_factorise(tiles, parasitics), voltages.mT)


@dataclass(frozen=True)
class _Factors:
    stack: Tensor  # (B, N, M): G_eff transposed
    Y: Tensor  # (N, B, M, M), siemens
    W: list[Tensor]  # the driver's factor, then W_1 to W_{N-1}, each (B, M, M)
    K_c: Tensor  # (M, M), ohm


def _factorise(G: Tensor, parasitics: Parasitics) -> _Factors:
    batch, rows, columns = G.shape
    K_c = torch.from_numpy(shared_resistance(rows, parasitics.sense_ohm, parasitics.column_wire_ohm)).to(G)
    Y = column_admittances(G.permute(2, 0, 1), K_c)
    W: list[Tensor] = []
    stack = G.new_zeros(batch, columns, rows)
    A = G.new_zeros(batch, rows, rows)
    for j in reversed(range(columns)):
        if j < columns - 1:
            W.append(inverse(A * parasitics.row_wire_ohm))
            stack[:, j + 1 :] = stack[:, j + 1 :] @ W[-1]
            A = A @ W[-1]
        A = A + Y[j]
        stack[:, j] = Y[j].sum(-2)
    W.append(inverse(A * parasitics.driver_ohm))
    return _Factors(stack @ W[-1], Y, W[::-1], K_c)


def _follow(factors: _Factors, voltages: Tensor) -> Potentials:
    """From the drivers along the row wires; voltages (B, M, S)."""
    r, row, current = voltages, [], []
    for Y, W in zip(factors.Y, factors.W, strict=True):
        r = W @ r
        row.append(r)
        current.append(Y @ r)
    x = torch.stack(current)
    everything = torch.stack(row), factors.K_c @ x, x
    return Potentials(*(one.permute(1, 3, 2, 0) for one in everything))


def _disagreement(G: Tensor, parasitics: Parasitics, G_eff: Tensor, found: Potentials) -> Tensor:
    """How well ``G_eff`` answers to the circuit with 1 V on every row; shape (B,), some 1e-14 where all is well.

    The sum of two relative numbers. The backward error of the device currents x: by how much the resistances and inputs
    would have to differ for x to obey ``x / G + x K_r + K_c x = 1`` exactly, K_r and K_c being applied as sums along
    the wires, by other means than x was found with. (All terms are positive, so a resistor network that differs by so
    little conducts as much differently.) And how far the columns' currents are from the sums of x.
    """
    x = found.current[:, 0]
    segments = parasitics.row_wire_ohm * x.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    driver = parasitics.driver_ohm * x.sum(-1, keepdim=True)
    row = torch.cat([driver, driver + segments.cumsum(-1)], -1)
    below = x.cumsum(-2)
    sense = parasitics.sense_ohm * below[:, -1:]
    lifted = parasitics.column_wire_ohm * below[:, :-1].flip(-2).cumsum(-2).flip(-2)
    column = torch.cat([lifted + sense, sense], -2)
    present = G > 0
    device = x / G
    backward = (1 - row - column - device).abs() / (1 + (row + column + device).abs())
    backward = backward.where(present, x.abs()).amax((-2, -1))  # where there is no device, no current
    currents = G_eff.sum(-2)
    largest = currents.amax(-1)
    apart = (currents - x.sum(-2)).abs().amax(-1)
    return backward + torch.where(largest > 0, apart / largest, apart)


def column_admittances(g: Tensor, K_c: Tensor) -> Tensor:
    """Y of each column, siemens: device currents per row-wire voltage; g is (..., M), Y is (..., M, M)."""
    root = g.sqrt()
    scale = root[..., :, None] * root[..., None, :]
    return inverse(scale * K_c).mul_(scale)


def inverse(semidefinite: Tensor) -> Tensor:
    """``(I + semidefinite)^-1`` for symmetric positive semidefinite matrices; overwrites its argument."""
    semidefinite.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return torch.cholesky_inverse(torch.linalg.cholesky(semidefinite))
