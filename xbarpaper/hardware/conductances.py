"""Weights as differential pairs of conductances, and back; whole, or cut into slices of a few bits, a pair for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from xbarpaper.params import Devices


@dataclass(frozen=True)
class DifferentialPair:
    """One array for each sign of the weights, siemens; both of shape (..., rows, columns)."""

    plus: Tensor
    minus: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> DifferentialPair:
        """What ``change`` makes of both arrays, of ``plus`` first."""
        return DifferentialPair(change(self.plus), change(self.minus))


def conductances(weights: Tensor, devices: Devices, w_max: float | Tensor) -> DifferentialPair:
    """Program weights onto a differential pair of crossbars.

    A positive weight raises its device in ``plus`` above ``g_min``, a negative one its device in ``minus``; the other
    device of the pair stays at ``g_min``.

    Args:
        weights: weights, rows are inputs, shape (..., rows, columns), any unit.
        w_max: weight that programs ``g_max``; larger magnitudes saturate. One for all, or one for each, in their shape.

    Returns:
        The pair, each of the shape of ``weights``, siemens. ``weights_of`` inverts it where nothing saturated.

    Raises:
        ValueError: ``w_max`` is not positive, or ``weights`` holds a NaN.
    """
    smallest = float(w_max.min()) if isinstance(w_max, Tensor) else w_max
    if not smallest > 0:
        raise ValueError(f"w_max = {smallest:g} must be positive")
    if torch.isnan(weights).any():
        raise ValueError("weights hold a NaN")
    g_min, g_max = devices.g_min_siemens, devices.g_max_siemens
    share = (weights / w_max).clamp(-1.0, 1.0)
    return DifferentialPair(
        plus=g_min + (g_max - g_min) * share.clamp(min=0),
        minus=g_min + (g_max - g_min) * (-share).clamp(min=0),
    )


def weights_of(pair: DifferentialPair, devices: Devices, w_max: float | Tensor) -> Tensor:
    """The weights that a pair of conductances stands for; inverse of ``conductances``."""
    return (pair.plus - pair.minus) * (w_max / (devices.g_max_siemens - devices.g_min_siemens))


def is_low(conductance: Tensor, devices: Devices, threshold: float) -> Tensor:
    """True where a device is below g_min + threshold * (g_max - g_min); same shape."""
    g_min, g_max = devices.g_min_siemens, devices.g_max_siemens
    return conductance < g_min + threshold * (g_max - g_min)


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
