"""Crossbars between converters: inputs bit by bit, currents clipped and rounded, partial sums added digitally.

A layer's forward pass goes tile by tile. The inputs of a layer are rounded to ``input_bits`` bits of their magnitude
(their sign is that of the voltage) and applied ``dac_bits`` at a time; each column of each tile, sign and slice is
converted in each of these reads, and all that follows is digital:

    y_j = sum over tiles, signs, slices s and reads k of  factor_j (+-) 2^(b_slice s) 2^(b_dac k) ADC(I_jsk).

With ideal converters this is the product with the folded effective weights, but for rounding, because the circuit is
linear.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from xbarpaper.hardware.circuit import Parasitics, effective_conductance
from xbarpaper.hardware.conductances import slice_bits, sliced_conductances
from xbarpaper.hardware.effects import DeviceEffect
from xbarpaper.hardware.mapped import SIGNS, MappedLayer, MappedNetwork
from xbarpaper.hardware.readout import gain_factors
from xbarpaper.hardware.tiles import NO_DEVICE
from xbarpaper.params import Devices, Gain, RangeScope

IDEAL: Final = 0
"""Bits of a converter that rounds nothing."""

_SAMPLED_VECTORS: Final = 256  # of a layer's inputs, whose currents set the ranges of its converters


@dataclass(frozen=True)
class Converters:
    """What stands before the rows and behind the columns of a crossbar."""

    input_bits: int = IDEAL  # of an input's magnitude; ``IDEAL`` applies it as it is, in one read
    dac_bits: int = 1  # applied in one read; must divide ``input_bits``
    adc_bits: int = IDEAL  # of a conversion; ``IDEAL`` takes the current as it is
    # of the currents on calibration images that becomes the upper end of a converter's range; the lower end
    # is that of one minus it
    quantile: float = 1.0
    scope: RangeScope = "tile"  # what shares a range

    @property
    def reads(self) -> int:
        """Reads of one input."""
        return self.input_bits // self.dac_bits if self.input_bits else 1


def digits(values: Tensor, converters: Converters) -> Iterator[tuple[Tensor, float]]:
    """What is applied in each read, and what it counts.

    Args:
        values: whole numbers with their sign, or ideal inputs; they are overwritten.

    Yields:
        Digits with the sign of their number, shape of ``values``, good until the next are asked for.
    """
    if not converters.input_bits:
        yield values, 1.0
        return
    left, digit, base = values, torch.empty_like(values), float(2**converters.dac_bits)
    for read in range(converters.reads):
        left, digit = torch.mul(left, 1 / base, out=digit).trunc_(), left
        yield digit.sub_(left, alpha=base), base**read


@dataclass(frozen=True)
class Arrays:
    """Tiles that are driven by the same rows: one matrix product."""

    rows: Tensor  # row of the layer's input that drives each of them, shape (r,)
    columns: Tensor  # column of the layer's output to which each column adds, shape (c,)
    tiles: Tensor  # number of the tile, of all signs and slices, that each column lies on, shape (c,)
    conductance: Tensor  # effective conductances, siemens, shape (r, c)
    factor: Tensor  # what a column's current counts, shape (c,)


class CrossbarLayer(nn.Module):
    """A convolution or linear layer on crossbars with converters, in place of the digital one; on the processor."""

    def __init__(self, module: nn.Module, arrays: Sequence[Arrays], converters: Converters) -> None:
        super().__init__()
        if not isinstance(module, nn.Conv2d | nn.Linear):
            raise TypeError(f"a {type(module).__name__} is no layer of crossbars")
        if isinstance(module, nn.Conv2d) and (
            isinstance(module.padding, str) or module.padding_mode != "zeros"
        ):
            raise ValueError(f"{module} is not read tile by tile: its padding must be of zeros, in numbers")
        self.geometry = module
        self.arrays = tuple(arrays)
        self.converters = converters
        self.calibrating = False
        self.largest = 1.0
        self.ranges: list[tuple[Tensor, Tensor]] = []
        # Inputs in the order of the groups, so that each group's are a view.
        self.order = torch.cat([one.rows for one in arrays])
        self.offsets = np.cumsum([0, *(len(one.rows) for one in arrays)]).tolist()

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """The layer's outputs, shape as the digital layer gives it."""
        module = self.geometry
        if isinstance(module, nn.Linear):
            return self._biased(self._product(features))
        padding = tuple(map(int, module.padding))
        unfolded = nn.functional.unfold(features, module.kernel_size, module.dilation, padding, module.stride)
        images, rows, pixels = unfolded.shape
        found = self._biased(self._product(unfolded.transpose(1, 2).reshape(-1, rows)))
        reach = module.dilation[0] * (module.kernel_size[0] - 1) + 1
        side = (features.shape[2] + 2 * padding[0] - reach) // module.stride[0] + 1
        return found.reshape(images, side, pixels // side, -1).permute(0, 3, 1, 2)

    def _biased(self, outputs: Tensor) -> Tensor:
        return outputs if self.geometry.bias is None else outputs + self.geometry.bias

    def _product(self, inputs: Tensor) -> Tensor:
        """Outputs (vectors, columns) of inputs (vectors, rows)."""
        converters = self.converters
        if self.calibrating:
            self.largest = max(float(inputs.abs().max()), torch.finfo(inputs.dtype).tiny)
        unit = 1.0
        if converters.input_bits:
            most = 2**converters.input_bits - 1
            unit = self.largest / most
            inputs = (inputs / unit).round().clamp(-most, most)
        driven = inputs[:, self.order]
        if self.calibrating:
            self.ranges = self._ranges(driven)
        outputs = inputs.new_zeros(len(inputs), self.geometry.weight.shape[0])
        exact = self.calibrating or not converters.adc_bits
        sums: list[Tensor] = []
        for digit, counts in digits(driven, converters):
            for number, (group, one) in enumerate(zip(self._groups(digit), self.arrays, strict=True)):
                found = self._codes(group, one, number, exact)
                if len(sums) <= number:
                    sums.append(found.mul_(counts))
                else:
                    sums[number].add_(found, alpha=counts)
        total = sum(2.0 ** (read * converters.dac_bits) for read in range(converters.reads))
        for number, (summed, one) in enumerate(zip(sums, self.arrays, strict=True)):
            if not exact:
                low, step = self._levels(number)
                summed.mul_(step).add_(low, alpha=total)
            outputs.index_add_(1, one.columns, summed.mul_(one.factor * unit))
        return outputs

    def _groups(self, driven: Tensor) -> list[Tensor]:
        ends = zip(self.offsets, self.offsets[1:], strict=False)
        return [driven[:, first:last] for first, last in ends]

    def _levels(self, number: int) -> tuple[Tensor, Tensor]:
        low, high = self.ranges[number]
        return low, (high - low) / (2**self.converters.adc_bits - 1)

    def _codes(self, driven: Tensor, one: Arrays, number: int, exact: bool) -> Tensor:
        """Currents of a read, or the codes of converters: ``2^bits`` levels, the ends of the range included."""
        if exact:
            return driven @ one.conductance
        low, step = self._levels(number)
        per = torch.where(step > 0, 1 / step, 0.0)
        found = torch.addmm(-low * per, driven, one.conductance * per)
        return found.round_().clamp_(0, 2**self.converters.adc_bits - 1)

    def _ranges(self, driven: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Ends of the converters' ranges, by group, for each column."""
        few = driven[:: max(1, len(driven) // _SAMPLED_VECTORS)].clone()
        reads = [digit.clone() for digit, _ in digits(few, self.converters)]
        by_group = [
            torch.cat([self._groups(digit)[number] @ one.conductance for digit in reads])
            for number, one in enumerate(self.arrays)
        ]
        currents, tiles = torch.cat(by_group, 1), torch.cat([one.tiles for one in self.arrays])
        counts = [len(one.columns) for one in self.arrays]
        upper = self.converters.quantile
        ends = (self._quantiles(currents, tiles, q).split(counts) for q in (1 - upper, upper))
        return list(zip(*ends, strict=True))

    def _quantiles(self, currents: Tensor, tiles: Tensor, q: float) -> Tensor:
        """A quantile of currents (samples, columns) over what shares a range, for each column."""
        values = currents.numpy()
        if self.converters.scope == "column":
            return torch.from_numpy(np.quantile(values, q, axis=0)).to(currents)
        if self.converters.scope == "layer":
            return torch.full((values.shape[1],), float(np.quantile(values, q)))
        result = torch.empty(values.shape[1])
        for tile in tiles.unique().tolist():
            own = (tiles == tile).numpy()
            result[torch.from_numpy(own)] = float(np.quantile(values[:, own], q))
        return result


@dataclass(frozen=True)
class Slicing:
    """How weights are cut: bits of a weight, sign included, and slices; one slice is an analog weight."""

    weight_bits: int = 8
    slices: int = 1


def arrays_of(
    layer: MappedLayer,
    devices: Devices,
    effects: Sequence[DeviceEffect],
    parasitics: Parasitics | None,
    slicing: Slicing,
    gain: Gain,
) -> list[Arrays]:
    """Solve the crossbars of a layer, and group them by the rows that drive them.

    Args:
        effects: what disturbs the programmed devices, each slice by itself.
        parasitics: resistances of drivers, wires and sensing; None for ideal ones.
        gain: digital calibration of the readout, by the folded weights.

    Raises:
        ValueError: the layer is a grouped convolution, or its signs or crossbars have orders or ranges of their own.
    """
    if layer.placement.groups > 1:
        raise ValueError(f"layer {layer.name}: a grouped convolution is not read tile by tile")
    if layer.minus_tiles is not None or isinstance(layer.w_max, Tensor):
        raise ValueError(f"layer {layer.name}: converters need both signs alike, and one w_max for the layer")
    tiles = layer.tiles
    how = slicing.weight_bits, slicing.slices
    cut = sliced_conductances(layer.programmed_weights, devices, layer.w_max, *how)
    stacked = []
    for number, pair in enumerate(cut):
        name = layer.name if number == 0 else f"{layer.name}, slice {number}"
        for effect in effects:
            pair = effect.disturb(pair, name)
        stacked.append(torch.stack([tiles.tile(pair.plus), tiles.tile(pair.minus)]))
    G = torch.stack(stacked)  # (slices, 2, tiles, size, size)
    if parasitics is not None and tiles.tiles:
        G = effective_conductance(G, parasitics)
    weights = _weights_per_siemens(layer, devices, slicing).to(G)[:, None] * torch.tensor([1.0, -1.0]).to(G)
    folded = (G * weights[:, :, None, None, None]).sum((0, 1))
    factors = gain_factors(tiles.tile(layer.matrix), folded, gain).expand(tiles.tiles, 1, tiles.size)[:, 0]
    own_row, own_column = _own_places(layer)
    arrays = []
    for rows, numbers in _alike(tiles.rows).items():
        columns, tile, conductance, factor = [], [], [], []
        driven = torch.tensor(rows) >= 0
        for number in numbers:
            kept = tiles.columns[number] >= 0
            for index in range(SIGNS * slicing.slices):
                part, sign = divmod(index, SIGNS)
                columns.append(own_column[tiles.columns[number][kept]])
                tile.append(torch.full((int(kept.sum()),), number * SIGNS * slicing.slices + index))
                conductance.append(G[part, sign, number][driven][:, kept])
                factor.append(weights[part, sign] * factors[number][kept])
        own = own_row[torch.tensor(rows)[driven]]
        together = torch.cat(conductance, 1).float(), torch.cat(factor).float()
        arrays.append(Arrays(own, torch.cat(columns), torch.cat(tile), *together))
    return arrays


def on_crossbars(mapped: MappedNetwork, arrays: dict[str, list[Arrays]], converters: Converters) -> nn.Module:
    """A copy of a network whose layers go through converters, in evaluation mode; without ranges: see ``calibrate``.

    Args:
        arrays: what ``arrays_of`` gives, by layer; a layer without weights stays digital.
    """
    network = copy.deepcopy(mapped.network)
    for layer in mapped.layers:
        if arrays[layer.name]:
            place, _, name = layer.module.rpartition(".")
            module = CrossbarLayer(network.get_submodule(layer.module), arrays[layer.name], converters)
            setattr(network.get_submodule(place), name, module)
    return network.eval()


def calibrate(network: nn.Module, images: Tensor) -> None:
    """Set the ranges of inputs and converters from images; every layer sees what ideal converters give it.

    Args:
        network: what ``on_crossbars`` gives; changed in place.
        images: normalised training images, shape (n, 3, h, w).
    """
    layers = crossbar_layers(network)
    for layer in layers:
        layer.calibrating = True
    with torch.inference_mode():
        network(images)
    for layer in layers:
        layer.calibrating = False


def set_adc_bits(network: nn.Module, bits: int) -> None:
    """Give all converters of a calibrated network another number of bits; their ranges stay."""
    for layer in crossbar_layers(network):
        layer.converters = replace(layer.converters, adc_bits=bits)


def crossbar_layers(network: nn.Module) -> list[CrossbarLayer]:
    """The layers of a network that are on crossbars with converters."""
    return [module for module in network.modules() if isinstance(module, CrossbarLayer)]


def _weights_per_siemens(layer: MappedLayer, devices: Devices, slicing: Slicing) -> Tensor:
    """Weight that a siemens of each slice stands for, shape (slices,)."""
    assert not isinstance(layer.w_max, Tensor)
    unit = layer.w_max / (devices.g_max_siemens - devices.g_min_siemens)
    if slicing.slices == 1:
        return torch.tensor([unit], dtype=torch.float64)
    bits = slice_bits(slicing.weight_bits, slicing.slices)
    places = 2.0 ** (bits * torch.arange(slicing.slices, dtype=torch.float64))
    result: Tensor = unit * (2**bits - 1) / (2 ** (slicing.weight_bits - 1) - 1) * places
    return result


def _own_places(layer: MappedLayer) -> tuple[Tensor, Tensor]:
    """Row and column of the network's own matrix for each original row and column."""
    found = []
    place = layer.placement
    for places, full in zip((place.rows[0], place.columns[0]), place.full_shape, strict=True):
        own = torch.full((full,), NO_DEVICE)
        own[places] = torch.arange(len(places))
        found.append(own)
    return found[0], found[1]


def _alike(rows: Tensor) -> dict[tuple[int, ...], list[int]]:
    """Numbers of the tiles that the same rows drive."""
    found: dict[tuple[int, ...], list[int]] = {}
    for number, own in enumerate(rows.tolist()):
        found.setdefault(tuple(own), []).append(number)
    return found
