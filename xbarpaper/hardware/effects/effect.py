"""What an effect on devices is, where its random numbers come from, and how a published one is scaled.

An effect takes the conductances of a layer in the original coordinates of its matrix, before T, R and tiling, and gives
disturbed ones. So the same physical device meets the same disturbance whatever mitigation moves it where, and
mitigations can be compared in pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.params import Devices

Phase = Literal["lasting", "programming", "ageing", "reading"]
"""When an effect comes about: it belongs to the device for good, is drawn anew at each programming, comes with the time
since then, or is drawn anew at each reading."""


class DeviceEffect(Protocol):
    """Something that happens to the conductances of devices."""

    phase: ClassVar[Phase]

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """Conductances after the effect.

        Args:
            pair: conductances of a layer in original coordinates, shape (rows, columns) each, siemens.
            layer: name of the layer; different layers meet independent disturbances.
        """


class Switchable(DeviceEffect, Protocol):
    """An effect that the parameters switch on."""

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> DeviceEffect | None:
        """The effect as the parameters have it; None where they leave it off.

        Args:
            seed: of the chip; the same seed and layer give the same devices.
            read: number of the reading; another one meets the same devices with other read noise.
        """


@dataclass(frozen=True)
class Published:
    """What was published of an effect, in the units in which it was."""

    source: str  # where the numbers are from
    top: float  # conductance that stands for our ``g_max``, microsiemens (SONOS: current, nanoampere)
    span: tuple[
        float, float
    ]  # conductances that were measured, same unit; noise beyond them is that of the nearest end

    def acts_on(self, conductance: Tensor, g_max: float, act: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply a published law to conductances in siemens.

        Everything is relative to the highest conductance: ours counts as the published one, so the result is scaled by
        the quotient of the two.

        Args:
            conductance: siemens.
            g_max: highest programmable conductance, siemens.
            act: takes conductances and gives others, both as published.
        """
        unit = g_max / self.top
        return act(conductance / unit) * unit


def generator_of(kind: str, seed: int, layer: str) -> torch.Generator:
    """Random numbers of one effect in one layer, the same on every machine (Python's ``hash`` is not)."""
    digest = hashlib.sha256(f"{kind} {seed} {layer}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def normal(conductance: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal draws, one for each device."""
    return torch.randn(conductance.shape, generator=generator).to(conductance)
