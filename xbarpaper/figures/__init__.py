"""The artifact's figures: functions that take tidy tables or plain arrays and give matplotlib figures.

What many of them take: ``labels``, the words of the profile; ``settings``, its section about what is shown; ``chance``,
dataset -> accuracy of guessing, percent, where a dotted line is drawn. Tables are those of
``experiments.results.TABLES``, by the names that they have there.
"""

from xbarpaper.claims.labels import Labels
from xbarpaper.figures.acdc import acdc_beside_gradual
from xbarpaper.figures.adversarial import adversarial_accuracy
from xbarpaper.figures.batch_norms import batch_norm_limits
from xbarpaper.figures.costs import accuracy_against_energy, accuracy_by_bits, energy_saved, energy_shares
from xbarpaper.figures.mechanism import error_by_layer, layer_losses
from xbarpaper.figures.network import (
    conductance_histograms,
    heat_maps,
    learning_curve,
    pruning_masks,
    tile_map,
)
from xbarpaper.figures.on_crossbar_training import on_crossbar_training
from xbarpaper.figures.outcomes import (
    accuracy_by_size,
    compression,
    gain_sensitivity,
    loss_by_effect,
    mitigations,
    non_ideality,
    training_curves,
)
from xbarpaper.figures.published import beside_published
from xbarpaper.figures.saving import Captions, save
from xbarpaper.figures.search import searched_settings
from xbarpaper.figures.sensitivity import along_axes, over_pair, surviving
from xbarpaper.figures.spiking import spiking_steps
from xbarpaper.figures.style import ArtifactFigure
from xbarpaper.figures.verdicts import claim_effects, forest

__all__ = [
    "ArtifactFigure",
    "Captions",
    "Labels",
    "accuracy_against_energy",
    "accuracy_by_bits",
    "accuracy_by_size",
    "acdc_beside_gradual",
    "adversarial_accuracy",
    "along_axes",
    "batch_norm_limits",
    "beside_published",
    "claim_effects",
    "compression",
    "conductance_histograms",
    "energy_saved",
    "energy_shares",
    "error_by_layer",
    "forest",
    "gain_sensitivity",
    "heat_maps",
    "layer_losses",
    "learning_curve",
    "loss_by_effect",
    "mitigations",
    "non_ideality",
    "on_crossbar_training",
    "over_pair",
    "pruning_masks",
    "save",
    "searched_settings",
    "spiking_steps",
    "surviving",
    "tile_map",
    "training_curves",
]
