"""Structured pruning: which weights go, and what network remains.

Each scheme is a module with one class; ``SCHEMES`` is where a new one is added. A scheme says which weights stay (its
masks, in matrix form) and how T compacts what is left for the crossbars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from xbarpaper.networks.matrix import matrix_of, weight_of
from xbarpaper.networks.vgg import CLASSIFIER, Placement, Vgg, placements, without_filters
from xbarpaper.params import Prune, PrunedSchemeName, SchemeName
from xbarpaper.pruning.cf import Cf
from xbarpaper.pruning.compaction import Compaction, Strip, whole_rows_and_columns
from xbarpaper.pruning.xcs import Xcs
from xbarpaper.pruning.xrs import Xrs


class Scheme(Protocol):
    """What every pruning scheme offers."""

    name: ClassVar[PrunedSchemeName]
    title: ClassVar[str]
    depends_on_crossbar_size: ClassVar[bool]
    removes_filters: ClassVar[bool]

    def masks(
        self, matrices: Mapping[str, Tensor], prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """Choose the weights that stay.

        Args:
            matrices: matrix form of every layer in the order of the network, shape (rows, columns) each.
            prunable: layers that may lose weights.
            sparsity: fraction of the weights to remove from them, at least 0 and below 1.
            crossbar_size: rows and columns of the crossbars that the result is for.

        Returns:
            True where a weight stays, by layer; layers not named keep everything.
        """
        ...

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """T: the dense blocks that are left of a layer's mask, shape (rows, columns)."""
        ...


SCHEMES: Mapping[PrunedSchemeName, Scheme] = {scheme.name: scheme for scheme in (Cf(), Xcs(), Xrs())}


@dataclass(frozen=True)
class PrunedNetwork:
    """A network with what pruning decided.

    Attributes:
        network: the network, really smaller where the scheme removes filters, else with zeros at the removed weights.
        masks: True where a weight stays, by layer, in the original coordinates of the unpruned layer's matrix.
    """

    network: Vgg
    masks: dict[str, Tensor]

    def placements(self) -> dict[str, Placement]:
        """Where each layer's matrix sits in original coordinates."""
        return placements(self.network.architecture)

    def matrices(self) -> dict[str, Tensor]:
        """Matrix form of every layer in original coordinates, zero where pruned, on the CPU."""
        places = self.placements()
        return {
            name: places[name].embed(matrix_of(weight.detach().cpu()))
            for name, weight in self.network.weights().items()
        }

    def weight_masks(self) -> dict[str, Tensor]:
        """The masks in the shape and coordinates of the network's own weights."""
        places = self.placements()
        return {
            name: weight_of(places[name].extract(self.masks[name]), weight.shape)
            for name, weight in self.network.weights().items()
        }

    def sparsity(self, layers: frozenset[str] | None = None) -> float:
        """Fraction of the weights removed from the named layers (all if not named)."""
        masks = [mask for name, mask in self.masks.items() if layers is None or name in layers]
        return 1 - sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)


def weight_quantiles(pruned: PrunedNetwork, quantile: float) -> dict[str, float]:
    """A quantile of |w| of each layer, over the weights that pruning left.

    Args:
        pruned: a network, before or after training.
        quantile: between 0 and 1; 1 is the largest |w|.
    """
    masks = pruned.weight_masks()
    kept = {name: weight.detach().cpu()[masks[name]] for name, weight in pruned.network.weights().items()}
    # numpy's quantile: torch's refuses layers of more than 16 million weights
    return {name: float(np.quantile(weights.abs().numpy(), quantile)) for name, weights in kept.items()}


def unpruned(network: Vgg) -> PrunedNetwork:
    """A whole network, with masks that keep everything."""
    shapes = {name: place.full_shape for name, place in placements(network.architecture).items()}
    return PrunedNetwork(
        network, {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}
    )


def prunable_layers(network: Vgg, settings: Prune) -> frozenset[str]:
    """The layers that may lose weights."""
    names = set(network.architecture.layer_names)
    if not settings.first_convolution:
        names.discard("conv1")
    if not settings.classifier:
        names.discard(CLASSIFIER)
    return frozenset(names)


def prune(
    network: Vgg, scheme: Scheme, settings: Prune, sparsity: float, crossbar_size: int
) -> PrunedNetwork:
    """Prune a whole network; the network given is left as it was.

    Args:
        network: a network with all its weights.
        scheme: one of ``SCHEMES``.
        settings: which layers may lose weights.
        sparsity: fraction of the weights to remove from those layers.
        crossbar_size: rows and columns of the crossbars that the result is for.

    Raises:
        ArtifactError: the network has been pruned before.
    """
    pruned = masked(network, scheme, settings, sparsity, crossbar_size)
    if not scheme.removes_filters:
        return pruned
    convolutions = list(pruned.masks.values())[:-1]
    kept = tuple(tuple(torch.nonzero(mask.any(0)).flatten().tolist()) for mask in convolutions)
    return PrunedNetwork(without_filters(network, kept), pruned.masks)


def masked(
    network: Vgg, scheme: Scheme, settings: Prune, sparsity: float, crossbar_size: int
) -> PrunedNetwork:
    """A copy of a whole network with zeros at the weights that a scheme removes, filters too; see ``prune``."""
    whole = unpruned(network)
    matrices = whole.matrices()
    masks = whole.masks | scheme.masks(matrices, prunable_layers(network, settings), sparsity, crossbar_size)
    masks = {name: masks[name].contiguous() for name in matrices}
    copy = Vgg(network.architecture).to(network.classifier.weight.device)
    copy.load_state_dict(network.state_dict())
    pruned = PrunedNetwork(copy, masks)
    with torch.no_grad():
        for name, mask in pruned.weight_masks().items():
            weight = copy.weights()[name]
            weight.masked_fill_(~mask.to(weight.device), 0.0)
    return pruned


def growing(sparsity: float, steps: int) -> list[float]:
    """Sparsities on the way to the last, quickly at first: the cubic schedule of Zhu and Gupta (arXiv 1710.01878).

    Args:
        sparsity: the last one.
        steps: how many, at least 1.
    """
    return [sparsity * (1 - (1 - step / steps) ** 3) for step in range(1, steps + 1)]


def compaction_of(scheme: SchemeName) -> Compaction:
    """How T compacts the layers of a scheme; an unpruned layer has nothing to remove."""
    return whole_rows_and_columns if scheme == "unpruned" else SCHEMES[scheme].strips


def title_of(scheme: SchemeName) -> str:
    """What figures call the scheme."""
    return "unpruned" if scheme == "unpruned" else SCHEMES[scheme].title
