"""Writing a device in training: what it makes of a change that is asked of it.

The curve is exponential and asymmetric, one for each direction. With s = (G - g_min) / (g_max - g_min) and p the share of
the pulses that lead from one end of the range to the other,

    rising:   s = (1 - exp(-nu p)) / (1 - exp(-nu)),      falling: 1 - s = (1 - exp(-nu p)) / (1 - exp(-nu)).

That is the curve of NeuroSim's training models (nu is its pulses over its A). The controller believes in a straight line,
so it gives |change| / (g_max - g_min) pulses, from wherever on the curve the device is. Each pulse adds noise of its own,
so the variance of a write grows with the number of its pulses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from xbarpaper.params import Devices

_STRAIGHT: Final = 1e-9  # a curve that only rounding would tell from a line


@dataclass(frozen=True)
class Write:
    """How devices are written."""

    nonlinearity: float = 0.0  # nu of the curve; 0 is a straight line
    # standard deviation of a write across the whole range, relative to it; a shorter one has as much times
    # the root of its share
    noise: float = 0.0

    def __call__(
        self, conductance: Tensor, change: Tensor, devices: Devices, generator: torch.Generator
    ) -> Tensor:
        """Conductances after a write, between ``g_min`` and ``g_max``; a device that is asked for nothing stays.

        Args:
            conductance: before it, siemens, any shape.
            change: what is asked for, siemens, same shape.
            generator: of the noise, on the CPU; advanced where there is any.
        """
        low, high = devices.g_min_siemens, devices.g_max_siemens
        pulses = change.abs() / (high - low)
        step = pulses
        if self.nonlinearity > _STRAIGHT:
            share = ((conductance - low) / (high - low)).clamp(0, 1)
            done = torch.where(change > 0, share, 1 - share)  # of the way to the end that the change leads to
            end = -1 / math.expm1(-self.nonlinearity)
            step = (done - end) * torch.expm1(-self.nonlinearity * pulses)
        step = step * change.sign()
        if self.noise:
            drawn = torch.randn(step.shape, generator=generator).to(step)
            step = step + self.noise * pulses.sqrt() * drawn
        return (conductance + (high - low) * step).clamp(low, high)
