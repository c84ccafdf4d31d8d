"""The matrix form of a weight: rows are inputs, columns are outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def matrix_of(weight: Tensor) -> Tensor:
    """Matrix form of a weight: rows are inputs (in * kh * kw), columns are outputs.

    Args:
        weight: a convolution's (out, in, kh, kw) or a linear layer's (out, in). For a grouped convolution, ``in``
            counts the channels of one group, as in torch.
    """
    return weight.flatten(1).T


def weight_of(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """The weight of that shape whose matrix form this is; inverse of ``matrix_of``."""
    return matrix.T.reshape(tuple(shape))


@dataclass(frozen=True)
class Placement:
    """Where a layer's own matrix sits in original coordinates: in the full matrix of the unpruned layer.

    The full matrix of a grouped convolution is block-diagonal, one block for each group; any other layer is one block.
    """

    rows: Tensor  # original row of each row, by group, shape (groups, rows)
    columns: Tensor  # original column of each column, by group, shape (groups, columns of a group)
    full_shape: tuple[int, int]  # rows and columns of the full matrix

    @property
    def groups(self) -> int:
        """Number of blocks."""
        return len(self.rows)

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of a block of the full matrix."""
        return self.full_shape[0] // self.groups, self.full_shape[1] // self.groups

    @property
    def full_weights(self) -> int:
        """Weights of the unpruned layer: cells of all blocks."""
        return self.groups * self.block_shape[0] * self.block_shape[1]

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and columns of each block of the full matrix."""
        rows, columns = (torch.arange(count).reshape(self.groups, -1) for count in self.full_shape)
        yield from zip(rows, columns, strict=True)

    def embed(self, matrix: Tensor) -> Tensor:
        """Put a matrix (rows, columns of all groups) into its original coordinates; zero (or False) elsewhere."""
        full = matrix.new_zeros(self.full_shape)
        by_group = matrix.reshape(matrix.shape[0], self.groups, -1).transpose(0, 1)
        full[self.rows[:, :, None], self.columns[:, None, :]] = by_group
        return full

    def extract(self, full: Tensor) -> Tensor:
        """Take the matrix out of its original coordinates again; inverse of ``embed``."""
        by_group = full[self.rows[:, :, None], self.columns[:, None, :]]
        return by_group.transpose(0, 1).reshape(self.rows.shape[1], -1)

    def whole(self) -> Tensor:
        """True where the unpruned layer has a weight, shape of the full matrix."""
        mask = torch.zeros(self.full_shape, dtype=torch.bool)
        for rows, columns in self.blocks():
            mask[rows[:, None], columns] = True
        return mask


def placed(weight: Tensor, groups: int) -> Placement:
    """The placement of an unpruned layer's weight; ``groups`` are those of its convolution."""
    rows, columns = weight[0].numel() * groups, len(weight)
    return Placement(
        torch.arange(rows).reshape(groups, -1), torch.arange(columns).reshape(groups, -1), (rows, columns)
    )
