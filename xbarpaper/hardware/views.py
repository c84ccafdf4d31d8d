"""Mapped networks as the plain arrays that pictures are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork
from xbarpaper.hardware.readout import LayerReadOut, ReadOut
from xbarpaper.params import Devices

Array = NDArray[Any]
_SHOWN = 4  # the layer that is shown where none is named: several crossbars, and small enough to see


def layer_named(network: MappedNetwork, name: str) -> MappedLayer:
    """A layer by name; where the name is empty, the fourth, or the last of fewer.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    layers = {layer.name: layer for layer in network.layers}
    if not name:
        return network.layers[:_SHOWN][-1]
    if name not in layers:
        raise ValueError(f"layer {name!r} is not in the network (there are: {', '.join(layers)})")
    return layers[name]


def layer_read(read: ReadOut, name: str) -> LayerReadOut:
    """What the crossbars of a layer compute, by its name; see ``layer_named``."""
    return read.layers[read.mapped.layers.index(layer_named(read.mapped, name))]


def conductances_by_layer(network: MappedNetwork, devices: Devices) -> dict[str, Array]:
    """Conductances of the programmed devices of both signs, siemens, a flat array for each layer."""
    pairs = {layer.name: layer.device_conductances(devices) for layer in network.layers}
    return {name: torch.cat([pair.plus, pair.minus]).numpy() for name, pair in pairs.items()}


def owners(layer: MappedLayer) -> Array:
    """Number of the crossbar that holds each weight, -1 where T removed it; shape (rows, columns) of the matrix."""
    owned: Array = layer.tiles.owners().numpy()
    return owned


def padding_cells(layer: MappedLayer) -> int:
    """Cells of the crossbars, for one sign, that hold no device."""
    return int((~layer.tiles.occupied).sum())


def conductance_mosaic(layer: MappedLayer, devices: Devices) -> Array:
    """The crossbars of a layer as they lie: mean conductance of each pair, microsiemens, NaN where empty."""
    pair = layer.programmed(devices)
    tiles = (layer.tiles.tile(pair.plus) + layer.tiles.tile(pair.minus)) * (0.5 * 1e6)
    tiles = tiles.masked_fill(~layer.tiles.occupied, torch.nan)
    return _mosaic(tiles, layer)


def tile_factor_mosaic(read: LayerReadOut) -> Array:
    """Non-ideality factor of each crossbar of a layer, mean of both signs, in the order of ``conductance_mosaic``."""
    return _mosaic(read.tile_factors.mean(0)[:, None, None], read.layer)


def _mosaic(tiles: Tensor, layer: MappedLayer) -> Array:
    """Tiles (n, rows, columns) as one matrix; crossbars that share rows of the layer lie side by side."""
    first_rows = layer.tiles.rows[:, 0]
    across = int(torch.bincount(first_rows).max())
    lines = [tiles[first_rows == row] for row in torch.unique(first_rows)]
    height, width = tiles.shape[1:]
    matrix = np.full((height * len(lines), width * across), np.nan)
    for number, line in enumerate(lines):
        strip = torch.cat(list(line), dim=1).numpy()
        matrix[number * height : (number + 1) * height, : strip.shape[1]] = strip
    return matrix
