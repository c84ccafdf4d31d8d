"""What stands around the crossbars and what it costs: converters, energy, area and latency."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    ADC_BITS,
    AdcName,
    AtLeastOne,
    ColumnsCounted,
    Count,
    Inside,
    Positive,
    RangeScope,
    Several,
)
from xbarpaper.params.rules import require_slices
from xbarpaper.support.validation import Defaults


class Periphery(Defaults):
    """Converters around the crossbars: how many bits they need. Elsewhere converters are ideal."""

    experiments: Several[str] = Field(default=(), description="whose networks are read through converters")
    input_bits: Annotated[int, Field(ge=0, le=16)] = Field(
        default=8, description="of an input's magnitude; 0 applies it as it is, in one read"
    )
    dac_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1, description="of an input, applied in one read; divides input_bits"
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] = Field(
        default=8, description="of a weight, sign included; of sliced weights only"
    )
    weight_slices: Annotated[int, Field(ge=1, le=15)] = Field(
        default=1,
        description="pairs of crossbars that share the bits of a weight; 1 is an analog weight on one pair",
    )
    adc_bits: AtLeastOne[Annotated[int, Field(ge=1, le=14)]] = Field(
        default=(2, 3, 4, 5, 6, 7, 8), description="of a conversion; each is tried, beside ideal ones"
    )
    range_scope: RangeScope = Field(
        default="tile", description="whose columns share the range of their converters"
    )
    range_quantile: Annotated[float, Field(gt=0.5, le=1)] = Field(
        default=0.999,
        description="of the currents on calibration images, where a range ends; it begins at one minus this",
    )
    calibration_images: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=64, description="random training images that set the ranges"
    )
    test_images: Count = Field(default=10000, description="random test images; all where there are fewer")
    batch_images: Count = Field(default=50, description="at a time")
    tolerance_points: Positive = Field(
        default=1.0, description="accuracy against ideal converters that enough bits lose less than"
    )

    @model_validator(mode="after")
    def _realisable(self) -> Self:
        if self.input_bits % self.dac_bits:
            raise ValueError(
                f"periphery.dac_bits = {self.dac_bits} must divide periphery.input_bits = {self.input_bits}"
            )
        require_slices("periphery", self.weight_slices, self.weight_bits)
        return self

    def lossless_bits(self, rows: int) -> int | None:
        """Bits with which a column of so many rows loses nothing: a code for each sum of its digits; None if analog."""
        if self.weight_slices == 1 or not self.input_bits:
            return None
        digit = int(2 ** -(-(self.weight_bits - 1) // self.weight_slices)) - 1
        return int(rows * (2**self.dac_bits - 1) * digit).bit_length()


class HardwareCosts(Defaults):
    """Energy, area and latency: how crossbars are driven and read, and whose constants count."""

    experiments: Several[str] = Field(default=(), description="whose networks are costed")
    input_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        default=8, description="of an input, one read of the crossbars each"
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] = Field(
        default=8, description="of a weight, sign included; of sliced weights only"
    )
    weight_slices: Annotated[int, Field(ge=1, le=15)] = Field(
        default=1,
        description="pairs of crossbars that share the bits of a weight; 1 is an analog weight on one pair",
    )
    adc: AdcName = Field(default="isaac", description="whose converter counts; all are compared")
    adc_bits: Annotated[int, Field(ge=1, le=14)] = Field(default=8, description="of a conversion")
    columns_per_adc: Count = Field(default=8, description="columns of a crossbar that share a converter")
    columns: ColumnsCounted = Field(
        default="used", description="whether empty columns of a crossbar are skipped or converted"
    )
    read_volt: Annotated[float, Field(gt=0, le=5)] = Field(default=0.2, description="of a set input bit")
    read_ns: Annotated[float, Field(gt=0, le=1e6)] = Field(default=10.0, description="that a read lasts")
    driver_ns: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=10.0, description="that a driver is on in a read; ISAAC's are on for 100"
    )
    active_inputs: Inside = Field(
        default=0.5, description="share of the input bits that are set, each independently of the others"
    )

    @model_validator(mode="after")
    def _realisable(self) -> Self:
        least, most = ADC_BITS[self.adc]
        if not least <= self.adc_bits <= most:
            raise ValueError(
                f"costs.adc_bits = {self.adc_bits} must be from {least} to {most} for costs.adc = {self.adc}"
            )
        require_slices("costs", self.weight_slices, self.weight_bits)
        return self
