"""Drift: how conductances move between programming and reading, as published."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, get_args

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.effect import Phase, Published, generator_of, normal
from xbarpaper.hardware.effects.programming import polynomial
from xbarpaper.params import Devices, DriftPreset
from xbarpaper.params.names import FIRST_SECONDS
from xbarpaper.support.registry import registry

Law = Callable[[Tensor, Tensor, float], Tensor]
"""Conductances, standard normal draws and seconds since programming; gives conductances."""


@dataclass(frozen=True)
class Ageing(Published):
    """A published drift, with its law in the published unit."""

    law: Law


def powers(
    first_seconds: float, top: float, exponent: Callable[[Tensor], Tensor], spread: Callable[[Tensor], Tensor]
) -> Law:
    """G (t / t_0)^-nu with nu = abs(exponent(r) + spread(r) n) and r = G / top, at most 1.

    Args:
        first_seconds: t_0, at which the devices are as programmed.
        top: highest conductance.
        exponent, spread: mean and standard deviation of nu.
    """

    def law(G: Tensor, n: Tensor, seconds: float) -> Tensor:
        r = (G / top).clamp(max=1)
        nu = (exponent(r) + spread(r) * n).abs()
        return G * torch.exp(-nu * math.log(seconds / first_seconds))

    return law


def clipped_log(slope: float, offset: float, low: float, high: float) -> Callable[[Tensor], Tensor]:
    """slope * ln(r) + offset within low and high; ``low`` is that of large r, ``high`` that of r = 0."""
    return lambda r: (slope * r.log() + offset).clamp(low, high)


def below(
    limit: float, here: Callable[[Tensor], Tensor], beyond: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """One function below a limit, another from there on."""
    return lambda r: torch.where(r < limit, here(r), beyond(r))


def _hermes(name: DriftPreset, top: float, spread: Callable[[Tensor], Tensor], devices: str) -> Ageing:
    exponent = below(0.0945, clipped_log(-0.0387, -0.0182, 0.072, 0.13), polynomial(0.0736, -0.0126, -0.0436))
    law = powers(FIRST_SECONDS[name], top, exponent, spread)
    return Ageing(f"AIHWKit, inference/noise/hermes.py, {devices} for each sign", top, (0.0, top), law)


_CMO_SPAN: Final = (9.0, 88.2)


def _cmo(G: Tensor, n: Tensor, seconds: float) -> Tensor:
    passed = math.log(seconds)
    return (G - 0.08900206 * passed + (0.04201137 * passed + 0.41183342) * n).clamp(*_CMO_SPAN)


_PRESETS: Final[dict[DriftPreset, Ageing]] = {
    "pcm": Ageing(
        "AIHWKit, inference/noise/pcm.py, PCM of Joshi et al., Nature Communications 11 (2020)",
        25.0, (0.0, 25.0),
        powers(
            FIRST_SECONDS["pcm"], 25.0,
            clipped_log(-0.0155, 0.0244, 0.049, 0.1), clipped_log(-0.0125, -0.0059, 0.008, 0.045),
        ),
    ),
    "hermes-2": _hermes(
        "hermes-2", 20.7,
        below(0.3055, clipped_log(-0.0117, -0.0057, 0.0091, 0.04), polynomial(0.0073, 0.0093, -0.0118)),
        "two PCM devices",
    ),
    "hermes-1": _hermes(
        "hermes-1", 10.35,
        below(0.3039, clipped_log(-0.0120, -0.0023, 0.0124, 0.04), polynomial(0.0104, 0.0116, -0.0165)),
        "one PCM device",
    ),
    "rram-cmo": Ageing("AIHWKit, inference/noise/reram.py, CMO/HfOx", 88.2, _CMO_SPAN, _cmo),
}  # fmt: skip
PRESETS: Final = registry("drift", get_args(DriftPreset), _PRESETS.items())
"""The published drifts, by name."""


@dataclass(frozen=True)
class Drift:
    """Conductances as they are some time after programming; a device draws its drift once."""

    preset: DriftPreset  # name of the published drift
    seconds: float  # since programming
    devices: Devices  # range of the devices
    seed: int  # of the chip
    phase: ClassVar[Phase] = "ageing"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self | None:
        """See ``Switchable.of``."""
        preset = devices.drift
        return None if preset == "none" else cls(preset, devices.read_at_s, devices, seed)

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = generator_of("drift", self.seed, layer)
        return pair.each(lambda conductance: self._drifted(conductance, generator))

    def _drifted(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        n, published = normal(conductance, generator), PRESETS[self.preset]
        g_max = self.devices.g_max_siemens
        return published.acts_on(conductance, g_max, lambda G: published.law(G, n, self.seconds))
