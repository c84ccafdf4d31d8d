"""Unstructured pruning: weights go one by one, wherever they lie."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.pruning.compaction import whole_rows_and_columns
from xbarpaper.pruning.scheme import Scheme
from xbarpaper.support.errors import ArtifactError


def unstructured_masks(
    network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
) -> dict[str, Tensor]:
    """Global magnitude pruning, as AC/DC's public code does it (arXiv 2106.12379): one threshold for all layers.

    Of N weights at sparsity s, those stay that are strictly larger than the k-th largest, k = ceil(N (1 - s)): k - 1 of
    them, fewer where magnitudes are equal.

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


UNSTRUCTURED: Final = Scheme("unstructured", unstructured_masks, whole_rows_and_columns)
"""Beside the paper's schemes, which are structured."""
