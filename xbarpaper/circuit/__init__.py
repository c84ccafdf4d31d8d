"""What a crossbar tile does to voltages: its devices together with wires, drivers and sense resistances.

``effective_conductance`` is the fast, batched solver that the artifact uses;
``reference_effective_conductance`` solves the nodal equations of one tile in another way, shares no code
with it, and is what it is tested against.
"""

from xbarpaper.circuit.exact import effective_conductance
from xbarpaper.circuit.reference import reference_effective_conductance
from xbarpaper.params import Parasitics

__all__ = ["Parasitics", "effective_conductance", "reference_effective_conductance"]
