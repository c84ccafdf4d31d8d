"""What one image asks of the crossbars of a whole network, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from xbarpaper.hardware.circuit.supply import mean_supply_conductance
from xbarpaper.hardware.costs.blocks import ADCS
from xbarpaper.hardware.costs.model import Load, LoadCosts, load_costs, load_of
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork
from xbarpaper.hardware.slicing import sliced_conductances
from xbarpaper.networks.network import Network
from xbarpaper.params import AdcName, ColumnsCounted, Devices, HardwareCosts, Parasitics


def loads(
    mapped: MappedNetwork, settings: HardwareCosts, devices: Devices, parasitics: Parasitics | None
) -> tuple[Load, ...]:
    """A load for each layer of a network on crossbars.

    Args:
        settings: bits and slices of the weights, share of the input bits that are set.
        parasitics: resistances of drivers, wires and sensing; None for ideal ones.

    Raises:
        ValueError: the network does not tell the output pixels of its layers.
    """
    if not isinstance(mapped.network, Network):
        raise ValueError(f"{type(mapped.network).__name__} does not tell the output pixels of its layers")
    pixels = {layer.name: prod(layer.output_pixels) for layer in mapped.network.layers}
    return tuple(
        load_of(
            layer.tiles,
            int(layer.mask.sum()),
            pixels[layer.name],
            _supply(layer, settings, devices, parasitics),
        )
        for layer in mapped.layers
    )


def _supply(
    layer: MappedLayer, settings: HardwareCosts, devices: Devices, parasitics: Parasitics | None
) -> float:
    """``Load.supply_siemens`` of a layer."""
    cut = sliced_conductances(
        layer.programmed_weights, devices, layer.w_max, settings.weight_bits, settings.weight_slices
    )
    minus = layer.minus_tiles or layer.tiles
    arrays = torch.cat(
        [part for pair in cut for part in (layer.tiles.tile(pair.plus), minus.tile(pair.minus))]
    )
    return float(mean_supply_conductance(arrays, parasitics, settings.active_inputs).sum())


def summed(
    networks_loads: Sequence[Load],
    settings: HardwareCosts,
    adc: AdcName,
    columns: ColumnsCounted,
    latency: str = "overlapped",
) -> LoadCosts:
    """Costs of one image on all layers, one after another; see ``hardware.costs.load_costs``."""
    costs = [load_costs(load, settings, ADCS[adc], columns, latency) for load in networks_loads]
    total = costs[0]
    for one in costs[1:]:
        total += one
    return total
