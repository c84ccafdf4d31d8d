"""The axes: which parameters are moved, one at a time, what they are called, and how they move.

A new axis is an entry of ``AXES``, and a list of values in the section ``sensitivity`` of the parameters. Nothing here
needs torch, so figures can read the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from xbarpaper.params import GAINS, Devices, Gain, Params, Parasitics, Sensitivity

Value = float | Gain
"""A place on an axis: a number, or the name of a gain mode."""


@dataclass(frozen=True)
class Conditions:
    """All that the axes move.

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

    def with_devices(self, **values: float) -> Conditions:
        """The same with other values of the devices."""
        return replace(self, devices=self.devices.model_copy(update=values))

    def with_resistances_times(self, factor: float, *names: str) -> Conditions:
        """The same with some of the resistances multiplied."""
        values = {name: factor * getattr(self.parasitics, name) for name in names}
        return replace(self, parasitics=self.parasitics.model_copy(update=values))


@dataclass(frozen=True)
class Axis:
    """One parameter that moves while all others stay.

    Attributes:
        name: its name in tables.
        label: what stands below it in a figure.
        short: its name in a sentence.
        values: where it is evaluated, beside the profile's own value.
        own: its value at the profile's own conditions.
        moved: the conditions with it at another value.
        scale: how a figure places its values; ``even`` puts them side by side whatever lies between them.
        every_value: whether each value has a tick.
    """

    name: str
    label: str
    short: str
    values: Callable[[Sensitivity], Sequence[Value]]
    own: Callable[[Conditions], Value]
    moved: Callable[[Conditions, Any], Conditions]
    scale: Literal["linear", "log", "even"] = "linear"
    every_value: bool = False


_ALL: Final = (
    Axis(
        "on_off",
        label="ON/OFF ratio of the devices",
        short="ON/OFF ratio",
        values=lambda settings: settings.on_off_ratios,
        own=lambda at: at.devices.r_max_ohm / at.devices.r_min_ohm,
        moved=lambda at, ratio: at.with_devices(r_max_ohm=ratio * at.devices.r_min_ohm),
        scale="log",
    ),
    Axis(
        "w_max",
        label="w_max (quantile of |w|)",
        short="w_max",
        values=lambda settings: settings.w_max_quantiles,
        own=lambda at: at.w_max_quantile,
        moved=lambda at, quantile: replace(at, w_max_quantile=quantile),
        scale="even",
        every_value=True,
    ),
    Axis(
        "gain",
        label="one readout gain per",
        short="readout gain",
        values=lambda _: GAINS,
        own=lambda at: at.gain,
        moved=lambda at, gain: replace(at, gain=gain),
        scale="even",
        every_value=True,
    ),
    Axis(
        "wires",
        label="wires (× the profile's)",
        short="wires",
        values=lambda settings: settings.wire_factors,
        own=lambda _: 1.0,
        moved=lambda at, factor: at.with_resistances_times(factor, "row_wire_ohm", "column_wire_ohm"),
    ),
    Axis(
        "drivers",
        label="drivers and sensing (×)",
        short="drivers",
        values=lambda settings: settings.driver_factors,
        own=lambda _: 1.0,
        moved=lambda at, factor: at.with_resistances_times(factor, "driver_ohm", "sense_ohm"),
    ),
    Axis(
        "size",
        label="crossbar size (rows)",
        short="crossbar size",
        values=lambda settings: settings.crossbar_sizes,
        own=lambda at: float(at.crossbar_size),
        moved=lambda at, size: replace(at, crossbar_size=int(size)),
        scale="log",
        every_value=True,
    ),
    Axis(
        "sparsity",
        label="weights removed (share)",
        short="sparsity",
        values=lambda settings: settings.sparsities,
        own=lambda at: at.sparsity,
        moved=lambda at, sparsity: replace(at, sparsity=sparsity),
    ),
    Axis(
        "sigma",
        label="device variation (sigma/mu)",
        short="variation",
        values=lambda settings: settings.variation_sigmas,
        own=lambda at: at.devices.variation_sigma,
        moved=lambda at, sigma: at.with_devices(variation_sigma=sigma),
    ),
)

AXES: Final[dict[str, Axis]] = {axis.name: axis for axis in _ALL}
"""Every axis, by name, in the order of tables and figures."""

MAPS: Final[dict[str, tuple[Axis, Axis]]] = {
    f"{first}_by_{second}": (AXES[first], AXES[second])
    for first, second in (("on_off", "w_max"), ("wires", "drivers"))
}
"""Pairs of axes that are moved together, by the name of the pair."""

if len(AXES) < len(_ALL):
    raise ValueError(f"two axes have one name: {', '.join(axis.name for axis in _ALL)}")


def text_of(value: Value) -> str:
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


def own_values(params: Params, experiment: str) -> dict[str, Value]:
    """The value of each axis at the profile's own point."""
    own = own_conditions(params, experiment)
    return {axis.name: axis.own(own) for axis in AXES.values()}
