"""Structured pruning of a network: which weights go, and what network remains."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xbarpaper.networks.matrix import weight_of
from xbarpaper.networks.network import CLASSES, IMAGES, Network, require_whole, with_channels
from xbarpaper.params import Prune, PrunedSchemeName, SchemeName
from xbarpaper.params.names import PRUNED_SCHEMES
from xbarpaper.pruning.cf import CF
from xbarpaper.pruning.compaction import Compaction, whole_rows_and_columns
from xbarpaper.pruning.scheme import Scheme
from xbarpaper.pruning.segments import XCS, XRS
from xbarpaper.pruning.unstructured import UNSTRUCTURED
from xbarpaper.support.registry import registry

# A new scheme is added here.
SCHEMES: Final[Mapping[PrunedSchemeName, Scheme]] = registry(
    "pruning scheme", PRUNED_SCHEMES, ((one.name, one) for one in (CF, XCS, XRS))
)
"""The paper's; ``UNSTRUCTURED`` stands beside them."""


@dataclass(frozen=True)
class PrunedNetwork:
    """A network with what pruning decided."""

    # the network, smaller where the scheme removes filters, else with zeros at the removed weights
    network: Network
    # True where a weight stays, by layer, in the original coordinates of the unpruned layer's matrix
    masks: dict[str, Tensor]

    def weight_masks(self) -> dict[str, Tensor]:
        """The masks in the shape and coordinates of the network's own weights."""
        places = self.network.placements()
        return {
            name: weight_of(places[name].extract(self.masks[name]), weight.shape)
            for name, weight in self.network.weights().items()
        }

    def sparsity(self, layers: frozenset[str] | None = None) -> float:
        """Fraction of the weights removed from the named layers (all if not named)."""
        weights = {name: place.full_weights for name, place in self.network.placements().items()}
        chosen = [name for name in self.masks if layers is None or name in layers]
        return 1 - sum(int(self.masks[name].sum()) for name in chosen) / sum(weights[name] for name in chosen)


def weight_quantiles(pruned: PrunedNetwork, quantile: float) -> dict[str, float]:
    """A quantile of |w| of each layer, over the weights that pruning left.

    Args:
        quantile: between 0 and 1; 1 is the largest |w|.
    """
    masks = pruned.weight_masks()
    kept = {name: weight.detach().cpu()[masks[name]] for name, weight in pruned.network.weights().items()}
    # numpy's quantile: torch's refuses layers of more than 16 million weights
    return {name: float(np.quantile(weights.abs().numpy(), quantile)) for name, weights in kept.items()}


def unpruned(network: Network) -> PrunedNetwork:
    """A whole network, with masks that keep everything."""
    return PrunedNetwork(network, {name: place.whole() for name, place in network.placements().items()})


def prunable_layers(network: Network, settings: Prune) -> frozenset[str]:
    """The layers that may lose weights: those that read the images or write the classes only if the settings say so."""
    return frozenset(
        layer.name
        for layer in network.layers
        if (settings.first_convolution or layer.reads != IMAGES)
        and (settings.classifier or layer.writes != CLASSES)
    )


def prune(
    network: Network, scheme: Scheme, settings: Prune, sparsity: float, crossbar_size: int
) -> PrunedNetwork:
    """Prune a whole network; the network given is left as it was.

    Args:
        sparsity: fraction of the weights to remove from those layers.

    Raises:
        ArtifactError: the network has been pruned before.
    """
    return compact(masked(network, scheme, settings, sparsity, crossbar_size), scheme)


def compact(pruned: PrunedNetwork, scheme: Scheme) -> PrunedNetwork:
    """The same pruned network, smaller where the scheme removes filters; see ``prune``."""
    if not scheme.removes_filters:
        return pruned
    kept = {
        layer.writes: torch.nonzero(pruned.masks[layer.name].any(0)).flatten().tolist()
        for layer in pruned.network.layers
        if layer.writes != CLASSES
    }
    return PrunedNetwork(with_channels(pruned.network, kept), pruned.masks)


def masked(
    network: Network, scheme: Scheme, settings: Prune, sparsity: float, crossbar_size: int
) -> PrunedNetwork:
    """A copy of a whole network with zeros at the weights that a scheme removes, filters too; see ``prune``."""
    require_whole(network)
    masks = masks_of(network, scheme, settings, sparsity, crossbar_size)
    pruned = PrunedNetwork(copy.deepcopy(network), masks)
    with torch.no_grad():
        for name, mask in pruned.weight_masks().items():
            weight = pruned.network.weights()[name]
            weight.masked_fill_(~mask.to(weight.device), 0.0)
    return pruned


def masks_of(
    network: Network, scheme: Scheme, settings: Prune, sparsity: float, crossbar_size: int
) -> dict[str, Tensor]:
    """True where a weight of a whole network stays, for every layer, in original coordinates; see ``prune``."""
    chosen = scheme.masks(network, prunable_layers(network, settings), sparsity, crossbar_size)
    return {name: mask.contiguous() for name, mask in (unpruned(network).masks | chosen).items()}


def growing(sparsity: float, steps: int) -> list[float]:
    """Sparsities on the way to the last, quickly at first: the cubic schedule of Zhu and Gupta (arXiv 1710.01878).

    Args:
        steps: how many, at least 1.
    """
    return [sparsity * (1 - (1 - step / steps) ** 3) for step in range(1, steps + 1)]


def scheme_named(name: PrunedSchemeName) -> Scheme:
    """The scheme of that name, the paper's or ``UNSTRUCTURED``."""
    return UNSTRUCTURED if name == UNSTRUCTURED.name else SCHEMES[name]


def compaction_of(scheme: SchemeName) -> Compaction:
    """How T compacts the layers of a scheme; an unpruned layer has nothing to remove."""
    return whole_rows_and_columns if scheme == "unpruned" else scheme_named(scheme).strips


def weight_table(pruned: PrunedNetwork) -> pd.DataFrame:
    """One row per layer: shape of its matrix, weights, and how far the largest |w| lies from the bulk."""
    rows = []
    for name, matrix in pruned.network.matrices().items():
        kept = matrix[pruned.masks[name]].abs().numpy()
        high = float(np.quantile(kept, 0.95))
        shape = {"rows": matrix.shape[0], "columns": matrix.shape[1], "weights": kept.size}
        spread = {"mean |w|": kept.mean(), "95 % quantile of |w|": high, "largest |w|": kept.max()}
        rows.append({"layer": name, **shape, **spread, "largest over 95 % quantile": kept.max() / high})
    return pd.DataFrame(rows).set_index("layer")
