"""Structured pruning: which weights go, and what network remains."""

from xbarpaper.pruning.acdc import AcDc
from xbarpaper.pruning.pruned import (
    SCHEMES,
    PrunedNetwork,
    compact,
    compaction_of,
    growing,
    masked,
    prunable_layers,
    prune,
    scheme_named,
    unpruned,
    weight_quantiles,
    weight_table,
)
from xbarpaper.pruning.scheme import Scheme

__all__ = [
    "SCHEMES", "AcDc", "PrunedNetwork", "Scheme", "compact", "compaction_of", "growing", "masked",
    "prunable_layers", "prune", "scheme_named", "unpruned", "weight_quantiles", "weight_table",
]  # fmt: skip
