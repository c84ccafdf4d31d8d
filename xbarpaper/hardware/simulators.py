"""Which parasitic resistances other simulators mean: the circuit here that computes what they compute.

Read in their code, and measured by ``benchmarks/simulators.py`` where they install (``docs/simulators.md``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from xbarpaper.hardware.circuit import Parasitics, effective_conductance


@dataclass(frozen=True)
class Convention:
    """How a simulator means its resistances."""

    words: str  # what it calls them, and where they lie
    # from the resistances of a segment of row wire and of column wire, and of the source, in ohm
    parasitics: Callable[[float, float, float], Parasitics]
    odd_columns_turned: bool = False  # whether every second column is read from its other end


def _resistances(driver: float, row: float, column: float, sense: float) -> Parasitics:
    return Parasitics(driver_ohm=driver, row_wire_ohm=row, column_wire_ohm=column, sense_ohm=sense)


def _segments_at_both_ends(row: float, column: float, _: float) -> Parasitics:
    return _resistances(row, row, column, column)


CONVENTIONS: Final = {
    "badcrossbar": Convention(
        "r_i_word_line, r_i_bit_line: one segment before the first and after the last device",
        _segments_at_both_ends,
    ),
    "CrossSim": Convention(
        "Rp_row, Rp_col: one segment before the first and after the last device", _segments_at_both_ends
    ),
    "mpimpy": Convention(
        "wire_resistance of both wires: one segment before the first and after the last device",
        _segments_at_both_ends,
    ),
    "MemTorch": Convention(
        "R_source at every end, R_line in both wires",
        lambda row, column, source: _resistances(source, row, column, source),
    ),
    "AIHWKit": Convention(
        "ir_drop_rs: columns only, half a segment to the converter; odd columns are read from the other end",
        lambda row, column, _: _resistances(0.0, 0.0, column, column / 2),
        odd_columns_turned=True,
    ),
}
"""By simulator. Not here: analoglib, whose IR drop is no circuit (it depends on the voltage)."""


def effective_conductance_as(
    simulator: str,
    conductances: Tensor,
    *,
    row_wire_ohm: float,
    column_wire_ohm: float,
    source_ohm: float = 0.0,
) -> Tensor:
    """``G_eff`` by another simulator's convention, solved here.

    Args:
        conductances: of crossbars, siemens, shape (..., rows, columns).
        row_wire_ohm, column_wire_ohm: of a segment of wire.
        source_ohm: at the ends of the wires, for those that have it.

    Returns:
        Siemens, shape of ``conductances``.

    Raises:
        ValueError: the simulator is not known.
    """
    if simulator not in CONVENTIONS:
        raise ValueError(f"simulator = {simulator} must be one of {', '.join(CONVENTIONS)}")
    convention = CONVENTIONS[simulator]
    parasitics = convention.parasitics(row_wire_ohm, column_wire_ohm, source_ohm)
    found = effective_conductance(conductances, parasitics)
    if convention.odd_columns_turned:
        turned = effective_conductance(conductances.flip(-2), parasitics).flip(-2)
        odd = torch.arange(conductances.shape[-1]) % 2 == 1
        found = torch.where(odd.to(found.device), turned, found)
    return found
