"""Voltages and currents inside a tile: where on its wires the input is lost (IR drop)."""

from __future__ import annotations

import torch
from torch import Tensor

from xbarpaper.hardware.circuit import elimination
from xbarpaper.hardware.circuit.effective import _refuse_unusable
from xbarpaper.hardware.circuit.elimination import Potentials
from xbarpaper.params import Parasitics


def node_voltages(conductance: Tensor, parasitics: Parasitics, voltages: Tensor) -> Potentials:
    """Voltages of all wires and currents of all devices, for given inputs, by the direct solver.

    Args:
        conductance: device conductances of one tile, siemens, shape (M, N); 0 means no device.
        parasitics: resistances of drivers, wires and sense circuits; any may be zero.
        voltages: inputs, volts, shape (M,) or (S, M).

    Returns:
        ``row`` and ``column`` in volts and ``current`` in amperes, float64, shape (M, N) or (S, M, N).

    Raises:
        ValueError: ``conductance`` is not one tile of usable values, or ``voltages`` are not finite or do not fit it.
    """
    _refuse_unusable(conductance)
    if conductance.ndim != 2:
        raise ValueError(f"conductance: shape {tuple(conductance.shape)} must be (rows, columns)")
    if voltages.ndim not in (1, 2) or voltages.shape[-1] != len(conductance):
        raise ValueError(
            f"voltages: shape {tuple(voltages.shape)} must be ({len(conductance)},) or (inputs, {len(conductance)})"
        )
    if not torch.isfinite(voltages).all():
        raise ValueError("voltages: every value must be finite")
    inputs = voltages.double().reshape(1, -1, len(conductance))
    found = elimination.potentials(conductance.double()[None], parasitics, inputs)
    shape = (*voltages.shape[:-1], *conductance.shape)
    return Potentials(*(one.reshape(shape) for one in (found.row, found.column, found.current)))
