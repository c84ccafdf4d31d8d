"""Every parameter of the artifact, typed and checked once, at the door."""

from xbarpaper.params.datasets import Cifar, Dataset, ImageFolder, Shapes10
from xbarpaper.params.names import (
    FURTHER_MITIGATIONS,
    GAINS,
    MITIGATIONS,
    SCHEMES,
    AdcName,
    Coding,
    ColumnOrder,
    ColumnsCounted,
    DriftPreset,
    Effects,
    Gain,
    Mitigation,
    NetworkName,
    Precision,
    ProgrammingPreset,
    PrunedSchemeName,
    RangeScope,
    ReadPreset,
    SchemeName,
    TrainingPhase,
)
from xbarpaper.params.profile import Params, load, load_profile
from xbarpaper.params.sections.claims import Claims
from xbarpaper.params.sections.crossbars import Devices, Parasitics
from xbarpaper.params.sections.execution import Execution
from xbarpaper.params.sections.hardware import HardwareCosts, Periphery
from xbarpaper.params.sections.mitigations import Rearrange, Wct
from xbarpaper.params.sections.neighbours import AcDc, Adversarial, OnCrossbarTraining, Spiking
from xbarpaper.params.sections.surveys import Published, Survey
from xbarpaper.params.sections.training import Distillation, Experiment, Prune, Train

__all__ = [
    "FURTHER_MITIGATIONS",
    "GAINS",
    "MITIGATIONS",
    "SCHEMES",
    "AcDc",
    "AdcName",
    "Adversarial",
    "Cifar",
    "Claims",
    "Coding",
    "ColumnOrder",
    "ColumnsCounted",
    "Dataset",
    "Devices",
    "Distillation",
    "DriftPreset",
    "Effects",
    "Execution",
    "Experiment",
    "Gain",
    "HardwareCosts",
    "ImageFolder",
    "Mitigation",
    "NetworkName",
    "OnCrossbarTraining",
    "Params",
    "Parasitics",
    "Periphery",
    "Precision",
    "ProgrammingPreset",
    "Prune",
    "PrunedSchemeName",
    "Published",
    "RangeScope",
    "ReadPreset",
    "Rearrange",
    "SchemeName",
    "Shapes10",
    "Spiking",
    "Survey",
    "Train",
    "TrainingPhase",
    "Wct",
    "load",
    "load_profile",
]
