"""What disturbs a programmed conductance: one class for each effect, in the order in which they act."""

from xbarpaper.hardware.effects.chip import ORDER, calibrated_on, chip, known
from xbarpaper.hardware.effects.drift import Drift
from xbarpaper.hardware.effects.effect import DeviceEffect
from xbarpaper.hardware.effects.levels import Levels
from xbarpaper.hardware.effects.programming import ProgrammingNoise
from xbarpaper.hardware.effects.reading import ReadNoise
from xbarpaper.hardware.effects.stuck import Stuck
from xbarpaper.hardware.effects.variation import Variation

__all__ = [
    "ORDER", "DeviceEffect", "Drift", "Levels", "ProgrammingNoise", "ReadNoise", "Stuck", "Variation",
    "calibrated_on", "chip", "known",
]  # fmt: skip
