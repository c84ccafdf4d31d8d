"""What an axis is: which parameter is moved, what it is called, and how it moves; and a survey along several of them.

Nothing here needs torch, so figures can read the names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xbarpaper.params import Devices, Gain, Mitigation, Params, Parasitics, Survey

Value = float | str
"""A place on an axis: a number, or a name."""


@dataclass(frozen=True)
class Conditions:
    """All that the axes move."""

    devices: Devices  # range and variation of the devices
    parasitics: Parasitics  # resistances of drivers, wires and sensing
    w_max_quantile: float  # quantile of a layer's |w| that programs the highest conductance
    gain: Gain  # calibration of the readout
    crossbar_size: int  # rows and columns of the crossbars
    sparsity: float  # fraction of the weights removed from the prunable layers of pruned networks

    def with_devices(self, **values: float | str) -> Conditions:
        """The same with other values of the devices."""
        return replace(self, devices=self.devices.model_copy(update=values))

    def with_resistances_times(self, factor: float, *names: str) -> Conditions:
        """The same with some of the resistances multiplied."""
        values = {name: factor * getattr(self.parasitics, name) for name in names}
        return replace(self, parasitics=self.parasitics.model_copy(update=values))


@dataclass(frozen=True)
class Axis:
    """One parameter that moves while all others stay."""

    name: str  # its name in tables
    label: str  # what stands below it in a figure
    short: str  # its name in a sentence
    # where it is evaluated, beside the profile's own value; names from weak to strong
    values: Sequence[Value]
    own: Callable[[Conditions], Value]  # its value at the profile's own conditions
    moved: Callable[[Conditions, Any], Conditions]  # the conditions with it at another value
    told: str = ""  # a place on it in a sentence, ``{}`` for the value; ``short`` and the value if not given
    names: Mapping[str, str] = field(default_factory=dict)  # what a value is called, if not by itself
    # whether a line joins its values in a figure, in ascending order; otherwise they stand as they come
    joined: bool = True

    def name_of(self, value: Value) -> str:
        """What a value is called in figures and tables."""
        return self.names.get(text_of(value), text_of(value))

    def said(self, value: Value) -> str:
        """A place on the axis, for sentences."""
        return (self.told or f"{self.short} {{}}").format(self.name_of(value))


@dataclass(frozen=True)
class Axes:
    """A survey: the axes along which the profile's own point is left, and pairs of them that are moved together."""

    stage: str  # whose results these are
    settings: Survey  # experiments, crossbar size, draws and test images
    single: Mapping[str, Axis]  # the axes by name, in the order of tables and figures
    maps: Mapping[str, tuple[Axis, Axis]]  # pairs of axes, by the name of the pair
    mitigations: tuple[Mitigation, ...]  # what is tried at each point


def text_of(value: Value) -> str:
    """A value of an axis as tables write it."""
    return value if isinstance(value, str) else f"{value:.9g}"


def own_conditions(params: Params, experiment: str, crossbar_size: int) -> Conditions:
    """The profile's own point."""
    return Conditions(
        devices=params.devices,
        parasitics=params.circuit,
        w_max_quantile=params.mapping.w_max_quantile,
        gain=params.readout.gain,
        crossbar_size=crossbar_size,
        sparsity=params.experiment(experiment).sparsity,
    )


def own_values(axes: Axes, params: Params, experiment: str) -> dict[str, Value]:
    """The value of each axis at the profile's own point."""
    own = own_conditions(params, experiment, axes.settings.crossbar_size)
    return {axis.name: axis.own(own) for axis in axes.single.values()}
