"""C/F, channel/filter pruning: an output filter goes together with the channels that it feeds in the next layers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from xbarpaper.networks.network import CLASSES, IMAGES, Network
from xbarpaper.pruning.compaction import whole_rows_and_columns
from xbarpaper.pruning.scheme import Scheme


def cf_masks(
    network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
) -> dict[str, Tensor]:
    """Channel/filter pruning (arXiv 2201.05229): the channels of lowest L1 norm per weight go first.

    With a channel go its filter (a matrix column) in every layer that writes it and its rows in every layer that reads
    it. A group of channels shrinks where every layer that writes it is prunable, and none that writes or reads it is a
    grouped convolution. All such groups keep the same share of their channels, chosen so that the weights removed from
    the prunable layers together, as filters and as channels, come as near to the sparsity as whole filters allow. The
    rows of a removed channel go even in a layer that is not prunable, such as the classifier: nothing reaches them.
    """
    del crossbar_size
    matrices, places = network.matrices(), network.placements()
    counts = _kept_counts(network, prunable, sparsity)
    kept = {group: torch.ones(n, dtype=torch.bool) for group, n in network.channels.items()}
    for group, count in counts.items():
        order = _norm_per_weight(network, matrices, group).sort(stable=True, descending=True).indices
        kept[group][order[count:]] = False
    masks = {}
    for layer in network.layers:
        cells = len(matrices[layer.name]) // len(kept[layer.reads])
        rows = kept[layer.reads].repeat_interleave(cells)
        masks[layer.name] = rows[:, None] & kept[layer.writes][None, :] & places[layer.name].whole()
    return masks


CF: Final = Scheme("cf", cf_masks, whole_rows_and_columns, removes_filters=True)


def _shrinking(network: Network, prunable: frozenset[str]) -> list[str]:
    """The groups of channels that may shrink, in the order in which they are written."""
    groups = dict.fromkeys(layer.writes for layer in network.layers)
    places = network.placements()
    for layer in network.layers:
        if layer.name not in prunable:
            groups.pop(layer.writes, None)
        if places[layer.name].groups > 1:
            groups.pop(layer.reads, None)
            groups.pop(layer.writes, None)
    return [group for group in groups if group not in (IMAGES, CLASSES)]


def _norm_per_weight(network: Network, matrices: Mapping[str, Tensor], group: str) -> Tensor:
    """L1 norm per weight of each channel of a group: its columns where it is written, its rows where it is read."""
    channels = network.channels[group]
    total, weights = torch.zeros(channels), 0
    for layer in network.layers:
        if layer.writes == group:
            total = total + matrices[layer.name].abs().sum(0)
            weights += len(matrices[layer.name])
    for layer in network.layers:
        if layer.reads == group:
            total = total + matrices[layer.name].abs().reshape(channels, -1).sum(1)
            weights += matrices[layer.name].numel() // channels
    return total / weights


def _kept_counts(network: Network, prunable: frozenset[str], sparsity: float) -> dict[str, int]:
    """Channels to keep of each shrinking group: of all common shares, the one that comes nearest to the sparsity."""
    channels = {group: network.channels[group] for group in _shrinking(network, prunable)}
    weights = {name: place.full_weights for name, place in network.placements().items() if name in prunable}
    layers = [layer for layer in network.layers if layer.name in prunable]
    # Between two neighbouring borders, every share rounds to the same numbers of channels.
    borders = sorted({(kept + 0.5) / count for count in channels.values() for kept in range(count)})
    candidates = [(lower + upper) / 2 for lower, upper in pairwise([0.0, *borders, 1.0])]
    best, best_error = channels, float("inf")
    for share in candidates:
        counts = {group: max(1, round(share * count)) for group, count in channels.items()}
        shares = {group: counts[group] / count for group, count in channels.items()}
        left = 0.0
        for layer in layers:
            left += weights[layer.name] * shares.get(layer.reads, 1.0) * shares.get(layer.writes, 1.0)
        error = abs(left - (1 - sparsity) * sum(weights.values()))
        if error < best_error:
            best, best_error = counts, error
    return best
