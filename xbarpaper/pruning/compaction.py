"""T: what pruning leaves of a matrix, as dense blocks for the crossbars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Strip:
    """A dense block that T leaves: these rows crossed with these columns of the original matrix."""

    rows: Tensor  # original row indices in the order in which they go onto the crossbars, shape (rows,)
    columns: Tensor  # original column indices in that order, shape (columns,)


Compaction = Callable[[Tensor, int], list[Strip]]


def whole_rows_and_columns(mask: Tensor, crossbar_size: int) -> list[Strip]:
    """T for C/F: removes the rows and the columns that hold no weight at all.

    Args:
        mask: True where a weight lives, shape (rows, columns).
        crossbar_size: not used; here so that all compactions are called alike.
    """
    del crossbar_size
    return _strips([(torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten())])


def columns_of_row_strips(mask: Tensor, crossbar_size: int) -> list[Strip]:
    """T for XCS: removes, within each strip of ``crossbar_size`` rows, the columns that hold no weight there."""
    every_row = torch.arange(mask.shape[0])
    return _strips(
        [(rows, torch.nonzero(mask[rows].any(0)).flatten()) for rows in every_row.split(crossbar_size)]
    )


def rows_of_column_strips(mask: Tensor, crossbar_size: int) -> list[Strip]:
    """T for XRS: removes, within each strip of ``crossbar_size`` columns, the rows that hold no weight there."""
    transposed = columns_of_row_strips(mask.T, crossbar_size)
    return [Strip(rows=strip.columns, columns=strip.rows) for strip in transposed]


def _strips(blocks: list[tuple[Tensor, Tensor]]) -> list[Strip]:
    return [Strip(rows, columns) for rows, columns in blocks if len(rows) and len(columns)]
