"""Structured pruning: which weights go, and what network remains."""

from xbarpaper.pruning.pruned import (
    SCHEMES,
    PrunedNetwork,
    Scheme,
    compaction_of,
    growing,
    masked,
    prunable_layers,
    prune,
    title_of,
    unpruned,
    weight_quantiles,
)

__all__ = [
    "SCHEMES",
    "PrunedNetwork",
    "Scheme",
    "compaction_of",
    "growing",
    "masked",
    "prunable_layers",
    "prune",
    "title_of",
    "unpruned",
    "weight_quantiles",
]
