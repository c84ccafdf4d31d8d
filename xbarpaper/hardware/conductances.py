"""Weights as differential pairs of conductances, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xbarpaper.params import Devices


@dataclass(frozen=True)
class DifferentialPair:
    """One array for each sign of the weights, siemens; both of shape (..., rows, columns)."""

    plus: Tensor
    minus: Tensor


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
