"""Structured pruning: which weights go, and what network remains."""

from xbarpaper.pruning.pruned import (
    SCHEMES,
    PrunedNetwork,
    compaction_of,
    growing,
    masked,
    prunable_layers,
    prune,
    unpruned,
    weight_quantiles,
)
from xbarpaper.pruning.scheme import Scheme
from xbarpaper.pruning.weight_table import weight_table

__all__ = [
    "SCHEMES",
    "PrunedNetwork",
    "Scheme",
    "compaction_of",
    "growing",
    "masked",
    "prunable_layers",
    "prune",
    "unpruned",
    "weight_quantiles",
    "weight_table",
]
