"""Device-to-device variation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.effect import Phase, generator_of
from xbarpaper.params import Devices

_SMALLEST_FACTOR: Final = 1e-3  # a conductance stays positive, however far the normal draw falls


@dataclass(frozen=True)
class Variation:
    """Device-to-device variation: each conductance times (1 + sigma * n), n ~ N(0, 1), clipped to stay positive."""

    sigma: float  # relative standard deviation
    seed: int  # seed of the draw; the same seed and layer give the same devices
    phase: ClassVar[Phase] = "lasting"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self:
        """See ``Switchable.of``."""
        return cls(devices.variation_sigma, seed)

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = generator_of("variation", self.seed, layer)
        return pair.each(lambda conductance: self._varied(conductance, generator))

    def _varied(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        factors = 1 + self.sigma * torch.randn(conductance.shape, generator=generator)
        return conductance * factors.clamp(min=_SMALLEST_FACTOR).to(conductance)
