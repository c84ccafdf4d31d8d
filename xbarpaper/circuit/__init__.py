"""What a crossbar tile does to voltages: its devices together with wires, drivers and sense resistances.

``effective_conductance`` is the fast, batched, differentiable solver that the artifact uses; `modal` and `elimination`
derive its two methods. ``node_voltages`` looks inside a tile. ``reference_effective_conductance`` solves the nodal
equations of one tile in another way and shares no code with them, and ``spice_netlist`` writes the circuit for ngspice:
readers can check us with both.
"""

from xbarpaper.circuit.effective import effective_conductance
from xbarpaper.circuit.elimination import Potentials
from xbarpaper.circuit.reference import reference_effective_conductance
from xbarpaper.circuit.spice import read_currents, spice_netlist
from xbarpaper.circuit.voltages import node_voltages
from xbarpaper.errors import CircuitError
from xbarpaper.params import Parasitics

__all__ = [
    "CircuitError",
    "Parasitics",
    "Potentials",
    "effective_conductance",
    "node_voltages",
    "read_currents",
    "reference_effective_conductance",
    "spice_netlist",
]
