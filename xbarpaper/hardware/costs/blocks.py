"""Published constants of the blocks around a crossbar: each with its unit, its node and where it was published.

The original tables of ISAAC were not at hand: its numbers are those that PUMA's simulator and hwcomponents-library
repeat, which agree with each other. Versions: puma-simulator a206f75a, hwcomponents-library 1.0.58, hwcomponents-adc
1.0.21, NeuroSim 1.4 (branch 2DInferenceV1.4, 8a88abf8), MNSIM 2.0 ca39ccb6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd

from xbarpaper.params import AdcName
from xbarpaper.params.names import ADC_TITLES

_ISAAC: Final = "ISAAC (ISCA 2016), table 1, as PUMA and hwcomponents-library repeat it"


@dataclass(frozen=True)
class Block:
    """A constant of the model: what it is, its value and unit, its technology node in nm if any, and its source."""

    name: str
    value: float
    unit: str
    node_nm: int | None
    source: str


# fmt: off
DRIVER = Block("one-bit row driver, power", 4e-3 / 1024 * 1e6, "µW", 32, _ISAAC + ": 4 mW for 8 x 128")
DRIVER_AREA = Block("one-bit row driver, area", 0.166, "µm²", 32, _ISAAC)
CELL_AREA = Block("cell, area: 4 F²", 4 * 0.032**2, "µm²", 32, "definition; PUMA has 6.25 µm² for 64 x 64 cells")
SHIFT_ADD = Block("shift and add, per conversion", 0.0208333, "pJ", 32, "hwcomponents-library, isaac.py")
SAMPLE_HOLD = Block("sample and hold, per conversion", 1e-5 / 1024 * 100e-9 * 1e12, "pJ", 32,
                    _ISAAC + ": 10 µW for 8 x 128, 100 ns")
ADDER = Block("adder, per bit", 0.03 / 8, "pJ", 45, "Horowitz (ISSCC 2014): 0.03 pJ for 8 bit")
BUFFER = Block("eDRAM buffer, per bit", 0.08, "pJ", 32, "hwcomponents-library, isaac.py: 20.45 pJ for 256 bit")
WIRE = Block("bus, per bit", 0.054, "pJ", 32, "hwcomponents-library, isaac.py")
SUM_BITS = Block("width of a partial sum", 24, "bit", None, "this model: 8 + 8 bit and the additions of 256 rows")
OUTPUT_BITS = Block("width of an output", 16, "bit", None, _ISAAC)
# fmt: on

BLOCKS: Final = (
    DRIVER, DRIVER_AREA, CELL_AREA, SHIFT_ADD, SAMPLE_HOLD, ADDER, BUFFER, WIRE, SUM_BITS, OUTPUT_BITS
)  # fmt: skip


@dataclass(frozen=True)
class Adc:
    """An analog-to-digital converter as one source has it; functions of the number of bits."""

    energy_pj: Callable[[int], float]  # of a conversion, picojoules
    conversion_ns: Callable[[int], float]  # time of a conversion, nanoseconds
    area_um2: Callable[[int], float]  # square micrometres; NaN where the source's rule needs a layout
    node_nm: int  # technology node
    source: str  # where it was published


def cimloop_adc_pj(bits: int, node_nm: float = 32, samples_per_second: float = 1e8) -> float:
    """CiMLoop's energy of a conversion (arXiv 2404.06553), fitted to Murmann's survey of converters, picojoules."""
    limits = 213.7806687 - 2.8719030 * math.log(samples_per_second), 128.3068287 + 3.2205115 * bits
    sndr = 6.0206 * bits + 1.7609
    scale = 26.0496216 + 1.8800369 * math.log(node_nm) - 2.8291256 * math.log(bits) - 1.4702022
    return 1 / (2 * 10 ** ((min(limits) - sndr) / 10)) * math.exp(scale)


def cimloop_adc_um2(bits: int, node_nm: float = 32, samples_per_second: float = 1e8) -> float:
    """CiMLoop's area of a converter, square micrometres."""
    energy = math.log(cimloop_adc_pj(bits, node_nm, samples_per_second))
    rate = 0.1807154 * math.log(samples_per_second)
    return math.exp(1.3461916 + 0.9932794 * math.log(node_nm) + rate + 0.2991243 * energy)


def neurosim_sar_pj(bits: int, column_ohm: float = math.inf) -> float:
    """NeuroSim's successive-approximation converter, 32 nm LP, picojoules.

    Args:
        column_ohm: resistance of the column times 0.5 over the read voltage. Its term is the current of the array, which
            this model takes from the solved circuit: by default the converter alone counts.
    """
    own = 1.1294 * bits + 8.8998
    return (own + _column_uw(0.079449, -2.297, column_ohm)) * (bits + 1) * 1e-3


def neurosim_flash_pj(bits: int, column_ohm: float = math.inf) -> float:
    """NeuroSim's flash converter of current sense amplifiers, 32 nm HP, 1 ns, picojoules; see ``neurosim_sar_pj``."""
    return (3.9648 * (math.ldexp(1, bits) - 1) + _column_uw(0.079, -2.313, column_ohm)) * 1e-3


def _column_uw(scale: float, power: float, ohm: float) -> float:
    return 0.0 if math.isinf(ohm) else 1e6 * scale * math.exp(power * math.log10(ohm))


_TABLE: Final = {
    4: (0.79, 361), 5: (0.99, 477), 6: (1.20, 627), 7: (1.42, 845), 8: (1.67, 1200), 9: (1.97, 1828), 10: (2.38, 3002)
}  # fmt: skip


ADCS: Final[dict[AdcName, Adc]] = {
    "isaac": Adc(
        lambda b: 1.5625 * (b / 8) ** 2, lambda b: 1 / 1.28, lambda b: 1200.0, 32,
        _ISAAC + ": 2 mW at 1.28 GS/s for 8 bit; PUMA's constants grow with the square of the bits",
    ),
    "isaac_doubling": Adc(
        lambda b: 2 / 1.2 * math.ldexp(1.0, b - 8), lambda b: 1 / 1.2, lambda b: 1200.0, 32,
        "hwcomponents-library, isaac.py: 2 mW at 1.2 GS/s for 8 bit, twice for each further bit",
    ),
    "isaac_table": Adc(
        lambda b: _TABLE[b][0], lambda b: 1 / 1.2, lambda b: float(_TABLE[b][1]), 32,
        "hwcomponents-library, isaac.py: its table scaled from Saberi's model",
    ),
    "cimloop": Adc(
        cimloop_adc_pj, lambda b: 10.0, cimloop_adc_um2, 32,
        "CiMLoop (arXiv 2404.06553) and hwcomponents-adc: fit to Murmann's survey, at 100 MS/s",
    ),
    "neurosim_sar": Adc(
        neurosim_sar_pj, lambda b: b + 1.0, lambda b: math.nan, 32,
        "NeuroSim 1.4, SarADC.cpp, LP, without the current of the column",
    ),
    "neurosim_flash": Adc(
        neurosim_flash_pj, lambda b: 1.0, lambda b: math.nan, 32,
        "NeuroSim 1.4, multilevel sense amplifier, HP, without the current of the column, at its fastest sensing",
    ),
    "mnsim": Adc(
        lambda b: 2 * (b + 2) / 1.28, lambda b: (b + 2) / 1.28, lambda b: 1200.0, 32,
        "MNSIM 2.0, ADC.py, choice 2: full power of ISAAC's converter in b + 2 cycles",
    ),
}  # fmt: skip
"""Converters by the name in the parameters."""


def block_table() -> pd.DataFrame:
    """The constants, one row each: name, value, unit, node_nm, source."""
    return pd.DataFrame([asdict(block) for block in BLOCKS]).astype({"node_nm": "Int64"})


def adc_table(bits: tuple[int, ...] = (4, 6, 8)) -> pd.DataFrame:
    """The converters, one row each: title, node_nm, energy at some bits (pJ), time and area at the last, source."""
    rows = []
    for name, adc in ADCS.items():
        energies = {f"{b} bit (pJ)": adc.energy_pj(b) for b in bits}
        last = {"time (ns)": adc.conversion_ns(bits[-1]), "area (µm²)": adc.area_um2(bits[-1])}
        named = {"converter": ADC_TITLES[name], "node_nm": adc.node_nm}
        rows.append(named | energies | last | {"source": adc.source})
    return pd.DataFrame(rows)
