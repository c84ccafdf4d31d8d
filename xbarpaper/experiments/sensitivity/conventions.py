"""The axes along which conventions are varied.

A new axis is an entry here, and a list of values in the section ``sensitivity`` of the parameters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from xbarpaper.experiments.sensitivity.axes import Axes, Axis
from xbarpaper.params import GAINS, MITIGATIONS, Params

_MAPS: Final = (("on_off", "w_max"), ("wires", "drivers"))


def conventions(params: Params) -> Axes:
    """The survey of the conventions that a profile asks for."""
    settings = params.sensitivity
    every = (
        Axis("on_off", "ON/OFF ratio of the devices", "ON/OFF ratio", settings.on_off_ratios,
             own=lambda at: at.devices.r_max_ohm / at.devices.r_min_ohm,
             moved=lambda at, ratio: at.with_devices(r_max_ohm=ratio * at.devices.r_min_ohm)),
        Axis("w_max", "w_max (quantile of |w|)", "w_max", settings.w_max_quantiles, joined=False,
             own=lambda at: at.w_max_quantile,
             moved=lambda at, quantile: replace(at, w_max_quantile=quantile)),
        Axis("gain", "one readout gain per", "readout gain", GAINS, joined=False,
             own=lambda at: at.gain,
             moved=lambda at, gain: replace(at, gain=gain)),
        Axis("wires", "wires (× the profile's)", "wires", settings.wire_factors,
             own=lambda _: 1.0,
             moved=lambda at, factor: at.with_resistances_times(factor, "row_wire_ohm", "column_wire_ohm")),
        Axis("drivers", "drivers and sensing (×)", "drivers", settings.driver_factors,
             own=lambda _: 1.0,
             moved=lambda at, factor: at.with_resistances_times(factor, "driver_ohm", "sense_ohm")),
        Axis("size", "crossbar size (rows)", "crossbar size", settings.crossbar_sizes,
             own=lambda at: float(at.crossbar_size),
             moved=lambda at, size: replace(at, crossbar_size=int(size))),
        Axis("sparsity", "weights removed (share)", "sparsity", settings.sparsities,
             own=lambda at: at.sparsity,
             moved=lambda at, sparsity: replace(at, sparsity=sparsity)),
        Axis("sigma", "device variation (sigma/mu)", "variation", settings.variation_sigmas,
             own=lambda at: at.devices.variation_sigma,
             moved=lambda at, sigma: at.with_devices(variation_sigma=sigma)),
    )  # fmt: skip
    single = {axis.name: axis for axis in every}
    maps = {f"{first}_by_{second}": (single[first], single[second]) for first, second in _MAPS}
    return Axes("10_sensitivity", settings, single, maps, MITIGATIONS)
