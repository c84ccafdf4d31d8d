"""Unstructured pruning: weights go one by one, wherever they lie."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, whole_rows_and_columns
from xbarpaper.support.errors import ArtifactError


class Unstructured:
    """Global magnitude pruning, as AC/DC's public code does it (arXiv 2106.12379): one threshold for all layers.

    Of N weights at sparsity s, those stay that are strictly larger than the k-th largest, k = ceil(N (1 - s)): k - 1 of
    them, fewer where magnitudes are equal.
    """

    name: ClassVar[PrunedSchemeName] = "unstructured"
    depends_on_crossbar_size: ClassVar[bool] = False
    removes_filters: ClassVar[bool] = False

    def masks(
        self, network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """See ``Scheme.masks``.

        Raises:
            ArtifactError: a layer would keep no weight.
        """
        del crossbar_size
        matrices, places = network.matrices(), network.placements()
        weights = {name: matrices[name].abs() for name in places if name in prunable}
        every = torch.cat([one[places[name].whole()] for name, one in weights.items()])
        k = math.ceil(len(every) * (1 - sparsity))
        threshold = every.topk(k).values[-1]
        masks = {name: one > threshold for name, one in weights.items()}
        for name, mask in masks.items():
            if not mask.any():
                raise ArtifactError(f"{name} would lose all its weights; lower the sparsity")
        return masks

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """See ``compaction.whole_rows_and_columns``."""
        return whole_rows_and_columns(mask, crossbar_size)
