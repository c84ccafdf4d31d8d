"""Read noise: conductances differ from one reading to the next, the more the longer ago they were programmed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, get_args

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects.drift import below, clipped_log
from xbarpaper.hardware.effects.effect import Phase, Published, generator_of, normal
from xbarpaper.hardware.effects.programming import polynomial
from xbarpaper.params import Devices, ReadPreset
from xbarpaper.support.registry import registry


@dataclass(frozen=True)
class Flicker(Published):
    """A published read noise."""

    # standard deviation at a conductance and at seconds since programming, in the published unit
    sigma: Callable[[Tensor, float], Tensor]


def one_over_f(
    of_share: Callable[[Tensor], Tensor], top: float, read_seconds: float
) -> Callable[[Tensor, float], Tensor]:
    """Noise of spectrum 1/f: G Q(G / top) sqrt(ln((t + t_read) / (2 t_read))).

    Args:
        top: highest conductance.
        read_seconds: t_read, what a reading takes.
    """
    return lambda G, seconds: G * of_share(G / top) * _grown(seconds, read_seconds)


def _grown(seconds: float, read_seconds: float) -> float:
    return math.sqrt(math.log((seconds + read_seconds) / (2 * read_seconds)))


def _hermes(top: float, of_share: Callable[[Tensor], Tensor], devices: str) -> Flicker:
    source = f"AIHWKit, inference/noise/hermes.py, {devices} for each sign"
    return Flicker(source, top, (0.0, top), one_over_f(of_share, top, 512e-9))


_SONOS_NANOAMPERE: Final = (12.58037, 215.36557)

_PRESETS: Final[dict[ReadPreset, Flicker]] = {
    "pcm": Flicker(
        "AIHWKit, inference/noise/pcm.py, PCM of Joshi et al., Nature Communications 11 (2020)",
        25.0, (0.0, 25.0),
        one_over_f(lambda r: (0.0088 / r.pow(0.65).clamp(min=1e-3)).clamp(max=0.2), 25.0, 250e-9),
    ),
    "hermes-2": _hermes(
        20.7,
        below(0.16, clipped_log(-0.0117, -0.0069, 0.015, 0.04), polynomial(0.0123, 0.0211, -0.0280, 0.0069)),
        "two PCM devices",
    ),
    "hermes-1": _hermes(
        10.35,
        below(0.1591, clipped_log(-0.0078, 0.0038, 0.0179, 0.04), polynomial(0.0088, 0.0768, -0.1352, 0.0664)),
        "one PCM device",
    ),
    "rram-cmo": Flicker(
        "AIHWKit, inference/noise/reram.py, CMO/HfOx", 88.2, (9.0, 88.2),
        lambda G, seconds: 0.0277316483 * G.log10() * _grown(seconds, 1e-6),
    ),
    "sonos": Flicker(
        "CrossSim, simulator/devices/custom/SONOS.py, SONOS of Agrawal et al., IEDM 2022", 1600.0, (0.0, 1600.0),
        lambda G, _: _SONOS_NANOAMPERE[0] * -torch.expm1(-G / _SONOS_NANOAMPERE[1]),
    ),
    "relative": Flicker(
        "the share of each conductance that the factor says, at any time: arXiv 2305.18416, NeuroSim 1.5 macro.py",
        1.0, (0.0, math.inf), lambda G, _: G,
    ),
}  # fmt: skip
PRESETS: Final = registry("read noise", get_args(ReadPreset), _PRESETS.items())
"""The published read noises, by name."""


@dataclass(frozen=True)
class ReadNoise:
    """Adds factor * sigma(G, t) * n to each conductance, n ~ N(0, 1), at each reading anew; none falls below zero.

    The noise is slow (1/f), so a reading is a whole evaluation: all its images meet the same draw.
    """

    preset: ReadPreset  # name of the published noise
    factor: float  # on its standard deviation
    seconds: float  # since programming
    devices: Devices  # range of the devices
    seed: int  # of the chip
    read: int  # number of the reading
    phase: ClassVar[Phase] = "reading"

    @classmethod
    def of(cls, devices: Devices, seed: int, read: int) -> Self | None:
        """See ``Switchable.of``."""
        preset = devices.read_noise
        if preset == "none":
            return None
        return cls(preset, devices.read_factor, devices.read_at_s, devices, seed, read)

    def disturb(self, pair: DifferentialPair, layer: str) -> DifferentialPair:
        """See ``DeviceEffect.disturb``."""
        generator = generator_of(f"reading {self.read}", self.seed, layer)
        return pair.each(lambda conductance: self._noisy(conductance, generator))

    def _noisy(self, conductance: Tensor, generator: torch.Generator) -> Tensor:
        noise = PRESETS[self.preset]
        g_max, seconds = self.devices.g_max_siemens, self.seconds
        sigma = noise.acts_on(conductance, g_max, lambda G: noise.sigma(G.clamp(*noise.span), seconds))
        return (conductance + self.factor * sigma * normal(conductance, generator)).clamp(min=0)
