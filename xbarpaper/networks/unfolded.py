"""Convolutions with 3 x 3 kernels on small maps as one matrix product each, for bfloat16.

Where a processor multiplies bfloat16 matrices in hardware, a library's convolution of maps of 4 x 4 pixels and fewer
spends most of its time on anything but products. Unfolded (im2col: Chellapilla et al., 2006), every output pixel is a row
that holds the nine pixels below the kernel, and the convolution, its gradient by the input and its gradient by the
weights are a matrix product each. They add up what the library adds up, in another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_TAPS = 9


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The convolution of maps padded by one pixel of zeros, with stride 1.

    Args:
        features: shape (n, inputs, side, side).
        weight: shape (filters, inputs, 3, 3), in the same arithmetic.
        bias: shape (filters,); only for inference.

    Returns:
        Shape (n, filters, side, side), in channels_last memory.
    """
    if bias is not None:
        return _convolve(features, weight, bias)
    convolved: Tensor = _Convolution.apply(features, weight)  # type: ignore[no-untyped-call]
    return convolved


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return _convolve(features, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        features, weight = ctx.saved_tensors
        by_features = by_weight = None
        if ctx.needs_input_grad[0]:
            by_features = _convolve(gradient, weight.flip(2, 3).transpose(0, 1))
        if ctx.needs_input_grad[1]:
            rows = gradient.permute(0, 2, 3, 1).reshape(-1, len(weight))
            by_weight = (rows.t() @ _unfold(features)).view(len(weight), 3, 3, -1).permute(0, 3, 1, 2)
        return by_features, by_weight


def _convolve(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    count, _, height, width = features.shape
    kernels = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)  # a view of weights in channels_last memory
    outputs = functional.linear(_unfold(features), kernels, bias)
    return outputs.view(count, height, width, -1).permute(0, 3, 1, 2)


def _unfold(features: Tensor) -> Tensor:
    """Rows of nine pixels with all their channels, shape (n * height * width, 9 * channels)."""
    count, channels, height, width = features.shape
    padded = functional.pad(features.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    image, row, pixel, _ = padded.stride()
    windows = padded.as_strided((count, height, width, 3, 3, channels), (image, row, pixel, row, pixel, 1))
    return windows.reshape(-1, _TAPS * channels)
