"""The same circuit seen from its other side.

Driving the columns and sensing the rows gives the same transfer conductances (reciprocity). Sources then sit where the
sense ends were (bottom) and sinks where the drivers were (left), so both orders turn round: the source end comes first
and the sink end last.
"""

from __future__ import annotations

from torch import Tensor

from xbarpaper.params import Parasitics


def exchanged(parasitics: Parasitics) -> Parasitics:
    """The resistances with rows and columns exchanged."""
    return Parasitics(
        driver_ohm=parasitics.sense_ohm,
        row_wire_ohm=parasitics.column_wire_ohm,
        column_wire_ohm=parasitics.row_wire_ohm,
        sense_ohm=parasitics.driver_ohm,
    )


def turned(tiles: Tensor) -> Tensor:
    """Tiles with rows and columns exchanged, (..., M, N) to (..., N, M); its own inverse."""
    return tiles.mT.flip(-2, -1)
