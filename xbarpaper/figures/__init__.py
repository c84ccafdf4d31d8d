"""The artifact's figures: functions that take tidy tables or plain arrays and give matplotlib figures."""

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.recovery import best_mitigations, recovery_table
from xbarpaper.figures.accuracy import accuracy_by_size, gain_sensitivity, loss_by_effect
from xbarpaper.figures.crossbars import compression, non_ideality
from xbarpaper.figures.mechanism import error_by_layer, layer_losses
from xbarpaper.figures.mitigations import constrained_training, rearrangement, side_by_side
from xbarpaper.figures.network import (
    conductance_histograms,
    heat_map,
    heat_maps,
    learning_curve,
    pruning_masks,
    tile_map,
)
from xbarpaper.figures.recovery import recovered_shares
from xbarpaper.figures.saving import Caption, Captions, save
from xbarpaper.figures.sensitivity import claim_along_axes, claim_map, loss_along_axes
from xbarpaper.figures.style import ArtifactFigure, apply_style
from xbarpaper.figures.training import training_curves
from xbarpaper.figures.verdicts import claim_effects, verdict_overview

__all__ = [
    "ArtifactFigure",
    "Caption",
    "Captions",
    "Labels",
    "accuracy_by_size",
    "apply_style",
    "best_mitigations",
    "claim_along_axes",
    "claim_effects",
    "claim_map",
    "compression",
    "conductance_histograms",
    "constrained_training",
    "error_by_layer",
    "gain_sensitivity",
    "heat_map",
    "heat_maps",
    "layer_losses",
    "learning_curve",
    "loss_along_axes",
    "loss_by_effect",
    "non_ideality",
    "pruning_masks",
    "rearrangement",
    "recovered_shares",
    "recovery_table",
    "save",
    "side_by_side",
    "tile_map",
    "training_curves",
    "verdict_overview",
]
