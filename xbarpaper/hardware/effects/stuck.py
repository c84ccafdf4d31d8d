"""Stuck devices: some stay at one end of the range whatever is programmed, one by one or in clusters.

They are named by their conductance, ``stuck_low`` and ``stuck_high``, because tools disagree on which of the two "stuck
at 0" is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.effect import Phase, generator_of
from xbarpaper.params import Devices


@dataclass(frozen=True)
class Stuck:
    """Devices stuck at g_min or g_max; nothing that happened to them before counts.

    A cluster is a square of devices around a centre, all stuck alike. Centres fall anywhere with equal chance, so each
    device is stuck with the given chances whatever the side. Clusters are drawn in the original coordinates of the
    matrix like everything else; rearrangement may take them apart. A larger chance of ``high`` keeps every device that
    a smaller one gave.
    """

    # low, high: chances that a device is stuck at g_min and at g_max
    low: float
    high: float
    side: int  # rows and columns of a cluster; 1 strikes each device by itself
    devices: Devices  # range of the devices
    seed: int  # of the chip
    phase: ClassVar[Phase] = "lasting"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self | None:
        """See ``Switchable.of``."""
        low, high = devices.stuck_low, devices.stuck_high
        return cls(low, high, devices.stuck_side, devices, seed) if low or high else None

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = generator_of("stuck", self.seed, layer)
        return pair.each(lambda conductance: self._struck(conductance, generator))

    def _struck(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        drawn = self._chances((conductance.shape[0], conductance.shape[1]), generator)
        struck = conductance.masked_fill(drawn < self.high, self.devices.g_max_siemens)
        at_low = (drawn >= self.high) & (drawn < self.high + self.low)
        return struck.masked_fill(at_low, self.devices.g_min_siemens)

    def _chances(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Uniform between 0 and 1 at each device, and alike within clusters."""
        side, (rows, columns) = self.side, shape
        centres = torch.rand(rows + side - 1, columns + side - 1, generator=generator, dtype=torch.float64)
        least = -functional.max_pool2d(-centres[None], side, stride=1)[0]
        # The least of m uniform numbers u is below x with the chance 1 - (1 - x)^m, so this is uniform again.
        return -torch.expm1(side**2 * torch.log1p(-least))
