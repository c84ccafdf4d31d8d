"""Networks on crossbars: their devices, what disturbs them, what the circuits make of them, and the non-ideal twin."""

from xbarpaper.hardware.effects import DeviceEffect, Variation
from xbarpaper.hardware.exports import Crossbars, LayerCrossbars, read_crossbars, write_crossbars
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork, map_network
from xbarpaper.hardware.modules import map_module
from xbarpaper.hardware.readout import ReadOut, read_out
from xbarpaper.params import Devices, Parasitics

__all__ = [
    "Crossbars", "DeviceEffect", "Devices", "LayerCrossbars", "MappedLayer", "MappedNetwork", "Parasitics",
    "ReadOut", "Variation", "map_module", "map_network", "read_crossbars", "read_out", "write_crossbars",
]  # fmt: skip
