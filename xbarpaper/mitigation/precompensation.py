"""Precompensation: program other weights than wanted, such that the crossbars compute the wanted ones.

Wires, drivers and devices are linear, so what a crossbar computes is known once its circuit is solved. What it misses of
a weight is added to the weight that its devices are programmed to, the circuit is solved again, and so on:

    T_0 = W,    T_{n+1} = clip(T_n + W - gain W'(T_n), -w_max, w_max).

A device acts on its own weight far more than its neighbours do, so a few rounds suffice; what stays is where the range of
the devices ends. No image is shown. Known as conversion of weights to conductances for wires alone (the Dot-Product
Engine, DAC 2016); where each device of a chip has been read out, its own deviation is cancelled with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import torch

from xbarpaper.hardware.effects import DeviceEffect
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.readout import ReadOut, read_out
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.params import Devices, Gain, Parasitics

if TYPE_CHECKING:  # so that finished rows and resume files outlive a new section
    from xbarpaper.params import Params


@dataclass(frozen=True)
class Precompensation:
    """Programs the devices of a network such that the crossbars compute its weights."""

    devices: Devices  # range of the devices
    parasitics: Parasitics  # resistances of drivers, wires and sensing
    gain: Gain  # calibration of the readout
    rounds: int  # solutions of the circuits, each followed by a correction

    @classmethod
    def of(cls, params: Params) -> Precompensation:
        """As the parameters say."""
        return cls(params.devices, params.circuit, params.readout.gain, params.beyond.compensation_rounds)

    def program(self, mapped: MappedNetwork, effects: Sequence[DeviceEffect]) -> MappedNetwork:
        """The same network with other targets.

        Args:
            effects: what is known of the devices: none takes them as nominal, those of a chip cancel its own. They must
                be the same whatever a device is programmed to.
        """
        for _ in range(self.rounds):
            read = read_out(mapped, self.devices, effects, self.parasitics)
            mapped = self._corrected(read)
        return mapped

    def digest(self) -> str:
        """A text that differs where the targets differ."""
        return repr(self)

    def _corrected(self, read: ReadOut) -> MappedNetwork:
        layers = []
        for one in read.layers:
            layer = one.layer
            wanted = layer.programmed_weights + layer.matrix - one.matrix(self.gain)
            limit = torch.as_tensor(layer.w_max, dtype=wanted.dtype)
            layers.append(replace(layer, targets=wanted.clamp(-limit, limit)))
        return replace(read.mapped, layers=tuple(layers))


@dataclass(frozen=True)
class Compensated:
    """Takes devices as nominal, so that one calculation serves all chips, or cancels each chip's deviations too."""

    each_chip: bool = False

    def programming(self, params: Params) -> Precompensation:
        """See ``Programs.programming``."""
        return Precompensation.of(params)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        rounds = params.beyond.compensation_rounds
        return Costs(chip_solutions=rounds) if self.each_chip else Costs(circuit_solutions=rounds)


PC: Final = Mitigation("PC", programs=Compensated())
PC_CHIP: Final = Mitigation("PC/chip", programs=Compensated(each_chip=True))
