"""A network in, its non-ideal twin out.

``read_out`` solves the circuits of all crossbars once; the result gives a twin for every gain mode, and the
non-ideality factor of every layer.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from xbarpaper.hardware.circuit import Parasitics, effective_conductance
from xbarpaper.hardware.conductances import DifferentialPair, weights_of
from xbarpaper.hardware.effects import DeviceEffect, calibrated_on
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork
from xbarpaper.networks.matrix import weight_of
from xbarpaper.params import Devices, Gain


@dataclass(frozen=True)
class LayerReadOut:
    """What the crossbars of one layer compute."""

    layer: MappedLayer  # the layer as mapped
    weights: Tensor  # weights that the layer shall have, by tile, shape (tiles, size, size)
    # effective conductances of both signs by tile, siemens, shape (tiles, size, size) each; those of a pair
    # in one place, that of the positive sign
    effective: DifferentialPair
    effective_weights: Tensor  # weights that they stand for, before any gain, shape (tiles, size, size)
    # (I_ideal - I_nonideal) / I_ideal of each crossbar column that holds devices, with 1 V on every row; NaN
    # on padding columns, shape (2, tiles, size), the positive sign first, where they lie
    column_factors: Tensor
    # effective weights as they were when the readout was calibrated, same shape; None where nothing has
    # changed since
    calibrated_weights: Tensor | None = None
    compensation: float = 1.0  # factor on the outputs that makes up for drift

    @property
    def tile_factors(self) -> Tensor:
        """Non-ideality factor of each crossbar: mean over its columns, shape (2, tiles)."""
        return self.column_factors.nanmean(2)

    @property
    def non_ideality_factor(self) -> float:
        """Mean of (I_ideal - I_nonideal) / I_ideal over the columns of all crossbars of the layer."""
        return float(self.column_factors.nanmean())

    def matrix(self, gain: Gain) -> Tensor:
        """Effective weights in original coordinates, calibrated; shape of the layer's matrix."""
        return self.layer.tiles.untile(self.effective_weights * self.gains(gain))

    def gains(self, gain: Gain) -> Tensor:
        """Factors of the readout; see ``gain_factors``."""
        calibrated = self.effective_weights if self.calibrated_weights is None else self.calibrated_weights
        return gain_factors(self.weights, calibrated, gain) * self.compensation

    def squared_error(self, gain: Gain) -> float:
        """Squared error of the calibrated weights over the squared weights; 0 for a layer without weights."""
        power = float(self.weights.square().sum())
        left = self.effective_weights * self.gains(gain) - self.weights
        return float(left.square().sum()) / power if power else 0.0


def gain_factors(weights: Tensor, effective: Tensor, gain: Gain) -> Tensor:
    """Least-squares factors <W, W'> / <W', W'> that calibrate the readout of a layer.

    Args:
        weights: W, weights that the layer shall have, shape (tiles, size, size).
        effective: W', weights that the crossbars stand for, same shape.
        gain: ``none`` calibrates nothing; ``layer`` has one factor for the whole layer, ``tile`` one per crossbar,
            ``column`` one per column of each crossbar, where a calibrated converter sits.

    Returns:
        Factors that broadcast against the tiles; 1 where W' is zero.
    """
    if gain == "none":
        return torch.ones(1, 1, 1, dtype=effective.dtype)
    over = {"layer": (0, 1, 2), "tile": (1, 2), "column": (1,)}[gain]
    common = (weights * effective).sum(over, keepdim=True)
    power = effective.square().sum(over, keepdim=True)
    return torch.where(power > 0, common / power, 1.0)


@dataclass(frozen=True)
class ReadOut:
    """What the crossbars of a network compute, layer by layer."""

    mapped: MappedNetwork
    layers: tuple[LayerReadOut, ...]

    @property
    def non_ideality_factor(self) -> float:
        """Mean of (I_ideal - I_nonideal) / I_ideal over the columns of all crossbars of the network."""
        return float(torch.cat([layer.column_factors.flatten() for layer in self.layers]).nanmean())

    def twin(self, gain: Gain, layers: Collection[str] | None = None) -> nn.Module:
        """A copy of the network with the effective weights in place of its own, in evaluation mode.

        Args:
            layers: names of those on crossbars, the others keep their own weights; all if not given.

        Returns:
            A module of the class of the network that was mapped.
        """
        network = copy.deepcopy(self.mapped.network)
        with torch.no_grad():
            for read in self.layers:
                if layers is None or read.layer.name in layers:
                    weight = network.get_submodule(read.layer.module).get_parameter("weight")
                    matrix = read.layer.placement.extract(read.matrix(gain))
                    weight.copy_(weight_of(matrix, weight.shape))
        return network.eval()


def read_out(
    mapped: MappedNetwork,
    devices: Devices,
    effects: Sequence[DeviceEffect],
    parasitics: Parasitics | None,
    calibrated: ReadOut | None = None,
) -> ReadOut:
    """Solve the crossbars of a network.

    The gain is that of the devices as they were when the readout was calibrated: read noise, and drift unless
    ``devices.drift_compensation`` is ``recalibrated``, come later.

    Args:
        effects: what disturbs the programmed devices, in order; none leaves them as programmed.
        parasitics: resistances of drivers, wires and sensing; None for ideal ones.
        calibrated: the same crossbars as they were when the readout was calibrated; solved here if not given.
    """
    read = _solved(mapped, devices, effects, parasitics)
    before = calibrated_on(effects, devices)
    if len(before) == len(effects):
        return read
    calibrated = calibrated or _solved(mapped, devices, before, parasitics)
    layers = []
    for now, old in zip(read.layers, calibrated.layers, strict=True):
        then = old.effective_weights
        together = devices.drift_compensation == "global"
        factor = drift_compensation(then, now.effective_weights) if together else 1.0
        layers.append(replace(now, calibrated_weights=then, compensation=factor))
    return ReadOut(mapped, tuple(layers))


def drift_compensation(before: Tensor, now: Tensor) -> float:
    """Global drift compensation: the mean size of a layer's outputs at calibration over that of today.

    Each input is driven by itself, so the outputs are the effective weights. AIHWKit, inference/compensation/drift.py.
    """
    size = float(now.abs().mean())
    return float(before.abs().mean()) / size if size else 1.0


def _solved(
    mapped: MappedNetwork, devices: Devices, effects: Sequence[DeviceEffect], parasitics: Parasitics | None
) -> ReadOut:
    programmed, disturbed = [], []
    for layer in mapped.layers:
        pair = layer.programmed(devices)
        programmed.append(array_tiles(layer, pair))
        for effect in effects:
            pair = effect.disturb(pair, layer.name)
        disturbed.append(array_tiles(layer, pair))
    stacked = torch.cat(disturbed, dim=1)
    solved = stacked if parasitics is None else effective_conductance(stacked, parasitics)
    effective = solved.split([layer.tiles.tiles for layer in mapped.layers], dim=1)
    layers = zip(mapped.layers, programmed, effective, strict=True)
    return ReadOut(mapped, tuple(_layer_read_out(*layer, devices) for layer in layers))


def array_tiles(layer: MappedLayer, pair: DifferentialPair) -> Tensor:
    """Conductances of both signs by tile, shape (2, tiles, size, size); padding holds no device."""
    return torch.stack([layer.tiles.tile(pair.plus), (layer.minus_tiles or layer.tiles).tile(pair.minus)])


def _layer_read_out(
    layer: MappedLayer, programmed: Tensor, effective: Tensor, devices: Devices
) -> LayerReadOut:
    ideal, real = programmed.sum(2), effective.sum(2)
    factors = torch.where(ideal > 0, (ideal - real) / ideal, torch.nan)
    tiles, minus = layer.tiles, effective[1]
    if layer.minus_tiles is not None:  # each device beside its partner of the other sign
        minus = tiles.tile(layer.minus_tiles.untile(minus))
    pair = DifferentialPair(effective[0], minus)
    w_max = tiles.tile(layer.w_max) if isinstance(layer.w_max, Tensor) else layer.w_max
    return LayerReadOut(layer, tiles.tile(layer.matrix), pair, weights_of(pair, devices, w_max), factors)
