"""What the wires of a tile have in common, and the same tile seen from its other side.

Two devices of one wire share its resistance from the nearer of them to the wire's end. Inside a tile this couples the
currents: those of a column raise one another's voltage by ``K_c``, those of a row lower it by ``K_r``.

The other side: driving the columns and sensing the rows gives the same transfer conductances (reciprocity). The sources
then sit where the sense resistances were, at the bottom, and the sinks where the drivers were, at the left. So the order
of both is reversed, and again the source end comes first and the sink end last.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from xbarpaper.params import Parasitics


def shared_resistance(length: int, end_ohm: float, wire_ohm: float) -> npt.NDArray[np.float64]:
    """Resistance that two nodes of a wire share on their ways to its end, for each pair of nodes.

    Args:
        length: number of nodes; the end is behind the last one.
        end_ohm: resistance between the last node and the end: of the sense circuit or the driver.
        wire_ohm: resistance between two neighbours.

    Returns:
        Ohm, shape (length, length). ``K_c`` for a column; for a row, whose end is the driver before the first node,
        ``K_r`` with both orders reversed.
    """
    node = np.arange(length)
    return end_ohm + wire_ohm * (length - 1.0 - np.maximum.outer(node, node))


def exchanged(parasitics: Parasitics) -> Parasitics:
    """The resistances with rows and columns exchanged."""
    return Parasitics(
        driver_ohm=parasitics.sense_ohm,
        row_wire_ohm=parasitics.column_wire_ohm,
        column_wire_ohm=parasitics.row_wire_ohm,
        sense_ohm=parasitics.driver_ohm,
    )


def seen_from_columns(parasitics: Parasitics) -> Parasitics:
    """The resistances with drivers at the columns and sense circuits at the rows, as a backward pass has them.

    The crossbar driven so is another circuit, and by reciprocity its transposed is that of these resistances:
    ``row_currents = column_voltages @ effective_conductance(G, seen_from_columns(parasitics)).mT``.
    """
    ends = {"driver_ohm": parasitics.sense_ohm, "sense_ohm": parasitics.driver_ohm}
    return parasitics.model_copy(update=ends)


def turned(tiles: Tensor) -> Tensor:
    """Tiles with rows and columns exchanged, (..., M, N) to (..., N, M); its own inverse."""
    return tiles.mT.flip(-2, -1)
