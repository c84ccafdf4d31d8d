"""Which points there are: along eight axes around the profile's own point, and on two maps over pairs of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from xbarpaper.params import GAINS, SCHEMES, Devices, Gain, Params, Parasitics, SchemeName
from xbarpaper.pruning import SCHEMES as PRUNING

Axis = Literal[
    "on_off", "w_max", "gain", "wires", "drivers", "size", "sparsity", "sigma", "on_off_by_w_max", "wires_by_drivers"
]  # fmt: skip
AXES: Final[tuple[Axis, ...]] = get_args(Axis)
MAPS: Final[tuple[Axis, ...]] = ("on_off_by_w_max", "wires_by_drivers")

_MAP_SCHEMES: Final[tuple[SchemeName, ...]] = ("unpruned", "cf")


@dataclass(frozen=True)
class Conditions:
    """A point in the space of conventions.

    Attributes:
        devices: range and variation of the devices.
        parasitics: resistances of drivers, wires and sensing.
        w_max_quantile: quantile of a layer's |w| that programs the highest conductance.
        gain: calibration of the readout.
        crossbar_size: rows and columns of the crossbars.
        sparsity: fraction of the weights removed from the prunable layers of pruned networks.
    """

    devices: Devices
    parasitics: Parasitics
    w_max_quantile: float
    gain: Gain
    crossbar_size: int
    sparsity: float


@dataclass(frozen=True)
class Point:
    """A place on an axis, or on a map of two.

    Attributes:
        axis: the axis or map.
        value: where on it; on a map, where on its first axis.
        second: where on a map's second axis; None on an axis.
        at: what holds there.
        schemes: the networks that are evaluated there.
    """

    axis: Axis
    value: float | Gain
    second: float | None
    at: Conditions
    schemes: tuple[SchemeName, ...] = SCHEMES

    @property
    def label(self) -> str:
        """``value`` as tables write it."""
        return text_of(self.value)


def text_of(value: float | Gain) -> str:
    """A value of an axis as tables write it."""
    return value if isinstance(value, str) else f"{value:.9g}"


def own_conditions(params: Params, experiment: str) -> Conditions:
    """The profile's own point, at ``sensitivity.crossbar_size``."""
    return Conditions(
        devices=params.devices,
        parasitics=params.circuit,
        w_max_quantile=params.mapping.w_max_quantile,
        gain=params.readout.gain,
        crossbar_size=params.sensitivity.crossbar_size,
        sparsity=params.experiment(experiment).sparsity,
    )


def own_values(params: Params, experiment: str) -> dict[str, float | Gain]:
    """The value of each axis at the profile's own point."""
    own = own_conditions(params, experiment)
    return {
        "on_off": own.devices.r_max_ohm / own.devices.r_min_ohm,
        "w_max": own.w_max_quantile,
        "gain": own.gain,
        "wires": 1.0,
        "drivers": 1.0,
        "size": float(own.crossbar_size),
        "sparsity": own.sparsity,
        "sigma": own.devices.variation_sigma,
    }


def plan(params: Params, experiment: str) -> list[Point]:
    """All points: every axis with the profile's own value among its values, in ascending order, then the maps."""
    settings, own = params.sensitivity, own_conditions(params, experiment)
    axes: dict[Axis, Sequence[float | Gain]] = {
        "on_off": settings.on_off_ratios,
        "w_max": settings.w_max_quantiles,
        "gain": GAINS,
        "wires": settings.wire_factors,
        "drivers": settings.driver_factors,
        "size": [float(size) for size in settings.crossbar_sizes],
        "sparsity": settings.sparsities,
        "sigma": settings.variation_sigmas,
    }
    at_home = own_values(params, experiment)
    values = {axis: _with_own(chosen, at_home[axis]) for axis, chosen in axes.items()}
    points = []
    for axis, chosen in values.items():
        for value in chosen:
            at = _moved(own, axis, value, at_home)
            there = SCHEMES
            if axis == "size":
                there = tuple(s for s in SCHEMES if _trained_for(s, at.crossbar_size, params))
            points.append(Point(axis, value, None, at, there))
    pairs: tuple[tuple[Axis, Axis, Axis], ...] = (
        ("on_off_by_w_max", "on_off", "w_max"),
        ("wires_by_drivers", "wires", "drivers"),
    )
    for name, first, second in pairs:
        for one in values[first]:
            for other in values[second]:
                at = _moved(_moved(own, first, one, at_home), second, other, at_home)
                points.append(Point(name, one, float(other), at, _MAP_SCHEMES))
    return points


def _with_own(values: Sequence[float | Gain], own: float | Gain) -> list[float | Gain]:
    if isinstance(own, str):
        return list(values)
    others = [float(value) for value in values if not math.isclose(float(value), own)]
    return list(sorted([*others, own]))


def _moved(
    start: Conditions, axis: Axis, value: float | Gain, at_home: dict[str, float | Gain]
) -> Conditions:
    """The conditions with one of them changed; what is at home already stays the very same."""
    if value == at_home[axis]:
        return start
    if axis == "gain":
        (gain,) = (gain for gain in GAINS if gain == value)
        return replace(start, gain=gain)
    number, devices, parasitics = float(value), start.devices, start.parasitics
    if axis == "on_off":
        devices = devices.model_copy(update={"r_max_ohm": number * devices.r_min_ohm})
    elif axis == "sigma":
        devices = devices.model_copy(update={"variation_sigma": number})
    elif axis == "wires":
        parasitics = _scaled(parasitics, number, "row_wire_ohm", "column_wire_ohm")
    elif axis == "drivers":
        parasitics = _scaled(parasitics, number, "driver_ohm", "sense_ohm")
    elif axis == "w_max":
        return replace(start, w_max_quantile=number)
    elif axis == "size":
        return replace(start, crossbar_size=int(number))
    elif axis == "sparsity":
        return replace(start, sparsity=number)
    return replace(start, devices=devices, parasitics=parasitics)


def _scaled(parasitics: Parasitics, factor: float, *names: str) -> Parasitics:
    return parasitics.model_copy(update={name: factor * getattr(parasitics, name) for name in names})


def _trained_for(scheme: SchemeName, crossbar_size: int, params: Params) -> bool:
    """Whether a network of the scheme exists for crossbars of that size."""
    if scheme == "unpruned" or not PRUNING[scheme].depends_on_crossbar_size:
        return True
    return crossbar_size in params.mapping.crossbar_sizes
