"""The crossbars that networks are mapped on: their sizes, devices, wires and read-out."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    LEAST_ON_OFF,
    AtLeastOne,
    CrossbarSize,
    DeviceOhm,
    DriftCompensation,
    DriftPreset,
    Factor,
    Fraction,
    Gain,
    Inside,
    LevelCount,
    Ohm,
    ProgrammingPreset,
    Quantile,
    ReadPreset,
    Seconds,
    Side,
)
from xbarpaper.params.rules import require_after_programming
from xbarpaper.support.validation import Defaults


class Mapping(Defaults):
    """From weight matrices to crossbars."""

    crossbar_sizes: AtLeastOne[CrossbarSize] = Field(
        default=(16, 32), description="rows and columns of a crossbar; everything is done for each size"
    )
    low_conductance_threshold: Inside = Field(
        default=0.1, description="a device is low below g_min + this share of (g_max - g_min)"
    )
    w_max_quantile: Quantile = Field(
        default=1.0,
        description="quantile of a layer's |w| that programs the highest conductance; 1 is its largest",
    )


class Devices(Defaults):
    """Memristive devices."""

    r_min_ohm: DeviceOhm = Field(default=20e3, description="lowest programmable resistance")
    r_max_ohm: DeviceOhm = Field(
        default=200e3, description="highest programmable resistance: ON/OFF ratio r_max_ohm / r_min_ohm"
    )
    variation_sigma: Fraction = Field(default=0.1, description="sigma/mu of programmed conductances")
    levels: LevelCount | Literal["any"] = Field(
        default="any", description="evenly spaced conductances that can be programmed, at least 2; or any"
    )
    programming_noise: Literal["none", ProgrammingPreset] = Field(
        default="none", description="published; see docs/conventions.md"
    )
    programming_factor: Factor = Field(default=1.0, description="on its standard deviation")
    drift: Literal["none", DriftPreset] = Field(
        default="none", description="published, between programming and reading"
    )
    drift_compensation: DriftCompensation = Field(
        default="none",
        description="one factor for each layer that gives its outputs their old mean size; or the readout's gain anew",
    )
    stuck_low: Fraction = Field(default=0.0, description="share of the devices that stay at g_min")
    stuck_high: Fraction = Field(default=0.0, description="share of the devices that stay at g_max")
    stuck_side: Side = Field(default=1, description="rows and columns of a cluster of stuck devices")
    read_noise: Literal["none", ReadPreset] = Field(
        default="none", description="published, or relative to each conductance; anew at each evaluation"
    )
    read_factor: Factor = Field(
        default=1.0, description="on its standard deviation; of relative noise it is sigma/mu"
    )
    read_at_s: Seconds = Field(
        default=3600.0, description="time between programming and reading, for drift and read noise"
    )

    @property
    def g_min_siemens(self) -> float:
        """Lowest programmable conductance, siemens."""
        return 1.0 / self.r_max_ohm

    @property
    def g_max_siemens(self) -> float:
        """Highest programmable conductance, siemens."""
        return 1.0 / self.r_min_ohm

    @property
    def nominal(self) -> Devices:
        """The same range without variation."""
        return Devices(r_min_ohm=self.r_min_ohm, r_max_ohm=self.r_max_ohm, variation_sigma=0.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.r_max_ohm < LEAST_ON_OFF * self.r_min_ohm:
            raise ValueError(
                f"devices.r_max_ohm = {self.r_max_ohm!r} must be at least {LEAST_ON_OFF} times "
                f"devices.r_min_ohm = {self.r_min_ohm!r}"
            )
        if self.stuck_low + self.stuck_high > 1:
            raise ValueError(
                f"devices.stuck_low = {self.stuck_low!r} and devices.stuck_high = {self.stuck_high!r} must add up to "
                "at most 1"
            )
        for name, preset in (("drift", self.drift), ("read_noise", self.read_noise)):
            require_after_programming("devices.read_at_s", self.read_at_s, f"devices.{name}", preset)
        return self


class Parasitics(Defaults):
    """Linear resistances around the devices of a crossbar; any may be 0."""

    driver_ohm: Ohm = Field(default=1e3, description="from each input to its row wire")
    row_wire_ohm: Ohm = Field(default=5.0, description="row wire between neighbouring columns")
    column_wire_ohm: Ohm = Field(default=10.0, description="column wire between neighbouring rows")
    sense_ohm: Ohm = Field(default=1e3, description="from each column wire to virtual ground")

    @property
    def ideal(self) -> bool:
        """Whether nothing resists."""
        return not (self.driver_ohm or self.row_wire_ohm or self.column_wire_ohm or self.sense_ohm)


class Readout(Defaults):
    """Digital calibration of what the crossbars give."""

    gain: Gain = Field(
        default="layer",
        description="one least-squares factor for each layer, tile or tile column; must be among evaluation.gains",
    )
