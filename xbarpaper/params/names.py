"""Names that parameters may hold, and the ranges of their numbers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

PaperSchemeName = Literal["unpruned", "cf", "xcs", "xrs"]
PrunedSchemeName = Literal["cf", "xcs", "xrs", "unstructured"]
SchemeName = Literal["unpruned", PrunedSchemeName]
Gain = Literal["none", "layer", "tile", "column"]
Effects = Literal["wires", "variation", "both"]
Mitigation = Literal["none", "R", "WCT", "R+WCT"]
FurtherMitigation = Literal[
    "R2D", "BN", "R2D+BN", "norms", "tuned", "tuned+BN", "PC", "PC+BN", "PC+norms", "PC/chip"
]
NetworkName = Literal["vgg11", "vgg16", "resnet20"]
Precision = Literal["auto", "float32", "bfloat16"]
ColumnKey = Literal["mean", "maximum", "square", "error"]
ColumnOrder = Literal["ascending", "descending", "centre", "none"]
Grouping = Literal["together", "spread"]
Scope = Literal["layer", "strip", "crossbar"]
Arrays = Literal["pair", "signs"]
RangeOf = Literal["layer", "crossbar"]
WctRange = Literal["old", "new"]
PruneWhen = Literal["trained", "init"]
Device = Literal["auto", "cpu", "cuda"]
ProgrammingPreset = Literal[
    "pcm", "pcm-crosssim", "hermes-2", "hermes-1", "rram-wan-1s", "rram-wan-1d", "rram-wan-2d", "rram-wan-crosssim",
    "rram-milo", "rram-cmo", "sonos",
]  # fmt: skip
DriftPreset = Literal["pcm", "hermes-2", "hermes-1", "rram-cmo"]
ReadPreset = Literal["pcm", "hermes-2", "hermes-1", "rram-cmo", "sonos", "relative"]
DriftCompensation = Literal["none", "global", "recalibrated"]
AdcName = Literal[
    "isaac", "isaac_doubling", "isaac_table", "cimloop", "neurosim_sar", "neurosim_flash", "mnsim"
]
ColumnsCounted = Literal["used", "all"]
RangeScope = Literal["layer", "tile", "column"]
Coding = Literal["direct", "poisson"]
TrainingPhase = Literal["forward", "backward", "update"]
SpikingStart = Literal["fresh", "balanced"]
TrainingStart = Literal["fresh", "trained"]

PRUNED_SCHEMES: tuple[PrunedSchemeName, ...] = ("cf", "xcs", "xrs")
"""The paper's; unstructured pruning stands beside them."""
SCHEMES: tuple[SchemeName, ...] = ("unpruned", *PRUNED_SCHEMES)
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
GAINS: tuple[Gain, ...] = get_args(Gain)
MITIGATIONS: tuple[Mitigation, ...] = get_args(Mitigation)
FURTHER_MITIGATIONS: tuple[FurtherMitigation, ...] = get_args(FurtherMitigation)

SCHEDULES: Final = ("gradual", "AC/DC")
"""When masks change: in steps after training, or to and fro within it."""

NETWORK_TITLES: Final[dict[str, str]] = {"vgg11": "VGG11", "vgg16": "VGG16", "resnet20": "ResNet-20"}

ADC_TITLES: Final[dict[AdcName, str]] = {
    "isaac": "ISAAC, square",
    "isaac_doubling": "ISAAC, doubling",
    "isaac_table": "ISAAC, table",
    "cimloop": "CiMLoop",
    "neurosim_sar": "NeuroSim, SAR",
    "neurosim_flash": "NeuroSim, flash",
    "mnsim": "MNSIM",
}
"""Converters as sentences, figures and tables call them."""

DEVICE_TITLES: Final[dict[str, str]] = {
    "pcm": "PCM",
    "pcm-crosssim": "PCM (CrossSim)",
    "hermes-2": "HERMES (2 PCM)",
    "hermes-1": "HERMES (1 PCM)",
    "rram-wan-1s": "RRAM (1 s)",
    "rram-wan-1d": "RRAM (1 day)",
    "rram-wan-2d": "RRAM (2 days)",
    "rram-wan-crosssim": "RRAM (CrossSim)",
    "rram-milo": "RRAM (Milo)",
    "rram-cmo": "CMO RRAM",
    "sonos": "SONOS",
}
"""Published devices as sentences, figures and tables call them: phase-change memory, resistive RAM, charge traps."""

FIRST_SECONDS: Final = {"pcm": 20.0, "hermes-2": 300.0, "hermes-1": 200.0, "rram-cmo": 1.0}
"""Seconds since programming from which on a published drift or read noise holds (t_0)."""

SECONDS_PER_HOUR: Final = 3600.0

MOST: Final = 1_000_000
"""Upper limit of what is counted (images, epochs, steps, draws): more is a slip, and would fill the memory."""

ADC_BITS: Final[dict[AdcName, tuple[int, int]]] = dict.fromkeys(get_args(AdcName), (1, 14)) | {
    "isaac_table": (4, 10),
    "cimloop": (4, 14),
}
"""Bits, least and most, that the published rule of a converter is for."""

LEAST_ON_OFF: Final = 1.01
"""Devices whose range is narrower hold no weight, and the rounding of the circuit would decide."""

Count = Annotated[int, Field(ge=1, le=MOST)]
Seeds = Annotated[int, Field(ge=2, le=MOST)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Ohm = Annotated[float, Field(ge=0, le=10**9)]
DeviceOhm = Annotated[float, Field(ge=1, le=10**12)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]
Factor = Annotated[float, Field(ge=0, le=1000)]
Leak = Annotated[float, Field(gt=0, le=1)]
OnOffRatio = Annotated[float, Field(ge=LEAST_ON_OFF, le=1e6)]
Quantile = Annotated[float, Field(gt=0, le=1)]
CrossbarSize = Annotated[int, Field(ge=2, le=1024)]
LevelCount = Annotated[int, Field(ge=2, le=MOST)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Side = Annotated[int, Field(ge=1, le=64)]


def _no_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers that agree to six digits are one: tables and figures would not tell them apart."""
    if len({f"{value:g}" if isinstance(value, float) else value for value in values}) != len(values):
        raise PydanticCustomError("repeated", "must not repeat a value")
    return values


T = TypeVar("T")
# YAML gives lists; the sections are frozen and hold tuples.
_TUPLE: Final = BeforeValidator(lambda values: tuple(values) if isinstance(values, list) else values)
_DISTINCT: Final = AfterValidator(_no_repeats)
Several = Annotated[tuple[T, ...], _TUPLE, _DISTINCT]
AtLeastOne = Annotated[tuple[T, ...], Field(min_length=1), _TUPLE, _DISTINCT]
