"""From weights to conductances on crossbars, and back: each step stands beside its inverse.

The steps are those of the paper's hardware evaluation: a layer becomes a matrix (``matrix_of``), T removes what pruning
left without devices and cuts the rest into crossbars (``tile_map``), and each weight becomes a differential pair of
conductances (``conductances``). Nothing here knows of circuits or networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from xbarpaper.params import Devices

NO_DEVICE = -1


def matrix_of(weight: Tensor) -> Tensor:
    """Matrix form of a weight: rows are inputs (in * kh * kw), columns are outputs.

    Args:
        weight: a convolution's (out, in, kh, kw) or a linear layer's (out, in).
    """
    return weight.flatten(1).T


def weight_of(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """The weight of that shape whose matrix form this is; inverse of ``matrix_of``."""
    return matrix.T.reshape(tuple(shape))


@dataclass(frozen=True)
class Strip:
    """A dense block that T leaves: these rows crossed with these columns of the original matrix.

    Attributes:
        rows: original row indices in the order in which they go onto the crossbars, shape (rows,).
        columns: original column indices in that order, shape (columns,).
    """

    rows: Tensor
    columns: Tensor


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


@dataclass(frozen=True)
class TileMap:
    """Which weight of the original matrix sits where on which crossbar.

    Attributes:
        rows: original row of each crossbar row, ``NO_DEVICE`` where it is padding, shape (tiles, size).
        columns: original column of each crossbar column, ``NO_DEVICE`` where it is padding, shape (tiles, size).
        shape: rows and columns of the original matrix.
    """

    rows: Tensor
    columns: Tensor
    shape: tuple[int, int]

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
        shape: rows and columns of the original matrix.
        crossbar_size: rows and columns of a crossbar.
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


@dataclass(frozen=True)
class DifferentialPair:
    """One array for each sign of the weights, siemens; both of shape (..., rows, columns)."""

    plus: Tensor
    minus: Tensor


def conductances(weights: Tensor, devices: Devices, w_max: float) -> DifferentialPair:
    """Program weights onto a differential pair of crossbars.

    A positive weight raises its device in ``plus`` above ``g_min``, a negative one its device in ``minus``; the other
    device of the pair stays at ``g_min``.

    Args:
        weights: weights, rows are inputs, shape (..., rows, columns), any unit.
        devices: range of the devices.
        w_max: weight that programs ``g_max``; larger magnitudes saturate.

    Returns:
        The pair, each of the shape of ``weights``, siemens. ``weights_of`` inverts it where nothing saturated.

    Raises:
        ValueError: ``w_max`` is not positive, or ``weights`` holds a NaN.
    """
    if not w_max > 0:
        raise ValueError(f"w_max = {w_max:g} must be positive")
    if torch.isnan(weights).any():
        raise ValueError("weights hold a NaN")
    g_min, g_max = devices.g_min_siemens, devices.g_max_siemens
    share = (weights / w_max).clamp(-1.0, 1.0)
    return DifferentialPair(
        plus=g_min + (g_max - g_min) * share.clamp(min=0),
        minus=g_min + (g_max - g_min) * (-share).clamp(min=0),
    )


def weights_of(pair: DifferentialPair, devices: Devices, w_max: float) -> Tensor:
    """The weights that a pair of conductances stands for; inverse of ``conductances``."""
    return (pair.plus - pair.minus) * (w_max / (devices.g_max_siemens - devices.g_min_siemens))


def is_low(conductance: Tensor, devices: Devices, threshold: float) -> Tensor:
    """True where a device is below g_min + threshold * (g_max - g_min); same shape."""
    g_min, g_max = devices.g_min_siemens, devices.g_max_siemens
    return conductance < g_min + threshold * (g_max - g_min)


def _strips(blocks: list[tuple[Tensor, Tensor]]) -> list[Strip]:
    return [Strip(rows, columns) for rows, columns in blocks if len(rows) and len(columns)]


def _blocks(indices: Tensor, size: int) -> Tensor:
    """Indices cut into blocks (blocks, size), the last one padded with ``NO_DEVICE``."""
    blocks = ceil(len(indices) / size)
    padded = indices.new_full((blocks * size,), NO_DEVICE)
    padded[: len(indices)] = indices
    return padded.reshape(blocks, size)
