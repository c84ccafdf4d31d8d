"""What disturbs a programmed conductance: one class for each effect.

An effect takes the conductances of a layer in the original coordinates of its matrix, before T, R and tiling, and gives
disturbed ones. So the same physical device meets the same disturbance whatever mitigation moves it where, and
mitigations can be compared in pairs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair

_SMALLEST_FACTOR = 1e-3  # a conductance stays positive, however far the normal draw falls


class DeviceEffect(Protocol):
    """Something that happens to devices once they are programmed."""

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """Conductances after the effect.

        Args:
            pair: conductances of a layer in original coordinates, shape (rows, columns) each, siemens.
            layer: name of the layer; different layers meet independent disturbances.
        """
        ...


@dataclass(frozen=True)
class Variation:
    """Device-to-device variation: each conductance times (1 + sigma * n), n ~ N(0, 1), clipped to stay positive.

    Attributes:
        sigma: relative standard deviation.
        seed: seed of the draw; the same seed and layer give the same devices.
    """

    sigma: float
    seed: int

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = torch.Generator().manual_seed(_stream(self.seed, layer))
        return DifferentialPair(self._varied(pair.plus, generator), self._varied(pair.minus, generator))

    def _varied(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        factors = 1 + self.sigma * torch.randn(conductance.shape, generator=generator)
        return conductance * factors.clamp(min=_SMALLEST_FACTOR).to(conductance)


def _stream(seed: int, layer: str) -> int:
    """A seed of its own for each layer, the same on every machine (Python's ``hash`` is not)."""
    digest = hashlib.sha256(f"variation {seed} {layer}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
