"""Which weight sits where on which crossbar: matrices cut into tiles, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from xbarpaper.pruning.compaction import Strip

NO_DEVICE = -1


@dataclass(frozen=True)
class TileMap:
    """Which weight of the original matrix sits where on which crossbar."""

    rows: Tensor  # original row of each crossbar row, ``NO_DEVICE`` where it is padding, shape (tiles, size)
    # original column of each crossbar column, ``NO_DEVICE`` where it is padding, shape (tiles, size)
    columns: Tensor
    shape: tuple[int, int]  # rows and columns of the original matrix

    @property
    def tiles(self) -> int:
        """Number of crossbars for one sign of the weights."""
        return self.rows.shape[0]

    @property
    def size(self) -> int:
        """Rows and columns of a crossbar."""
        return self.rows.shape[1]

    @property
    def occupied(self) -> Tensor:
        """True where a device is programmed, False in the padding, shape (tiles, size, size)."""
        return (self.rows >= 0)[:, :, None] & (self.columns >= 0)[:, None, :]

    def tile(self, matrix: Tensor) -> Tensor:
        """Cut a matrix of the original shape into crossbars (tiles, size, size); padding is zero."""
        if tuple(matrix.shape) != self.shape:
            raise ValueError(
                f"matrix of shape {tuple(matrix.shape)} does not fit a map of shape {self.shape}"
            )
        gathered = matrix[self.rows.clamp(min=0)[:, :, None], self.columns.clamp(min=0)[:, None, :]]
        return gathered.masked_fill(~self.occupied, 0)

    def untile(self, tiles: Tensor) -> Tensor:
        """Put crossbars (tiles, size, size) back into the original matrix; zero where T removed. Inverse of ``tile``."""
        expected = (self.tiles, self.size, self.size)
        if tuple(tiles.shape) != expected:
            raise ValueError(f"tiles of shape {tuple(tiles.shape)} do not fit a map of shape {expected}")
        matrix = tiles.new_zeros(self.shape[0] * self.shape[1])
        cells = self.rows[:, :, None] * self.shape[1] + self.columns[:, None, :]
        occupied = self.occupied
        matrix[cells[occupied]] = tiles[occupied]
        return matrix.reshape(self.shape)

    def owners(self) -> Tensor:
        """Number of the crossbar that holds each weight, ``NO_DEVICE`` where T removed it; shape of the matrix."""
        numbers = torch.arange(1, self.tiles + 1)[:, None, None].expand(-1, self.size, self.size)
        return self.untile(numbers) - 1


def tile_map(strips: Sequence[Strip], shape: tuple[int, int], crossbar_size: int) -> TileMap:
    """Cut strips into crossbars of ``crossbar_size`` rows and columns, the last ones of each strip padded.

    Args:
        strips: what T left; together they hold every weight once.
    """
    rows: list[Tensor] = []
    columns: list[Tensor] = []
    for strip in strips:
        row_blocks, column_blocks = _blocks(strip.rows, crossbar_size), _blocks(strip.columns, crossbar_size)
        rows.append(row_blocks.repeat_interleave(len(column_blocks), dim=0))
        columns.append(column_blocks.repeat(len(row_blocks), 1))
    empty = torch.empty(0, crossbar_size, dtype=torch.long)
    return TileMap(torch.cat([empty, *rows]), torch.cat([empty, *columns]), shape)


def dense_tiles(shape: tuple[int, int], crossbar_size: int) -> int:
    """Number of crossbars, for one sign, that a matrix needs when nothing is removed."""
    return ceil(shape[0] / crossbar_size) * ceil(shape[1] / crossbar_size)


def _blocks(indices: Tensor, size: int) -> Tensor:
    """Indices cut into blocks (blocks, size), the last one padded with ``NO_DEVICE``."""
    blocks = ceil(len(indices) / size)
    padded = indices.new_full((blocks * size,), NO_DEVICE)
    padded[: len(indices)] = indices
    return padded.reshape(blocks, size)
