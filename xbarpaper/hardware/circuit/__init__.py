"""What a crossbar tile does to voltages: its devices together with wires, drivers and sense resistances.

``effective_conductance`` is the fast, batched, differentiable solver that the artifact uses; `dissection` and
`elimination` derive its two methods. ``node_voltages`` looks inside a tile. ``reference_effective_conductance`` solves
the nodal equations of one tile in another way and shares no code with them, and ``spice_netlist`` writes the circuit for
ngspice: readers can check us with both.
"""

from xbarpaper.hardware.circuit.effective import effective_conductance, node_voltages
from xbarpaper.hardware.circuit.elimination import Potentials
from xbarpaper.hardware.circuit.reference import reference_effective_conductance
from xbarpaper.hardware.circuit.spice import read_currents, spice_netlist
from xbarpaper.hardware.circuit.wires import seen_from_columns, shared_resistance
from xbarpaper.params import Parasitics
from xbarpaper.support.errors import CircuitError

__all__ = [
    "CircuitError", "Parasitics", "Potentials", "effective_conductance", "node_voltages", "read_currents",
    "reference_effective_conductance", "seen_from_columns", "shared_resistance", "spice_netlist",
]  # fmt: skip
