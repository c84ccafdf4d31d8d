"""Structured pruning: which weights go, and what network remains."""

from xbarpaper.pruning.acdc import AcDc
from xbarpaper.pruning.pruned import (
    SCHEMES,
    PrunedNetwork,
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

__all__ = [
    "SCHEMES", "AcDc", "PrunedNetwork", "compaction_of", "growing", "masked", "prunable_layers", "prune",
    "scheme_named", "unpruned", "weight_quantiles", "weight_table",
]  # fmt: skip
