"""Convolutions with 3 x 3 kernels on maps of 2 x 2 and 4 x 4 pixels, with fewer multiplications.

On so small a map a library's direct convolution reaches a fraction of the processor's matrix rate. Winograd's minimal
filtering (Lavin and Gray, arXiv 1509.09308) takes the whole padded map as one tile: four multiplications for each pair
of input and output channel and each output pixel become one matrix product, with 16 / 4 or 36 / 16 products a pixel in
place of 9. Its rounding error in float32 is some 1e-5 of the largest output. The weights stay those of the convolution.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

_LEAST_CHANNELS: Final = 128  # with fewer, moving the data costs more than the products that are saved

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


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution of stride 1 without bias that keeps the size of its maps, fast on small ones too."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__(inputs, filters, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, filters, h, w)."""
        worth = min(self.weight.shape[:2]) >= _LEAST_CHANNELS
        plain = features.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if worth and plain and features.dtype == torch.float32 and features.shape[2:] in ((2, 2), (4, 4)):
            return whole_map(features, self.weight)
        return super().forward(features)


def whole_map(features: Tensor, weight: Tensor) -> Tensor:
    """The convolution of maps of 2 x 2 or 4 x 4 pixels, padded by one pixel of zeros.

    Args:
        features: shape (n, inputs, side, side), side 2 or 4.
        weight: shape (filters, inputs, 3, 3).

    Returns:
        Shape (n, filters, side, side), in channels_last memory.
    """
    count, inputs, side, _ = features.shape
    filters, products = len(weight), (side + 2) ** 2
    to_products, of_kernel, to_pixels = _transforms(side, features.dtype)
    pixels = features.permute(2, 3, 0, 1).reshape(side * side, count * inputs)
    kernels = weight.permute(2, 3, 0, 1).reshape(9, filters * inputs)
    transformed = (to_products @ pixels).view(products, count, inputs)
    multiplied = transformed @ (of_kernel @ kernels).view(products, filters, inputs).transpose(1, 2)
    outputs = (to_pixels @ multiplied.view(products, -1)).view(side, side, count, filters)
    return outputs.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)


@cache
def _transforms(side: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Two-dimensional transforms: pixels to products, kernel to products, products to pixels; the padding is left out."""
    row, kernel, output = (torch.tensor(one[side], dtype=torch.float64) for one in (_INPUT, _KERNEL, _OUTPUT))
    inner = row[:, 1:-1]  # what is padded is zero
    return tuple(torch.kron(one, one).to(dtype) for one in (inner, kernel, output))  # type: ignore[return-value]
