"""Convolutions with 3 x 3 kernels on maps of 2 x 2, 4 x 4 and 8 x 8 pixels, with fewer multiplications.

On so small a map a library's direct convolution reaches a fraction of the processor's matrix rate. Winograd's minimal
filtering (Lavin and Gray, arXiv 1509.09308) takes the padded map as one tile, or as four that overlap: the
multiplications for each pair of input and output channel become one matrix product, with 16 / 4 or 36 / 16 products an
output pixel in place of 9. Its rounding error in float32 is some 1e-5 of the largest output. The weights stay those of
the convolution.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

SIDES: Final = (2, 4, 8)
"""Sides of the maps that it works on."""
_TILE: Final = 4  # outputs to a side of a tile; larger ones lose digits

# One-dimensional transforms by side of the map: of a padded input row, of a kernel row, and back to outputs.
_INPUT: Final = {
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
}
_KERNEL: Final = {
    2: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    4: [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
}
_OUTPUT: Final = {
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


def whole_map(features: Tensor, weight: Tensor) -> Tensor:
    """The convolution of maps of 2 x 2, 4 x 4 or 8 x 8 pixels, padded by one pixel of zeros.

    Args:
        features: shape (n, inputs, side, side), side 2, 4 or 8.
        weight: shape (filters, inputs, 3, 3).

    Returns:
        Shape (n, filters, side, side), in channels_last memory.
    """
    count, inputs, side, _ = features.shape
    filters = len(weight)
    to_products, of_kernel, to_pixels = _transforms(side, features.dtype)
    pixels = features.permute(2, 3, 0, 1).reshape(side * side, count * inputs)
    kernels = weight.permute(2, 3, 0, 1).reshape(9, filters * inputs)
    # Products, tiles of all maps, inputs.
    transformed = (to_products @ pixels).view(len(of_kernel), -1, inputs)
    multiplied = transformed @ (of_kernel @ kernels).view(-1, filters, inputs).transpose(1, 2)
    outputs = (to_pixels @ multiplied.view(to_pixels.shape[1], -1)).view(side, side, count, filters)
    return outputs.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)


@cache
@torch.inference_mode(False)  # the first call may be an evaluation, and later ones train
def _transforms(side: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Two-dimensional transforms: pixels to products, kernel to products, products to pixels.

    A map of 8 x 8 pixels is four tiles of 4 x 4, which overlap at their edges; a smaller one is one tile. The padding is
    left out, because it is zero.
    """
    tile = min(side, _TILE)
    row, kernel, output = (torch.tensor(one[tile], dtype=torch.float64) for one in (_INPUT, _KERNEL, _OUTPUT))
    tiles = side // tile
    padded = torch.zeros(len(row), tiles, side + 2, dtype=torch.float64)
    pixels = torch.zeros(tiles, tile, len(row), tiles, dtype=torch.float64)
    for at in range(tiles):
        padded[:, at, at * tile : at * tile + tile + 2] = row
        pixels[at, :, :, at] = output
    both = torch.einsum("pti,quj->pqtuij", padded[..., 1:-1], padded[..., 1:-1])
    back = torch.einsum("iypt,jzqu->iyjzpqtu", pixels, pixels)
    return (
        both.reshape(-1, side * side).to(dtype),
        torch.kron(kernel, kernel).to(dtype),
        back.reshape(side * side, -1).to(dtype),
    )
