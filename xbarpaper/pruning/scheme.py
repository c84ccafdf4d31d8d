"""What every pruning scheme offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Compaction

Masks = Callable[[Network, frozenset[str], float, int], dict[str, Tensor]]
"""Chooses the weights that stay: from a network with all its channels, the names of the layers that may lose weights, the
fraction of weights to remove from them (at least 0 and below 1), and the rows and columns of the crossbars that the
result is for. Gives True where a weight stays, by layer, in original coordinates; layers not named keep everything."""


@dataclass(frozen=True)
class Scheme:
    """Says which weights stay, and how T, the compaction, packs what is left onto crossbars."""

    name: PrunedSchemeName  # in the parameters
    masks: Masks
    strips: Compaction  # T: the dense blocks that are left of a layer's mask, shape (rows, columns)
    depends_on_crossbar_size: bool = False  # whether another crossbar size asks for another network
    removes_filters: bool = False  # whether whole channels go, so that the network becomes smaller
