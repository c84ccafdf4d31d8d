"""Finite levels: devices that can be programmed to some conductances only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.effect import Phase
from xbarpaper.params import Devices


@dataclass(frozen=True)
class Levels:
    """Each conductance goes to the nearest of so many, evenly spaced, both ends of the range among them.

    Halfway between two, the even one is taken, as CrossSim does. Whoever knows the levels knows what they do.
    """

    levels: int  # how many, at least 2
    devices: Devices  # range of the devices
    phase: ClassVar[Phase] = "lasting"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self | None:
        """See ``Switchable.of``."""
        return None if devices.levels == "any" else cls(devices.levels, devices)

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        return pair.each(self._nearest)

    def _nearest(self, conductance: Tensor) -> Tensor:
        low, high = self.devices.g_min_siemens, self.devices.g_max_siemens
        step = (high - low) / (self.levels - 1)
        return low + step * ((conductance - low) / step).round().clamp(0, self.levels - 1)
