"""One tile as a netlist for ngspice, a circuit simulator that shares nothing with this library.

    Path("tile.cir").write_text(spice_netlist(G, parasitics, voltages))
    printed = subprocess.run(["ngspice", "-b", "tile.cir"], capture_output=True, check=True, text=True)
    currents = read_currents(printed.stdout)

The netlist is the circuit itself, so that anybody can check it by eye: with i counting rows and j columns from
0, ``Vrow<i>`` drives node ``in<i>``; ``r<i>_<j>`` and ``c<i>_<j>`` are the two ends of the device
``Rdevice<i>_<j>``; ``Rdriver<i>``, ``Rrow<i>_<j>`` (to column j + 1), ``Rcolumn<i>_<j>`` (to row i + 1) and
``Rsense<j>`` are the parasitics; and ``Vcolumn<j>``, a source of 0 V as SPICE's ammeter, joins ``out<j>`` to
ground. A resistance of zero makes its two ends one node, named after whichever is nearer to its source or its
ground; a device of zero conductance is left out. No node floats: every wire still hangs on its source or its
ground.

A batch run prints one line ``i(vcolumn<j>) = <ampere>`` per column, with 15 significant digits; positive is into
the virtual ground. ``read_currents`` picks these lines out of what ngspice prints. ngspice solves the nodal
equations in float64, so it loses about 1e-16 times the ratio of the largest to the smallest resistance along a
wire (driver, segments, sense).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from xbarpaper.params import Parasitics

Floats = npt.NDArray[np.float64]

# The circuit is linear, so ngspice solves it in one go; these only keep its safeguards for transistors out of
# the way. gmin, a conductance laid across semiconductor junctions, is 1e-12 S by default, as much as a very
# high-ohmic device; gshunt, from every node to ground, is already zero but nothing may depend on that. A pivot
# below pivtol, 1e-13 S by default, would be taken for a singular matrix.
_OPTIONS = ".options gmin=1e-30 gshunt=0 reltol=1e-12 abstol=1e-30 vntol=1e-30 pivtol=1e-30"

# Ohms and siemens alike, so that each has a reciprocal in float64.
_LEAST, _MOST = 1e-300, 1e300

_CURRENT = re.compile(r"^i\(vcolumn(\d+)\) = (\S+)\s*$", re.MULTILINE)


def spice_netlist(
    conductance: npt.ArrayLike | Tensor, parasitics: Parasitics, voltages: npt.ArrayLike | Tensor
) -> str:
    """The netlist of one driven tile; ``ngspice -b`` runs it as it is and prints the column currents.

    Args:
        conductance: device conductances, siemens, shape (M, N), from 1e-300 to 1e300; 0 means no device.
        parasitics: resistances of drivers, wires and sense circuits, ohm, from 1e-300 to 1e300 or zero.
        voltages: what drives the rows, volt, shape (M,), finite, of any sign.

    Returns:
        The text of the netlist, its nodes and elements named as this module's description says.
        ``read_currents`` reads what it makes ngspice print. Values carry all digits of a float64.

    Raises:
        ValueError: ``conductance`` is not one tile, or it or ``parasitics`` holds a value that is negative, not
            finite or outside these ranges; or ``voltages`` is not one finite value per row.
    """
    G = _as_array(conductance)
    V = _as_array(voltages)
    if G.ndim != 2 or G.size == 0:
        raise ValueError(f"conductance: shape {G.shape} must be (rows, columns), both at least 1")
    rows, columns = G.shape
    allowed = (G == 0) | ((G >= _LEAST) & (G <= _MOST))
    if not allowed.all():
        raise ValueError(
            f"conductance: holds {G[~allowed][0]:g}, must be 0 or from {_LEAST:g} to {_MOST:g} siemens"
        )
    if V.shape != (rows,):
        raise ValueError(f"voltages: shape {V.shape} must be ({rows},), one voltage per row")
    if not np.isfinite(V).all():
        raise ValueError(f"voltages: holds {V[~np.isfinite(V)][0]:g}, must be finite")
    for name, ohm in parasitics:
        if ohm != 0 and not _LEAST <= ohm <= _MOST:
            raise ValueError(f"parasitics.{name} = {ohm:g} must be 0 or from {_LEAST:g} to {_MOST:g} ohm")

    lines = [
        f"Crossbar tile, {rows} x {columns} devices",
        "* ngspice -b prints i(vcolumn<j>), the current in ampere into the virtual ground of column j",
        _OPTIONS,
        *(f"Vrow{i} in{i} 0 DC {_number(V[i])}" for i in range(rows)),
        *_resistors(G, parasitics),
        *(f"Vcolumn{j} out{j} 0 DC 0" for j in range(columns)),
        ".control",
        "set numdgt=15",
        "op",
        *(f"print i(vcolumn{j})" for j in range(columns)),
        "quit",  # or else ngspice ends by complaining that no analysis stands outside this block
        ".endc",
        ".end",
    ]
    return "\n".join(lines) + "\n"


def read_currents(output: str) -> Floats:
    """The column currents in what ngspice printed; the other end of ``spice_netlist``.

    Args:
        output: standard output of ``ngspice -b`` on a netlist of ``spice_netlist``.

    Returns:
        Ampere, float64, shape (N,), in the order of the columns; positive is into the virtual ground.

    Raises:
        ValueError: no current was printed, some column is missing or printed twice, or a value is not a finite
            number.
    """
    found = [(int(column), value) for column, value in _CURRENT.findall(output)]
    if not found:
        raise ValueError("output: no line 'i(vcolumn<j>) = <ampere>', must hold one per column")
    order = [column for column, _ in found]
    if order != list(range(len(order))):
        raise ValueError(f"output: currents of the columns {order}, must be those of 0, 1, 2, ... once each")
    currents = np.empty(len(found))
    for column, value in found:
        try:
            currents[column] = float(value)
        except ValueError:
            currents[column] = np.nan
        if not np.isfinite(currents[column]):
            raise ValueError(f"output: i(vcolumn{column}) = {value} must be a finite number")
    return currents


def _resistors(G: Floats, parasitics: Parasitics) -> Iterator[str]:
    """One line per resistor that exists, row by row, then column by column, then the devices."""
    rows, columns = G.shape
    driver, sense = parasitics.driver_ohm, parasitics.sense_ohm
    row_wire, column_wire = parasitics.row_wire_ohm, parasitics.column_wire_ohm

    def row_node(i: int, j: int) -> str:
        j = j if row_wire else 0
        return f"in{i}" if j == 0 and not driver else f"r{i}_{j}"

    def column_node(i: int, j: int) -> str:
        i = i if column_wire else rows - 1
        return f"out{j}" if i == rows - 1 and not sense else f"c{i}_{j}"

    for i in range(rows):
        if driver:
            yield f"Rdriver{i} in{i} {row_node(i, 0)} {_number(driver)}"
        for j in range(columns - 1 if row_wire else 0):
            yield f"Rrow{i}_{j} {row_node(i, j)} {row_node(i, j + 1)} {_number(row_wire)}"
    for j in range(columns):
        for i in range(rows - 1 if column_wire else 0):
            yield f"Rcolumn{i}_{j} {column_node(i, j)} {column_node(i + 1, j)} {_number(column_wire)}"
        if sense:
            yield f"Rsense{j} {column_node(rows - 1, j)} out{j} {_number(sense)}"
    for i, j in np.argwhere(G > 0).tolist():
        yield f"Rdevice{i}_{j} {row_node(i, j)} {column_node(i, j)} {_number(1 / G[i, j])}"


def _as_array(values: npt.ArrayLike | Tensor) -> Floats:
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _number(value: float) -> str:
    """The shortest text that reads back as this float64: no rounding, and no SPICE suffix such as m or meg."""
    return repr(float(value))
