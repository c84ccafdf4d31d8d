"""The devices of a chip: every effect that the parameters switch on, in the one order in which they act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xbarpaper.hardware.effects.drift import Drift
from xbarpaper.hardware.effects.effect import DeviceEffect, Switchable
from xbarpaper.hardware.effects.levels import Levels
from xbarpaper.hardware.effects.programming import ProgrammingNoise
from xbarpaper.hardware.effects.reading import ReadNoise
from xbarpaper.hardware.effects.stuck import Stuck
from xbarpaper.hardware.effects.variation import Variation
from xbarpaper.params import Devices

ORDER: Final[tuple[type[Switchable], ...]] = (Levels, ProgrammingNoise, Variation, Drift, Stuck, ReadNoise)
"""What happens to a conductance, first to last; each effect depends on the conductance as it meets it."""


def chip(devices: Devices, seed: int, read: int = 0) -> tuple[DeviceEffect, ...]:
    """All that disturbs the devices of one chip; the same for every mitigation.

    Args:
        read: number of the reading; another one draws other read noise and nothing else.
    """
    effects = (kind.of(devices, seed, read) for kind in ORDER)
    return tuple(effect for effect in effects if effect is not None)


def known(effects: Sequence[DeviceEffect]) -> tuple[DeviceEffect, ...]:
    """What reading a chip out tells of its next programming: what lasts, not what each programming draws anew."""
    return tuple(effect for effect in effects if effect.phase == "lasting")


def calibrated_on(effects: Sequence[DeviceEffect], devices: Devices) -> tuple[DeviceEffect, ...]:
    """What acts on the devices while the readout is calibrated: at programming, or at ``recalibrated`` with drift.

    Read noise is never calibrated away: it is another one at the next reading.
    """
    aged = devices.drift_compensation == "recalibrated"
    later = ("reading",) if aged else ("reading", "ageing")
    return tuple(effect for effect in effects if effect.phase not in later)
