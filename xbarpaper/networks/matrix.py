"""The matrix form of a weight: rows are inputs, columns are outputs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def matrix_of(weight: Tensor) -> Tensor:
    """Matrix form of a weight: rows are inputs (in * kh * kw), columns are outputs.

    Args:
        weight: a convolution's (out, in, kh, kw) or a linear layer's (out, in).
    """
    return weight.flatten(1).T


def weight_of(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """The weight of that shape whose matrix form this is; inverse of ``matrix_of``."""
    return matrix.T.reshape(tuple(shape))
