"""Weights cut into slices of a few bits, each slice on a pair of crossbars of its own."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from xbarpaper.hardware.conductances import DifferentialPair, conductances
from xbarpaper.params import Devices


def slice_bits(weight_bits: int, slices: int) -> int:
    """Bits of a slice: those of the magnitude shared out; the sign chooses the crossbar of the pair."""
    return ceil((weight_bits - 1) / slices)


def digits_of(weights: Tensor, w_max: float | Tensor, weight_bits: int, slices: int) -> Tensor:
    """Signed digits of weights rounded to whole numbers, the least significant slice first.

    Args:
        weights: any shape, any unit.
        w_max: weight that is the largest whole number ``2^(weight_bits - 1) - 1``; larger magnitudes saturate.
        weight_bits: sign included.

    Returns:
        Shape (slices, *shape of weights); ``sum_i digits[i] * 2^(i * slice_bits)`` is the whole number.
    """
    most, base = 2 ** (weight_bits - 1) - 1, 2 ** slice_bits(weight_bits, slices)
    whole = (weights / w_max * most).round().clamp(-most, most)
    left, digits = whole.abs(), []
    for _ in range(slices):
        digits.append(left.remainder(base) * whole.sign())
        left = (left / base).floor()
    return torch.stack(digits)


def sliced_conductances(
    weights: Tensor, devices: Devices, w_max: float | Tensor, weight_bits: int, slices: int
) -> list[DifferentialPair]:
    """Conductances of every slice, the least significant first: digit d gives ``g_min + d / (2^b - 1) (g_max - g_min)``.

    One slice is the analog weight itself, not rounded.
    """
    if slices == 1:
        return [conductances(weights, devices, w_max)]
    most = 2 ** slice_bits(weight_bits, slices) - 1
    return [
        conductances(digit, devices, float(most)) for digit in digits_of(weights, w_max, weight_bits, slices)
    ]
