"""XCS and XRS: segments of a matrix, as long as a crossbar, live or die together; those of lowest L1 norm go first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.pruning.compaction import columns_of_row_strips, rows_of_column_strips
from xbarpaper.pruning.scheme import Scheme


def xcs_masks(
    network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
) -> dict[str, Tensor]:
    """Crossbar column sparsity (arXiv 2201.05229): ``crossbar_size`` x 1 segments of a column within a strip of rows."""
    return _by_block(network, prunable, lambda block: column_segments(block, crossbar_size, sparsity))


def xrs_masks(
    network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
) -> dict[str, Tensor]:
    """Crossbar row sparsity (arXiv 2201.05229): 1 x ``crossbar_size`` segments of a row within a strip of columns."""
    return _by_block(network, prunable, lambda block: column_segments(block.T, crossbar_size, sparsity).T)


XCS: Final = Scheme("xcs", xcs_masks, columns_of_row_strips, depends_on_crossbar_size=True)
XRS: Final = Scheme("xrs", xrs_masks, rows_of_column_strips, depends_on_crossbar_size=True)


def _by_block(
    network: Network, layers: frozenset[str], keep: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Masks of the named layers, chosen by ``keep`` in each block of a layer's matrix by itself."""
    matrices, masks = network.matrices(), {}
    for name, place in network.placements().items():
        if name in layers:
            masks[name] = torch.zeros(place.full_shape, dtype=torch.bool)
            for rows, columns in place.blocks():
                masks[name][rows[:, None], columns] = keep(matrices[name][rows[:, None], columns])
    return masks


def column_segments(matrix: Tensor, length: int, sparsity: float) -> Tensor:
    """Keep the strongest segments: ``length`` x 1 pieces of the columns, cut at every ``length``-th row.

    The segments of lowest L1 norm go first, until the number of weights removed is as near to ``sparsity`` of the matrix
    as whole segments allow; at least one segment stays, so that a layer never falls silent. Equal norms go in
    the order of strips and columns, so the result is reproducible.

    Args:
        matrix: weights, shape (rows, columns).
        length: rows of a segment; the last strip may be shorter.
        sparsity: fraction of the weights to remove, at least 0 and below 1.

    Returns:
        True where a weight stays, shape (rows, columns).
    """
    rows, columns = matrix.shape
    strips = -(-rows // length)
    padded = matrix.new_zeros(strips * length, columns)
    padded[:rows] = matrix
    norms = padded.abs().reshape(strips, length, columns).sum(1)
    weights = torch.full((strips, columns), length)
    weights[-1] = rows - (strips - 1) * length
    order = norms.flatten().sort(stable=True).indices
    removed = torch.cumsum(weights.flatten()[order], 0) - weights.flatten()[order]  # before each segment goes
    count = int((removed - sparsity * rows * columns).abs().argmin())
    keep = torch.ones(strips * columns, dtype=torch.bool)
    keep[order[:count]] = False
    return keep.reshape(strips, columns).repeat_interleave(length, 0)[:rows]
