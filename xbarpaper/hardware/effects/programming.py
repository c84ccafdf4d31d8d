"""Programming noise: how far a device ends from the conductance that was asked for, as published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, get_args

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.effect import Phase, Published, generator_of, normal
from xbarpaper.params import Devices, ProgrammingPreset
from xbarpaper.support.registry import registry


@dataclass(frozen=True)
class Spread(Published):
    """A published programming noise."""

    sigma: Callable[[Tensor], Tensor]  # standard deviation at a conductance, both in the published unit


def polynomial(*coefficients: float) -> Callable[[Tensor], Tensor]:
    """c_0 + c_1 x + c_2 x^2 + ..."""

    def value(x: Tensor) -> Tensor:
        result = torch.zeros_like(x)
        for one in reversed(coefficients):
            result = result * x + one
        return result

    return value


def _in_shares(source: str, top: float, *coefficients: float) -> Spread:
    """A polynomial in G / top."""
    of_share = polynomial(*coefficients)
    return Spread(source, top, (0.0, top), lambda G: of_share(G / top))


_AIHWKIT: Final = "AIHWKit, inference/noise/"
_CROSSSIM: Final = "CrossSim, simulator/devices/custom/"
_WAN: Final = f"{_AIHWKIT}reram.py, RRAM of Wan et al., Nature 608 (2022),"
_SONOS_NANOAMPERE: Final = (19.88665, 176.3115)

_PRESETS: Final[dict[ProgrammingPreset, Spread]] = {
    "pcm": _in_shares(
        f"{_AIHWKIT}pcm.py, PCM of Joshi et al., Nature Communications 11 (2020)",
        25.0, 0.26348, 1.9650, -1.1731,
    ),
    "pcm-crosssim": Spread(
        f"{_CROSSSIM}PCM_Joshi.py, the same devices", 25.0, (0.0, 25.0),
        polynomial(0.28638599, 0.07585724, -0.00178767),
    ),
    "hermes-2": _in_shares(
        f"{_AIHWKIT}hermes.py, two PCM devices for each sign",
        20.7, 0.16603222, 4.71806468, -8.48101252, 4.68961419,
    ),
    "hermes-1": _in_shares(
        f"{_AIHWKIT}hermes.py, one PCM device for each sign",
        10.35, 0.15781817, 2.32443916, -2.16310839, 0.68841818,
    ),
    "rram-wan-1s": _in_shares(f"{_WAN} after 1 s", 40.0, 0.348, 16.030, -43.853, 45.393, -16.815),
    "rram-wan-1d": _in_shares(f"{_WAN} after 1 day", 40.0, 0.701, 22.086, -50.773, 47.095, -16.458),
    "rram-wan-2d": _in_shares(f"{_WAN} after 2 days", 40.0, 0.782, 20.274, -43.507, 37.062, -11.934),
    "rram-wan-crosssim": Spread(
        f"{_CROSSSIM}RRAM_Wan.py, the same devices", 39.26, (0.0, 39.26),
        polynomial(1.053, 0.2374, -1.167e-2, 1.536e-4),
    ),
    "rram-milo": Spread(
        f"{_CROSSSIM}RRAM_Milo.py, RRAM of Milo et al., IRPS 2021", 225.0, (50.0, 225.0),
        polynomial(4.782321, -0.009107),
    ),
    "rram-cmo": Spread(
        f"{_AIHWKIT}reram.py, CMO/HfOx, acceptance range 2 %", 88.2, (9.0, 88.2),
        polynomial(0.0112185391, 0.01129027418),
    ),
    "sonos": Spread(
        f"{_CROSSSIM}SONOS.py, SONOS of Agrawal et al., IEDM 2022, as programmed", 1600.0, (0.0, 1600.0),
        lambda G: _SONOS_NANOAMPERE[0] * -torch.expm1(-G / _SONOS_NANOAMPERE[1]),
    ),
}  # fmt: skip
PRESETS: Final = registry("programming noise", get_args(ProgrammingPreset), _PRESETS.items())
"""The published programming noises, by name."""


@dataclass(frozen=True)
class ProgrammingNoise:
    """Adds factor * sigma(G) * n to each conductance, n ~ N(0, 1); none falls below zero."""

    preset: ProgrammingPreset  # name of the published noise
    factor: float  # on its standard deviation
    devices: Devices  # range of the devices
    seed: int  # of the chip
    phase: ClassVar[Phase] = "programming"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self | None:
        """See ``Switchable.of``."""
        preset = devices.programming_noise
        return None if preset == "none" else cls(preset, devices.programming_factor, devices, seed)

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = generator_of("programming", self.seed, layer)
        return pair.each(lambda conductance: self._noisy(conductance, generator))

    def _noisy(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        noise = PRESETS[self.preset]
        g_max = self.devices.g_max_siemens
        sigma = noise.acts_on(conductance, g_max, lambda G: noise.sigma(G.clamp(*noise.span)))
        return (conductance + self.factor * sigma * normal(conductance, generator)).clamp(min=0)
