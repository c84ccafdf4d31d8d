"""C/F, channel/filter pruning: an output filter goes together with the channels that it feeds in the next layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, whole_rows_and_columns


class Cf:
    """Channel/filter pruning (arXiv 2201.05229): the groups of lowest L1 norm per weight go first.

    A group is a filter of a convolution (a matrix column) with the rows of the next layer that read it. Every prunable
    convolution keeps the same share of its filters, chosen so that the weights removed from the prunable layers together,
    as filters and as channels, come as near to the sparsity as whole filters allow. The classifier's rows of a removed
    filter go with it even when the classifier itself is not prunable: nothing reaches them any more.
    """

    name: ClassVar[PrunedSchemeName] = "cf"
    title: ClassVar[str] = "C/F"
    depends_on_crossbar_size: ClassVar[bool] = False
    removes_filters: ClassVar[bool] = True

    def masks(
        self, matrices: Mapping[str, Tensor], prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """True where a weight stays, for every layer (channels go with filters); see ``Scheme.masks``."""
        del crossbar_size
        names = list(matrices)
        filters = {name: matrices[name].shape[1] for name in names}
        shrinking = [name for name in names[:-1] if name in prunable]
        counts = _kept_counts(matrices, shrinking, prunable, sparsity)
        kept_columns = {name: torch.ones(filters[name], dtype=torch.bool) for name in names}
        for name, following in pairwise(names):
            if name in shrinking:
                order = (
                    _norm_per_weight(matrices[name], matrices[following])
                    .sort(stable=True, descending=True)
                    .indices
                )
                kept_columns[name][order[counts[name] :]] = False
        masks = {names[0]: kept_columns[names[0]].expand(matrices[names[0]].shape).clone()}
        for name, following in pairwise(names):
            cells = matrices[following].shape[0] // filters[name]
            kept_rows = kept_columns[name].repeat_interleave(cells)
            masks[following] = kept_rows[:, None] & kept_columns[following][None, :]
        return masks

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """What T leaves of a layer; see ``mapping.whole_rows_and_columns``."""
        return whole_rows_and_columns(mask, crossbar_size)


def _norm_per_weight(matrix: Tensor, following: Tensor) -> Tensor:
    """L1 norm per weight of each filter with the rows it feeds, shape (filters,)."""
    filters = matrix.shape[1]
    rows = following.abs().reshape(filters, -1).sum(1)
    return (matrix.abs().sum(0) + rows) / (matrix.shape[0] + following.numel() // filters)


def _kept_counts(
    matrices: Mapping[str, Tensor], shrinking: list[str], prunable: frozenset[str], sparsity: float
) -> dict[str, int]:
    """Filters to keep in each shrinking layer: of all common shares, the one that comes nearest to the sparsity."""
    filters = {name: matrix.shape[1] for name, matrix in matrices.items()}
    total = sum(matrices[name].numel() for name in prunable)
    # Between two neighbouring borders, every share rounds to the same numbers of filters.
    borders = sorted({(kept + 0.5) / filters[name] for name in shrinking for kept in range(filters[name])})
    candidates = [(lower + upper) / 2 for lower, upper in pairwise([0.0, *borders, 1.0])]
    best: dict[str, int] = dict(filters)
    best_error = float("inf")
    for share in candidates:
        counts = {
            name: max(1, round(share * filters[name])) if name in shrinking else filters[name]
            for name in filters
        }
        left, previous_share = 0.0, 1.0
        for name, matrix in matrices.items():
            own_share = counts[name] / filters[name]
            if name in prunable:
                left += matrix.numel() * previous_share * own_share
            previous_share = own_share
        error = abs(left - (1 - sparsity) * total)
        if error < best_error:
            best, best_error = counts, error
    return best
