"""A network on crossbars: which layer sits on which tiles, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from torch import Tensor, nn

from xbarpaper.hardware.conductances import DifferentialPair, conductances, is_low
from xbarpaper.hardware.tiles import TileMap, dense_tiles, tile_map
from xbarpaper.networks.matrix import Placement
from xbarpaper.networks.network import Network
from xbarpaper.params import Devices
from xbarpaper.pruning import PrunedNetwork
from xbarpaper.pruning.compaction import Compaction, Strip

SIGNS = 2  # one array for the positive weights, one for the negative


@dataclass(frozen=True)
class LayerPlan:
    """A layer that is about to be cut into crossbars."""

    matrix: Tensor  # weights in original coordinates, zero where pruned, shape (rows, columns)
    # what T left of it, rows and columns in the order in which they go onto the crossbars
    strips: tuple[Strip, ...]
    crossbar_size: int  # rows and columns of a crossbar
    # weight that programs the highest conductance; one for all, or one for each cell, shape of the matrix
    w_max: float | Tensor
    # the strips of the arrays for negative weights; None where both signs lie alike
    minus_strips: tuple[Strip, ...] | None = None

    def tiles(self) -> TileMap:
        """The crossbars into which the strips are cut."""
        return self._cut(self.strips)

    def minus_tiles(self) -> TileMap | None:
        """Those of the negative weights, where they lie otherwise."""
        return None if self.minus_strips is None else self._cut(self.minus_strips)

    def _cut(self, strips: tuple[Strip, ...]) -> TileMap:
        return tile_map(strips, (self.matrix.shape[0], self.matrix.shape[1]), self.crossbar_size)


Arrangement = Callable[[LayerPlan], LayerPlan]
"""Gives the plan with the same weights in another order: strips hold the same cells and need as many crossbars.

It may give the crossbars ranges of their own, and the signs orders of their own.
"""


@dataclass(frozen=True)
class MappedLayer:
    """One layer on crossbars."""

    name: str  # name of the layer; it seeds the draw of its devices
    module: str  # dotted name of its module in the network
    matrix: Tensor  # weights in original coordinates, zero where pruned, shape (rows, columns)
    mask: Tensor  # True where a weight lives, shape (rows, columns)
    placement: Placement  # where the network's own matrix sits in original coordinates
    tiles: TileMap  # which weight sits where
    # weight that programs the highest conductance; one for all, or one for each cell, shape (rows, columns)
    w_max: float | Tensor
    # weights that the devices are programmed to instead, same shape; None programs the matrix
    targets: Tensor | None = None
    # which weight sits where on the arrays for negative weights; None where both signs lie alike
    minus_tiles: TileMap | None = None

    @property
    def programmed_weights(self) -> Tensor:
        """Weights that the devices are programmed to, in original coordinates, shape (rows, columns)."""
        return self.matrix if self.targets is None else self.targets

    @property
    def crossbars(self) -> int:
        """Crossbars of both signs."""
        return SIGNS * self.tiles.tiles

    @property
    def unpruned_crossbars(self) -> int:
        """Crossbars, of both signs, of the unpruned layer."""
        placement = self.placement
        return SIGNS * placement.groups * dense_tiles(placement.block_shape, self.tiles.size)

    def programmed(self, devices: Devices) -> DifferentialPair:
        """Conductances in original coordinates, siemens, shape (rows, columns) each; removed cells as if at weight 0."""
        return conductances(self.programmed_weights, devices, self.w_max)

    def device_conductances(self, devices: Devices) -> DifferentialPair:
        """Conductances of the devices that exist, siemens, one flat tensor for each sign."""
        occupied = self.tiles.occupied
        return self.programmed(devices).each(lambda array: self.tiles.tile(array)[occupied])

    def low_devices(self, devices: Devices, threshold: float) -> int:
        """Number of devices, of both signs, in the lowest ``threshold`` of the range."""
        pair = self.device_conductances(devices)
        return sum(int(is_low(one, devices, threshold).sum()) for one in (pair.plus, pair.minus))

    @property
    def devices(self) -> int:
        """Number of programmed devices of both signs."""
        return SIGNS * int(self.tiles.occupied.sum())


@dataclass(frozen=True)
class MappedNetwork:
    """A network on crossbars of one size; what is not among its ``layers`` stays digital."""

    network: nn.Module
    layers: tuple[MappedLayer, ...]
    crossbar_size: int

    @property
    def pruned(self) -> PrunedNetwork:
        """The network with what pruning left of it.

        Raises:
            ValueError: the network does not describe its layers.
        """
        if not isinstance(self.network, Network):
            raise ValueError(f"{type(self.network).__name__} does not describe its weighted layers")
        return PrunedNetwork(self.network, {layer.name: layer.mask for layer in self.layers})

    @property
    def crossbars(self) -> int:
        """Crossbars of all layers and both signs."""
        return sum(layer.crossbars for layer in self.layers)

    @property
    def compression_rate(self) -> float:
        """Crossbars of the unpruned network over crossbars of this one, at the same size."""
        return sum(layer.unpruned_crossbars for layer in self.layers) / self.crossbars

    def low_conductance_share(self, devices: Devices, threshold: float) -> float:
        """Devices of low conductance among all programmed ones."""
        low = sum(layer.low_devices(devices, threshold) for layer in self.layers)
        return low / sum(layer.devices for layer in self.layers)

    def layer_table(self, devices: Devices, threshold: float) -> pd.DataFrame:
        """One row per layer: matrix shape, crossbars, utilisation, compression and low-conductance share."""
        rows = [
            {
                "layer": layer.name,
                "rows": layer.tiles.shape[0],
                "columns": layer.tiles.shape[1],
                "kept_weights": int(layer.mask.sum()),
                "crossbars": layer.crossbars,
                "crossbars_unpruned": layer.unpruned_crossbars,
                "utilisation": layer.devices / (layer.crossbars * self.crossbar_size**2),
                "compression_rate": layer.unpruned_crossbars / layer.crossbars,
                "low_conductance_share": layer.low_devices(devices, threshold) / layer.devices,
            }
            for layer in self.layers
        ]
        return pd.DataFrame(rows)


def map_network(
    pruned: PrunedNetwork,
    compaction: Compaction,
    crossbar_size: int,
    w_max: Mapping[str, float],
    arrangement: Arrangement | None = None,
) -> MappedNetwork:
    """Put a network onto crossbars.

    Args:
        w_max: weight that programs the highest conductance, by layer.
        arrangement: order of rows and columns within the strips; None leaves them as they are.
    """
    places, matrices = pruned.network.placements(), pruned.network.matrices()
    layers = []
    for layer in pruned.network.layers:
        name, mask, place = layer.name, pruned.masks[layer.name], places[layer.name]
        strips = strips_of(mask, place, compaction, crossbar_size)
        plan = LayerPlan(matrices[name], strips, crossbar_size, w_max[name])
        if arrangement is not None:
            plan = arrangement(plan)
        matrix, tiles, minus = matrices[name], plan.tiles(), plan.minus_tiles()
        layers.append(
            MappedLayer(name, layer.module, matrix, mask, place, tiles, plan.w_max, minus_tiles=minus)
        )
    return MappedNetwork(pruned.network, tuple(layers), crossbar_size)


def strips_of(
    mask: Tensor, placement: Placement, compaction: Compaction, crossbar_size: int
) -> tuple[Strip, ...]:
    """What T leaves of each block of a layer; nothing lies outside of its blocks.

    Args:
        mask: True where a weight lives, in original coordinates.
    """
    return tuple(
        Strip(rows[strip.rows], columns[strip.columns])
        for rows, columns in placement.blocks()
        for strip in compaction(mask[rows[:, None], columns], crossbar_size)
    )
