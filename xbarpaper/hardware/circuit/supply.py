"""The power that the supplies of a tile deliver, exact, from the solved circuit.

Every row has a supply: at the read voltage V for a set input bit, at 0 V otherwise. Their currents follow from the
voltages by a symmetric matrix, the admittance Y (M x M) seen at the drivers. All supply currents together are those of
the columns, ``sum Y = sum G_eff``, but the power counts only those of the driven rows. Where other rows are at 0 V, a
part of the current flows back into these: the driven supplies deliver more than the columns receive, and
``V sum I_columns`` is too low a power.

With inputs set independently of each other, each with probability p, the mean power is V^2 times

    p^2 sum_ik Y_ik + (p - p^2) sum_i Y_ii.

Y is what `elimination` calls A_0 with the driver before it: ``Y = A_0 (I + driver_ohm A_0)^-1``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xbarpaper.hardware.circuit.elimination import column_admittances, inverse
from xbarpaper.hardware.circuit.wires import shared_resistance
from xbarpaper.params import Parasitics

_CHUNK_BYTES = 32 * 2**20


def supply_admittance(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """Currents of the supplies per volt: ``supplies = voltages @ Y``.

    Args:
        tiles: device conductances, siemens, shape (B, M, N), float32 or float64, the type of the arithmetic; 0 means no
            device.

    Returns:
        Y, siemens, symmetric, shape (B, M, M).
    """
    rows, columns = tiles.shape[-2:]
    K_c = torch.from_numpy(shared_resistance(rows, parasitics.sense_ohm, parasitics.column_wire_ohm))
    K_c = K_c.to(tiles)
    A = tiles.new_zeros(len(tiles), rows, rows)
    for j in reversed(range(columns)):
        if j < columns - 1 and parasitics.row_wire_ohm:
            A = A @ inverse(A * parasitics.row_wire_ohm)
        A = A + column_admittances(tiles[..., j], K_c)
    return A @ inverse(A * parasitics.driver_ohm)


def mean_supply_conductance(tiles: Tensor, parasitics: Parasitics | None, active: float) -> Tensor:
    """Mean power of a read over the squared read voltage, siemens, shape (B,).

    Args:
        tiles: device conductances, siemens, shape (B, M, N).
        parasitics: resistances around the devices; None for ideal ones.
        active: probability that an input bit is set, each independently of the others.
    """
    if parasitics is None or parasitics.ideal:
        return active * tiles.sum((1, 2), dtype=torch.float64)
    found = []
    for part in tiles.split(max(1, _CHUNK_BYTES // (8 * tiles.shape[1] ** 2))):
        Y = supply_admittance(part, parasitics).double()
        alone = Y.diagonal(dim1=-2, dim2=-1).sum(-1)
        found.append(active**2 * Y.sum((1, 2)) + (active - active**2) * alone)
    return torch.cat([tiles.new_zeros(0, dtype=torch.float64), *found])
