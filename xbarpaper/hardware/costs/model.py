"""What a mapped network costs: conversions counted from its tiles, energies from blocks, the array from its circuit.

One image asks a layer for one matrix product per output pixel (a *vector*). Inputs come bit by bit, a *read* of every
crossbar each; weights lie on ``weight_slices`` pairs of crossbars. With r_t rows and c_t columns in use on tile t of one
sign, a vector takes ``bits x slices x 2 x sum c_t`` conversions and ``bits x slices x 2 x sum r_t`` driven rows. All
crossbars of a layer work at once; layers work one after another.

Left out: controllers, activation functions, pooling, traffic off the chip, leakage, programming, and the indices that
tell which inputs and outputs pruning kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from math import ceil, prod
from operator import add
from typing import Final

import torch

from xbarpaper.hardware.circuit.supply import mean_supply_conductance
from xbarpaper.hardware.conductances import sliced_conductances
from xbarpaper.hardware.costs import blocks
from xbarpaper.hardware.costs.blocks import ADCS, Adc
from xbarpaper.hardware.mapped import SIGNS, MappedLayer, MappedNetwork
from xbarpaper.hardware.readout import array_tiles
from xbarpaper.hardware.tiles import TileMap
from xbarpaper.networks.network import Network
from xbarpaper.params import AdcName, ColumnsCounted, Devices, HardwareCosts, Parasitics


@dataclass(frozen=True)
class Load:
    """What one image asks of the crossbars of a layer."""

    size: int  # rows and columns of a crossbar
    rows: tuple[int, ...]  # rows in use, by tile of one sign
    columns: tuple[int, ...]  # columns in use, by tile of one sign
    inputs: int  # inputs of the layer that some tile reads
    additions: int  # partial sums of tiles added per vector
    weights: int  # weights that are left, which is multiplications per vector
    vectors: int  # output pixels
    # mean current of the supplies of one read of all crossbars, both signs and all slices, over the read
    # voltage: ``mean_supply_conductance``
    supply_siemens: float


def load_of(tiles: TileMap, weights: int, vectors: int, supply_siemens: float) -> Load:
    """Count what lies on the tiles of a layer; see ``Load``. The tiles of the other sign count the same."""
    rows, columns = tiles.rows >= 0, tiles.columns >= 0
    read = torch.bincount(tiles.columns[columns], minlength=tiles.shape[1])
    return Load(
        size=tiles.size,
        rows=tuple(rows.sum(1).tolist()),
        columns=tuple(columns.sum(1).tolist()),
        inputs=len(tiles.rows[rows].unique()),
        additions=int((read - 1).clamp(min=0).sum()),
        weights=weights,
        vectors=vectors,
        supply_siemens=supply_siemens,
    )


@dataclass(frozen=True)
class LoadCosts:
    """Costs of one image on a layer, or on layers added up; energies in picojoules, areas in square micrometres."""

    crossbars: int
    macs: int
    conversions: int
    drives: int
    adc_pj: float
    driver_pj: float
    array_pj: float
    shift_add_pj: float
    sample_hold_pj: float
    accumulate_pj: float
    input_buffer_pj: float
    input_wire_pj: float
    output_buffer_pj: float
    sum_wire_pj: float
    adc_um2: float
    driver_um2: float
    array_um2: float
    latency_ns: float

    def __add__(self, other: LoadCosts) -> LoadCosts:
        return LoadCosts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def parts_pj(self) -> dict[str, float]:
        """Energy in five parts that add up to the whole: converters, drivers, array, digital, buffers and wires."""
        digital = self.shift_add_pj + self.sample_hold_pj + self.accumulate_pj
        moved = self.input_buffer_pj + self.input_wire_pj + self.output_buffer_pj + self.sum_wire_pj
        parts = {"adc": self.adc_pj, "driver": self.driver_pj, "array": self.array_pj}
        return parts | {"digital": digital, "memory": moved}

    @property
    def energy_pj(self) -> float:
        """Energy of one image."""
        return sum(self.parts_pj.values())

    @property
    def area_um2(self) -> float:
        """Area of converters, drivers and arrays."""
        return self.adc_um2 + self.driver_um2 + self.array_um2


def load_costs(
    load: Load, settings: HardwareCosts, adc: Adc, counted: ColumnsCounted, latency: str = "overlapped"
) -> LoadCosts:
    """Energy, area and latency of one image on the crossbars of a layer.

    Args:
        counted: ``used`` skips empty columns; ``all`` converts every column of every crossbar.
    """
    bits, slices, size = settings.input_bits, settings.weight_slices, load.size
    crossbars = SIGNS * slices * len(load.rows)
    adcs = ceil(size / settings.columns_per_adc)
    per_read = load.vectors * bits * slices * SIGNS
    columns = sum(load.columns) if counted == "used" else size * len(load.columns)
    conversions, drives = per_read * columns, per_read * sum(load.rows)
    read_in = load.vectors * bits
    outputs = load.vectors * (sum(load.columns) - load.additions)
    most = max(load.columns, default=0) if counted == "used" else size
    conversion_ns = adc.conversion_ns(settings.adc_bits)
    times = Times(bits, ceil(most / adcs), settings.read_ns, conversion_ns, settings.adc_bits)
    joules = settings.read_volt**2 * load.supply_siemens * settings.read_ns * 1e-9
    return LoadCosts(
        crossbars=crossbars,
        macs=load.vectors * load.weights,
        conversions=conversions,
        drives=drives,
        adc_pj=conversions * adc.energy_pj(settings.adc_bits),
        driver_pj=drives * blocks.DRIVER.value * settings.driver_ns * 1e-3,
        array_pj=load.vectors * bits * joules * 1e12,
        shift_add_pj=conversions * blocks.SHIFT_ADD.value,
        sample_hold_pj=conversions * blocks.SAMPLE_HOLD.value,
        accumulate_pj=load.vectors * load.additions * blocks.SUM_BITS.value * blocks.ADDER.value,
        input_buffer_pj=read_in * load.inputs * blocks.BUFFER.value,
        input_wire_pj=read_in * slices * sum(load.rows) * blocks.WIRE.value,
        output_buffer_pj=outputs * blocks.OUTPUT_BITS.value * blocks.BUFFER.value,
        sum_wire_pj=load.vectors * sum(load.columns) * blocks.SUM_BITS.value * blocks.WIRE.value,
        adc_um2=crossbars * adcs * adc.area_um2(settings.adc_bits),
        driver_um2=crossbars * size * blocks.DRIVER_AREA.value,
        array_um2=crossbars * size**2 * blocks.CELL_AREA.value,
        latency_ns=load.vectors * LATENCIES[latency](times),
    )


@dataclass(frozen=True)
class Times:
    """What the time of a vector follows from: input bits, conversions one after another in a read, times in ns."""

    input_bits: int
    conversions: int
    read_ns: float
    conversion_ns: float
    adc_bits: int


LATENCIES: Final[dict[str, Callable[[Times], float]]] = {
    "overlapped": lambda t: t.input_bits * max(t.read_ns, t.conversions * t.conversion_ns),
    "sequential": lambda t: t.input_bits * (t.read_ns + t.conversions * t.conversion_ns),
    "MNSIM": lambda t: t.input_bits * t.conversions * (3 + 3.16 + (t.adc_bits + 2) / 1.28),
    "NeuroSim": lambda t: t.input_bits * t.conversions * (t.adc_bits + 1),
}
"""Time of a vector, ns: conversions of one read during the next read, or after it; and the rules of two simulators,
MNSIM 2.0 (driver 3 ns, read 3.16 ns and converter anew for each conversion) and NeuroSim 1.4 (its converter alone)."""


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
    supplies = (_supply(layer, settings, devices, parasitics) for layer in mapped.layers)
    return tuple(
        load_of(layer.tiles, int(layer.mask.sum()), pixels[layer.name], supply)
        for layer, supply in zip(mapped.layers, supplies, strict=True)
    )


def _supply(
    layer: MappedLayer, settings: HardwareCosts, devices: Devices, parasitics: Parasitics | None
) -> float:
    """``Load.supply_siemens`` of a layer."""
    how = settings.weight_bits, settings.weight_slices
    cut = sliced_conductances(layer.programmed_weights, devices, layer.w_max, *how)
    arrays = torch.cat([array_tiles(layer, pair).flatten(0, 1) for pair in cut])
    return float(mean_supply_conductance(arrays, parasitics, settings.active_inputs).sum())


def summed(
    networks_loads: Sequence[Load],
    settings: HardwareCosts,
    adc: AdcName,
    columns: ColumnsCounted,
    latency: str = "overlapped",
) -> LoadCosts:
    """Costs of one image on all layers, one after another; see ``load_costs``."""
    return reduce(add, (load_costs(load, settings, ADCS[adc], columns, latency) for load in networks_loads))
